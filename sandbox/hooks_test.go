package sandbox

import (
	"slices"
	"sync"
	"testing"
)

// TestHooks: each request is told when it arrives, whatever a fault makes of it
// then, and each secret when it is made, also if the answer is lost.
func TestHooks(t *testing.T) {
	var (
		mu       sync.Mutex
		received []string
		issued   []string
	)
	w := newWorld(t, func(o *Options) {
		o.OnReceive = func(r *Record) {
			mu.Lock()
			defer mu.Unlock()
			received = append(received, r.Operation+" "+string(r.Body))
		}
		o.OnIssue = func(value string) {
			mu.Lock()
			defer mu.Unlock()
			issued = append(issued, value)
		}
	})
	code := w.code("aisp", "D0999990I0")
	form := values("grant_type", "authorization_code", "client_id", orgID, "code", code, "redirect_uri", callback)
	if err := w.bank.Faults().SetToken(Fault{Next: 1, Reset: ResetBefore}); err != nil {
		t.Fatal(err)
	}
	request := w.formRequest("/stet/psd2/oauth/token", form)
	if _, err := exchange(w.dial(w.qwac), request.bytes(), "POST"); err == nil {
		t.Error("an answer came")
	}
	mu.Lock()
	if want := "token " + form.Encode(); !slices.Contains(received, want) {
		t.Errorf("received %q, want %q", received, want)
	}
	mu.Unlock()
	if err := w.bank.Faults().SetToken(Fault{Next: 1, Reset: ResetAfter}); err != nil {
		t.Fatal(err)
	}
	if _, err := exchange(w.dial(w.qwac), request.bytes(), "POST"); err == nil {
		t.Error("an answer came")
	}
	pairs := w.bank.Pairs("D0999990I0")
	mu.Lock()
	defer mu.Unlock()
	if len(pairs) != 1 || len(issued) != 3 || issued[0] != code {
		t.Fatalf("%d secrets told, pairs %+v", len(issued), pairs)
	}
	for _, hash := range []string{pairs[0].Access, pairs[0].Refresh} {
		if !slices.ContainsFunc(issued, func(value string) bool { return TokenHash(value) == hash }) {
			t.Errorf("the token %s was not told", hash)
		}
	}
}

// TestUnboundTokens: with the rule, a token is good over any QWAC of its TPP,
// and of no other.
func TestUnboundTokens(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rules.Tokens.Unbound = true })
	access, _ := w.psuToken("aisp", "D0999990I0")
	r := w.stet("GET", "/stet/psd2/v1/accounts", "", access)
	r.sign(t)
	w.expect(w.sendAs(w.qwac2, r), 200, "")
	r = w.stet("GET", "/stet/psd2/v1/accounts", "", access)
	r.sealedBy, r.keyID, r.algorithm = w.foreignQSEAL, serialIssuer(t, w.foreignQSEAL), "ecdsa-sha256"
	r.sign(t)
	w.expect(w.sendAs(w.foreignQWAC, r), 401, "issued to another TPP")
}
