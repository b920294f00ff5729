package sidecar_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// A call goes out with the token of the grant it names, and of no other.
func TestGrant(t *testing.T) {
	r := newRig(t, withGrants())
	r.authorize("k-1", marc)
	exchange := r.bank.Last()
	form, err := url.ParseQuery(string(exchange.Body))
	r.check(err)
	if form.Get("client_id") != organization || form.Has("scope") || form.Get("redirect_uri") != callback {
		t.Errorf("the bank got the form %q", exchange.Body)
	}
	if strings.Contains(string(exchange.RawHead), "Sidecar") {
		t.Errorf("a control header left:\n%s", exchange.RawHead)
	}
	r.authorize("k/2", marie)
	r.forPSU(r.accounts("k-1"), "Marc")
	r.forPSU(r.accounts("k/2"), "Marie")
	r.refused(r.accounts("k-3"), sidecar.CodeGrantUnknown)
	if r.bank.TokenCalls() != 2 {
		t.Errorf("%d calls of the token endpoint, want 2", r.bank.TokenCalls())
	}
}

// What changes tokens goes over a connection of its own.
func TestGrantFreshConnection(t *testing.T) {
	r := newRig(t, withGrants())
	r.authorize("k", marc)
	for range 2 {
		r.bank.ExpireTokens()
		r.forPSU(r.accounts("k"), "Marc")
	}
	seen := map[string]string{}
	for _, record := range r.bank.Records() {
		if by, ok := seen[record.Conn]; ok && (by == "token" || record.Operation == "token") {
			t.Errorf("%s shared a connection with %s", record.Operation, by)
		}
		seen[record.Conn] = record.Operation
	}
	if got := r.refreshes(); got.Asked != 2 || got.Processed != 2 {
		t.Errorf("refreshes: %+v", got)
	}
}

// An answer without values keeps them all from the app.
func TestGrantHideTokens(t *testing.T) {
	o := withGrants()
	o.config = func(c *sidecar.Config) { aisp(c); c.HideTokens = true }
	r := newRig(t, o)
	a := r.exchange("k", r.consent("/stet/psd2/oauth/authorize", marc, "aisp", organization), "scope", "aisp", "client_id", "other", "x", "y")
	var members map[string]any
	r.check(json.Unmarshal([]byte(a.body), &members))
	if a.status != http.StatusOK || len(members) != 2 || members["token_type"] != "Bearer" || members["expires_in"] == nil {
		t.Errorf("HTTP %d %s", a.status, a.body)
	}
	r.forPSU(r.accounts("k"), "Marc")
}

// The bank's refusal of a code is the app's answer, and there is no grant.
func TestGrantCodeRefused(t *testing.T) {
	r := newRig(t, withGrants())
	a := r.exchange("k", "made-up")
	if a.status != http.StatusBadRequest || !strings.Contains(a.body, `"invalid_grant"`) || a.header.Get(sidecar.ErrorHeader) != "" {
		t.Errorf("HTTP %d %s", a.status, a.body)
	}
	r.refused(r.accounts("k"), sidecar.CodeGrantUnknown)
	r.authorize("k", marc)
	if a = r.exchange("k", "made-up"); a.status != http.StatusBadRequest {
		t.Errorf("HTTP %d %s", a.status, a.body)
	}
	r.forPSU(r.accounts("k"), "Marc")
}

// A code exchange that cannot be one is refused before anything is sent.
func TestGrantForm(t *testing.T) {
	r := newRig(t, withGrants())
	const form = "application/x-www-form-urlencoded"
	good := "grant_type=authorization_code&code=c&redirect_uri=" + url.QueryEscape(callback)
	for name, c := range map[string]struct {
		method, contentType, body string
		code                      sidecar.Code
	}{
		"refresh":      {"POST", form, "grant_type=refresh_token&refresh_token=x", sidecar.CodeTokenForm},
		"no code":      {"POST", form, "grant_type=authorization_code&redirect_uri=" + callback, sidecar.CodeTokenForm},
		"two codes":    {"POST", form, good + "&code=d", sidecar.CodeTokenForm},
		"no redirect":  {"POST", form, "grant_type=authorization_code&code=c", sidecar.CodeTokenForm},
		"not a form":   {"POST", form, good + "&%zz", sidecar.CodeTokenForm},
		"JSON":         {"POST", "application/json", good, sidecar.CodeTokenForm},
		"PUT":          {"PUT", form, good, sidecar.CodeTokenForm},
		"redirect_uri": {"POST", form, "grant_type=authorization_code&code=c&redirect_uri=" + callback + "/", sidecar.CodeRedirectURI},
	} {
		t.Run(name, func(t *testing.T) {
			r.refused(r.call(c.method, sidecar.LocalTokenPath, c.body, "Content-Type", c.contentType, sidecar.HeaderGrant, "k"), c.code)
		})
	}
	for name, headers := range map[string][]string{
		string(sidecar.CodeGrantName):            {sidecar.HeaderGrant, "two words"},
		string(sidecar.CodeAuthorizationRefused): {sidecar.HeaderGrant, "k", "Authorization", "Bearer mine"},
	} {
		r.refused(r.call("GET", "/accounts", "", headers...), sidecar.Code(name))
	}
	r.refused(r.call("GET", "/accounts", "", sidecar.HeaderGrant, "k", sidecar.HeaderGrant, "l"), sidecar.CodeGrantName)
	if n := r.bank.Stats().Requests; n != 0 {
		t.Errorf("the bank got %d requests", n)
	}
}

// Each reason why there is no token has a code, so that nobody is sent to log
// in for an outage.
func TestGrantRefusals(t *testing.T) {
	rotating := profiles.Overrides{Token: json.RawMessage(`{"refresh_survives": false}`)}
	for name, c := range map[string]struct {
		overrides profiles.Overrides
		happens   func(r *rig)
		code      sidecar.Code
		status    int
	}{
		"revoked at the bank": {happens: func(r *rig) { r.bank.RevokeConsent(marc, "") }, code: sidecar.CodeConsentRevoked, status: 403},
		"expired at the bank": {happens: func(r *rig) { r.bank.AgeConsents(marc, 181) }, code: sidecar.CodeConsentRevoked, status: 403},
		"bank down": {happens: func(r *rig) { r.check(r.bank.Faults().SetToken(sandbox.Fault{Status: 503})) },
			code: sidecar.CodeTokenUnavailable, status: 502},
		"bank slow": {happens: func(r *rig) { r.check(r.bank.Faults().SetToken(sandbox.Fault{Hang: true})) },
			code: sidecar.CodeTokenTimeout, status: 504},
		"answer lost, rotating": {overrides: rotating,
			happens: func(r *rig) { r.check(r.bank.Faults().SetToken(sandbox.Fault{Reset: sandbox.ResetAfter})) },
			code:    sidecar.CodeGrantQuarantined, status: 409},
		"this TPP is refused": {happens: func(r *rig) {
			r.check(r.bank.Faults().SetToken(sandbox.Fault{Status: 401, Code: "invalid_client"}))
		}, code: sidecar.CodeClientRefused, status: 502},
		"storage down": {happens: func(r *rig) { r.storage.Fail(storagetest.Store, 1000, errors.New("no space left")) },
			code: sidecar.CodeVaultUnavailable, status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			o := withGrants()
			o.overrides = c.overrides
			o.config = func(c *sidecar.Config) { aisp(c); c.AnswerTimeout = 300 * time.Millisecond }
			r := newRig(t, o)
			r.authorize("k", marc)
			r.bank.ExpireTokens()
			c.happens(r)
			a := r.accounts("k")
			r.refused(a, c.code)
			if a.status != c.status {
				t.Errorf("status %d, want %d", a.status, c.status)
			}
		})
	}
}

// Where there is no token endpoint there can be no grants.
func TestGrantWithoutTokenEndpoint(t *testing.T) {
	r := newRig(t, options{profile: "berlin-group", grants: true, base: "/berlin"})
	r.refused(r.call("GET", "/v1/accounts", "", sidecar.HeaderGrant, "k", "PSU-IP-Address", publicIP), sidecar.CodeGrantsOff)
	if _, err := r.aspsp.AuthorizeBank(); err == nil {
		t.Error("customers could be sent to a bank that has no token endpoint")
	}
}

// A code whose answer was lost may have reached the bank, and the app is told
// so, whatever becomes of the grant.
func TestGrantCodeLost(t *testing.T) {
	r := newRig(t, withGrants())
	for _, want := range []sidecar.Code{sidecar.CodeAuthorizationLost, ""} { // the first authorization, and another over an active grant
		code := r.consent("/stet/psd2/oauth/authorize", marc, "aisp", organization)
		r.check(r.bank.Faults().SetToken(sandbox.Fault{Reset: sandbox.ResetAfter, Next: 1}))
		if a := r.exchange("k", code); !strings.Contains(a.body, `"reached_bank":"maybe"`) {
			t.Errorf("HTTP %d %s", a.status, a.body)
		}
		if want != "" {
			r.refused(r.accounts("k"), want)
		}
		r.authorize("k", marc)
	}
	r.storage.Fail(storagetest.Store, 1, errors.New("no space left"))
	a := r.exchange("k", r.consent("/stet/psd2/oauth/authorize", marc, "aisp", organization))
	r.refused(a, sidecar.CodeVaultUnavailable)
	if !strings.Contains(a.body, `"reached_bank":"no"`) {
		t.Errorf("HTTP %d %s", a.status, a.body)
	}
}

// Revoked here is told apart from unknown.
func TestGrantRevoked(t *testing.T) {
	r := newRig(t, withGrants())
	r.authorize("k", marc)
	_, err := r.grants.Revoke(t.Context(), grants.ID{ASPSP: "bank", Name: "k"}, r.aspsp.Client())
	r.check(err)
	r.refused(r.accounts("k"), sidecar.CodeConsentRevoked)
}

// However many callers find the token ended, one refresh goes out.
func TestGrantOneRefresh(t *testing.T) {
	r := newRig(t, withGrants())
	r.authorize("k", marc)
	r.bank.ExpireTokens()
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			if a := r.accounts("k"); a.status != http.StatusOK {
				t.Errorf("HTTP %d %s", a.status, a.body)
			}
		})
	}
	callers.Wait()
	if got := r.refreshes(); got.Processed != 1 {
		t.Errorf("refreshes: %+v", got)
	}
}

// A 401 that a new token does not mend is one customer's matter: others' calls
// are still repeated with a new token.
func TestGrantStubbornAlone(t *testing.T) {
	r := newRig(t, withGrants())
	r.authorize("k-1", marc)
	r.authorize("k-2", marie)
	r.check(r.bank.Faults().SetAPI(sandbox.Fault{Next: 3, Status: http.StatusUnauthorized}))
	for want := 1; want <= 2; want++ {
		if a := r.accounts("k-1"); a.status != http.StatusUnauthorized || a.header.Get(sidecar.ErrorHeader) != "" {
			t.Fatalf("HTTP %d %s", a.status, a.body)
		}
		if got := r.refreshes(); got.Asked != 1 {
			t.Errorf("after call %d: %+v", want, got)
		}
	}
	r.bank.ExpireTokens()
	r.forPSU(r.accounts("k-2"), "Marie")
}

// With a renewed QWAC a token that is bound to the former is not sent; one that
// the profile calls unbound is (the sandbox, which binds it, answers 401).
func TestGrantRotation(t *testing.T) {
	for name, c := range map[string]struct {
		token        string
		unauthorized int
	}{"bound": {`{}`, 0}, "unbound": {`{"unbound": true}`, 1}} {
		t.Run(name, func(t *testing.T) {
			o := withGrants()
			o.overrides = profiles.Overrides{Token: json.RawMessage(c.token)}
			r := newRig(t, o)
			r.authorize("k", marc)
			r.forPSU(r.accounts("k"), "Marc")
			r.install(newTPP())
			r.check(r.bank.AddQSEAL(r.installed.qseal.Certificate))
			_, _, err := r.identity.Reload()
			r.check(err)
			r.forPSU(r.accounts("k"), "Marc")
			r.forPSU(r.accounts("k"), "Marc")
			if got := r.refreshes(); got.Asked != 1 {
				t.Errorf("refreshes: %+v", got)
			}
			if got := r.bank.Stats().Statuses[http.StatusUnauthorized]; got != c.unauthorized {
				t.Errorf("the bank answered 401 %d times, want %d", got, c.unauthorized)
			}
		})
	}
}
