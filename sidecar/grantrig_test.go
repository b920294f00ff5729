package sidecar_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// callback is the redirect_uri of all tests.
const callback = "https://pay.acme.example/callback"

// Personas of the sandbox.
const (
	marc  = "D0999990I0"
	marie = "D0999991I0"
)

// openVault gives the rig grants, kept in memory.
func (r *rig) openVault() {
	r.t.Helper()
	r.storage = storagetest.NewMemory()
	v, err := vault.New(vault.Options{Storage: r.storage, Keys: []vault.Key{{ID: "1", Secret: vault.NewSecret()}}})
	r.check(err)
	r.check(v.Check(r.t.Context()))
	r.grants = grants.New(grants.Options{Vault: v})
	r.t.Cleanup(r.grants.Close)
}

// consent lets a persona authorize at the bank, and gives the code.
func (r *rig) consent(path, login, scope, clientID string) string {
	r.t.Helper()
	query := url.Values{"response_type": {"code"}, "client_id": {clientID}, "redirect_uri": {callback}, "scope": {scope}, "login": {login}}
	w := httptest.NewRecorder()
	r.bank.Control().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path+"?"+query.Encode(), nil))
	back, err := url.Parse(w.Header().Get("Location"))
	r.check(err)
	code := back.Query().Get("code")
	if code == "" {
		r.t.Fatalf("no code: HTTP %d %s %s", w.Code, w.Body, back)
	}
	return code
}

// exchange posts a code as the app does.
func (r *rig) exchange(grant, code string, more ...string) answer {
	r.t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return r.call("POST", sidecar.LocalTokenPath, form.Encode(),
		"Content-Type", "application/x-www-form-urlencoded", sidecar.HeaderGrant, grant)
}

// authorize makes a grant of a persona.
func (r *rig) authorize(grant, login string) {
	r.t.Helper()
	if a := r.exchange(grant, r.consent("/stet/psd2/oauth/authorize", login, "aisp", organization)); a.status != http.StatusOK {
		r.t.Fatalf("code exchange: HTTP %d %s", a.status, a.body)
	}
}

// accounts calls for a grant's accounts.
func (r *rig) accounts(grant string) answer {
	r.t.Helper()
	return r.call("GET", "/accounts", "", sidecar.HeaderGrant, grant, "PSU-IP-Address", publicIP)
}

// forPSU fails unless the answer is about this persona.
func (r *rig) forPSU(a answer, name string) {
	r.t.Helper()
	r.accepted(a, http.StatusOK)
	if !strings.Contains(a.body, "\"Compte de "+name+"\"") {
		r.t.Fatalf("not %s's accounts: %s", name, a.body)
	}
}

// aisp is the usual configuration for grants.
func aisp(c *sidecar.Config) { c.Scope, c.RedirectURI = "aisp", callback }

func withGrants() options { return options{grants: true, config: aisp} }

// refreshes counts what the bank saw.
func (r *rig) refreshes() sandbox.RefreshStats { return r.bank.Stats().Tokens.Refreshes }
