package headers

import (
	"net/http"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	f, err := Compile(Policy{Allow: []string{"Consent-ID", "TPP-*"}, Set: map[string]string{"X-Api-Key": "k"}}, "X-Alias")
	if err != nil {
		t.Fatal(err)
	}
	app := http.Header{"Connection": {"close, X-Hop"}, "Consent-Id": {"1"}, "Tpp-Bad": {"a\nb"}}
	for key, want := range map[string]string{
		"Connection": "ends at each hop", "X-Hop": "ends at each hop", "Te": "ends at each hop", "Proxy-Authorization": "ends at each hop",
		"Sidecar-Grant": "the app's word", "X-Request-Id": "read by the sidecar", "X-Alias": "read by the sidecar",
		"X-Api-Key": "set by the profile", "Tpp-Bad": "cannot be put on the wire", "Content-Type": "+belongs to the content",
		"Consent-Id": "+allowed", "Tpp-Redirect-Uri": "+allowed", "Authorization": "made or decided", "Psu-Ip-Address": "made or decided",
		"Cookie": "must never leave", "X-Forwarded-For": "must never leave", "X-Other": "not allowed",
	} {
		passes, reason := f.Explain(app, key)
		want, shouldPass := strings.CutPrefix(want, "+")
		if passes != shouldPass || !strings.HasPrefix(reason, want) {
			t.Errorf("%s: %t, %q", key, passes, reason)
		}
	}
}

// TestExplainAgreesWithSelect: what is said to pass is what passes.
func TestExplainAgreesWithSelect(t *testing.T) {
	f, err := Compile(Policy{Allow: []string{"Consent-ID", "TPP-*"}, Set: map[string]string{"X-Api-Key": "k"}, RequestID: "x-fapi-interaction-id"})
	if err != nil {
		t.Fatal(err)
	}
	app := http.Header{"Connection": {"X-Hop"}}
	for _, key := range []string{"Accept", "X-Hop", "Consent-Id", "Tpp-Brand", "X-Api-Key", "X-Request-Id", "X-Fapi-Interaction-Id",
		"Cookie", "Via", "Psu-Id", "Host", "User-Agent", "X-Idempotency-Key", "Digest", "Signature", "X-Jws-Signature"} {
		app[key] = []string{"v"}
	}
	selected := map[string]bool{}
	f.Select(app, func(name string, _ []string) { selected[http.CanonicalHeaderKey(name)] = true })
	for key := range app {
		if passes, reason := f.Explain(app, key); passes != selected[key] {
			t.Errorf("%s: said %t (%s), did %t", key, passes, reason, selected[key])
		}
	}
}
