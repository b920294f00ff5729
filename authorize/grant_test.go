package authorize

import (
	"context"
	"errors"
	"net/url"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

var testGrant = grants.ID{ASPSP: "bpgo", Name: "grant-7"}

// What the PSU is told is what has become of the grant.
func TestResultIsTheGrants(t *testing.T) {
	json, html := "application/json", "text/html"
	for name, c := range map[string]struct {
		answer *canned
		full   bool
		status grants.Status
		code   string
		target error
	}{
		"granted":     {status: grants.StatusActive},
		"refused":     {answer: &canned{400, `{"error":"invalid_grant"}`, json}, code: "token-refused"},
		"unclear":     {answer: &canned{502, `<html>`, html}, status: grants.StatusQuarantined, code: "grant-quarantined", target: grants.ErrQuarantined},
		"half answer": {answer: &canned{200, `{"access_token":"acc`, json}, status: grants.StatusQuarantined, code: "grant-quarantined", target: grants.ErrQuarantined},
		"not now":     {answer: &canned{429, `{}`, json}, code: "token-endpoint-unavailable", target: tokens.ErrUnavailable},
		"full disk":   {full: true, code: "vault-unavailable", target: vault.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			f := w.flow()
			query := w.bank.consent(w.begin(f))
			if c.answer != nil {
				w.bank.answers["/token"] = c.answer
			}
			w.storage.SetFull(c.full)
			outcome, err := f.Finish(t.Context(), Callback{Query: query}, w.find)
			if (outcome.Result == Granted) != (c.code == "") || outcome.Code != c.code || outcome.ReturnTo == "" || c.target != nil && !errors.Is(err, c.target) {
				t.Errorf("%+v, %v", outcome, err)
			}
			if sent := w.bank.count("/token"); sent != 1 && !c.full || sent != 0 && c.full {
				t.Errorf("%d token requests", sent)
			}
			w.checkSilence(outcome, err)
			w.storage.SetFull(false)
			token, err := w.store.Token(t.Context(), testGrant, w.aspsp.Client)
			if (err == nil) != (c.status == grants.StatusActive) || err == nil && token.Value() != "access-of-the-psu" {
				t.Errorf("a token: %v", err)
			}
			if c.status == "" {
				return
			}
			state, err := w.store.Get(t.Context(), testGrant)
			if err != nil || state.Status != c.status || state.Status == grants.StatusActive && (state.Scope != "aisp" || !state.HasRefreshToken) {
				t.Errorf("the grant is %q (%s), scope %q, %v", state.Status, state.Reason, state.Scope, err)
			}
		})
	}
}

// A grant that works goes on when the PSU who authorizes anew says no.
func TestDenialLeavesTheGrant(t *testing.T) {
	w := newWorld(t, nil)
	f := w.flow()
	if _, err := f.Finish(t.Context(), Callback{Query: w.bank.consent(w.begin(f))}, w.find); err != nil {
		t.Fatal(err)
	}
	request := url.Values(w.begin(f))
	denial := url.Values{"error": {"access_denied"}, "state": request["state"]}
	if outcome, err := f.Finish(t.Context(), Callback{Query: denial}, w.find); err != nil || outcome.Result != Denied {
		t.Errorf("%+v, %v", outcome, err)
	}
	if _, err := w.store.Token(t.Context(), testGrant, w.aspsp.Client); err != nil {
		t.Error(err)
	}
}

// Locks of storages are not perfect. Even if one is lost while its state is
// consumed, so that two get it, the code is sent once.
func TestLostLockSendsNoCodeTwice(t *testing.T) {
	w := newWorld(t, nil)
	first, handle := w.instance()
	second := w.flow()
	callback := Callback{Query: w.bank.consent(w.begin(first))}
	var other Outcome
	var otherErr error
	lost := false
	handle.Hook(func(_ context.Context, op storagetest.Op, _ string) error {
		if op == storagetest.Delete && !lost {
			lost = true
			handle.LoseLocks()
			other, otherErr = second.Finish(t.Context(), callback, w.find)
		}
		return nil
	})
	outcome, err := first.Finish(t.Context(), callback, w.find)
	if otherErr != nil || other.Result != Granted || outcome.Result != Failed || !errors.Is(err, grants.ErrCode) {
		t.Errorf("%+v, %v; %+v, %v", other, otherErr, outcome, err)
	}
	if n := w.bank.count("/token"); n != 1 {
		t.Errorf("the code was sent %d times", n)
	}
	if _, err := w.store.Token(t.Context(), testGrant, w.aspsp.Client); err != nil {
		t.Error(err)
	}
}
