package caddymodule

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/grants"
)

// FuzzParseImport holds that what is read is what any other reader of JSON
// finds there, and that an error repeats nothing of a token.
func FuzzParseImport(f *testing.F) {
	for _, seed := range []string{
		`{"grant": "a", "refresh_token": "rt", "authorized_at": "2026-01-31T10:00:00Z"}`,
		`{"grant": "a", "access_token": "at", "access_expiry": "2026-01-31T10:00:00Z", "scope": "aisp", "consent_until": "2026-01-31T10:00:00+02:00", "replace": true}`,
		`{"grant": "a", "grant": "b"}`, `{"Grant": "a"}`, `{"grant": null}`, `{"x": 1}`, `{"grant": "a"} {}`, `[`, `{"grant"`, `{"grant": "\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		name, what, err := parseImport(text)
		if err != nil {
			if !errors.Is(err, grants.ErrImport) || name != "" || what != (grants.Import{}) {
				t.Errorf("%q: %q, %v", text, name, err)
			}
			return
		}
		var other map[string]any
		if err := json.Unmarshal(text, &other); err != nil {
			t.Fatalf("%q was accepted: %v", text, err)
		}
		for member, read := range map[string]string{"grant": name, "refresh_token": what.RefreshToken, "access_token": what.AccessToken, "scope": what.Scope} {
			if is, _ := other[member].(string); is != read {
				t.Errorf("%q: %s is %q, want %q", text, member, read, is)
			}
			delete(other, member)
		}
		for member := range other {
			if !strings.Contains(" access_expiry authorized_at consent_until replace ", " "+member+" ") {
				t.Errorf("%q: %q was accepted", text, member)
			}
		}
	})
}
