package authorize

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

// Whatever the browser brings, the PSU goes to the app's address or nowhere, a
// code is only sent if there is exactly one, and nothing of the query comes back
// but an OAuth error code.
func FuzzCallback(f *testing.F) {
	for _, seed := range []string{
		"code=c&state=STATE", "error=access_denied&state=STATE", "state=STATE", "code=a&code=b&state=STATE",
		"code=a&error=b&state=STATE&iss=x", "code=%0a&state=STATE", "state=STATE&state=STATE&code=x", "code=x;state=STATE", "error=%26x%3d&state=STATE",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		w := newWorld(t, nil)
		flow := w.flow()
		request := url.Values(w.begin(flow))
		state := request.Get("state")
		query, _ := url.ParseQuery(strings.ReplaceAll(raw, "STATE", state))
		outcome, err := flow.Finish(t.Context(), Callback{Query: query}, w.find)
		mine := len(query["state"]) == 1 && query.Get("state") == state
		if mine != (outcome.ReturnTo != "") || (err == nil) != (mine && len(query["code"])+len(query["error"]) == 1 && outcome.Code == query.Get("error")) {
			t.Fatalf("%q: %s %v %v", raw, outcome.ReturnTo, outcome, err)
		}
		if outcome.ReturnTo == "" {
			if !errors.Is(err, ErrStateUnknown) && !errors.Is(err, ErrCallback) || w.states() != 1 {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		if w.states() != 0 || (w.bank.count("/token") == 1) != (len(query["code"]) == 1 && !query.Has("error") && len(query["iss"]) < 2 && !errors.Is(err, ErrCallback)) {
			t.Fatalf("%q: %d token requests", raw, w.bank.count("/token"))
		}
		rest, ok := strings.CutPrefix(outcome.ReturnTo, "https://app.example/bank?x=1&sidecar_grant=grant-7&sidecar_result="+string(outcome.Result))
		code, hasCode := strings.CutPrefix(rest, "&sidecar_error=")
		if !ok || (rest != "") != hasCode || hasCode && oauthCode(code, state) != code {
			t.Fatalf("%q leads to %q", raw, outcome.ReturnTo)
		}
		w.checkSilence(outcome, err)
	})
}
