package authorize

import (
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// TestConsent: the id goes where the profile says, and nowhere else.
func TestConsent(t *testing.T) {
	begin := func(w *world, consent string) (url.Values, error) {
		location, err := w.flow().Begin(t.Context(), w.aspsp, Begin{Grant: "grant-7", ReturnURL: "https://app.example/bank", Consent: consent})
		target, parsed := url.Parse(location)
		return target.Query(), errors.Join(err, parsed)
	}
	const claims = `{"id_token":{"openbanking_intent_id":{"value":"urn:bank:7","essential":true}}}`
	for name, test := range map[string]struct {
		spec  tokens.Authorize
		place string
		want  string
	}{
		"claims":      {tokens.Authorize{Consent: tokens.ConsentClaims}, "claims", claims},
		"a parameter": {tokens.Authorize{Consent: "consent_id"}, "consent_id", "urn:bank:7"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(s *tokens.Spec) { s.Authorize = test.spec })
			query, err := begin(w, "urn:bank:7")
			if err != nil || query.Get(test.place) != test.want {
				t.Errorf("%v %v", query, err)
			}
		})
	}
	w := newWorld(t, func(s *tokens.Spec) {
		s.Authorize = tokens.Authorize{Consent: tokens.ConsentClaims, RequestObject: true}
	})
	query, err := begin(w, "urn:bank:7")
	if err != nil || query.Has("claims") {
		t.Fatalf("%v %v", query, err)
	}
	var got, want any
	if json.Unmarshal([]byte(w.bank.object(query.Get("request")).Get("claims")), &got) != nil || json.Unmarshal([]byte(claims), &want) != nil ||
		!reflect.DeepEqual(got, want) {
		t.Errorf("the signed request holds %v", got)
	}
	for _, wrong := range []string{"", "a b", "é", strings.Repeat("a", 129), "a\x00"} {
		if _, err := begin(w, wrong); !errors.Is(err, ErrParameters) || w.states() != 1 {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	w = newWorld(t, nil)
	if _, err := begin(w, "urn:bank:7"); !errors.Is(err, ErrParameters) {
		t.Error(err)
	}
}
