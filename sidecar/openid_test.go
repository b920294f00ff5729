package sidecar_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/authorize"
	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
	"github.com/caddy-tpp/caddy-tpp/vault"
)

// redirected is a rig whose sidecar owns the redirect, and knows of the bank's
// authorization server what its metadata says.
type redirected struct {
	*rig
	flow *authorize.Flow
}

func newRedirected(t *testing.T, rules sandbox.Rules, token string) *redirected {
	t.Helper()
	o := withGrants()
	o.overrides = profiles.Overrides{Token: json.RawMessage(`{"endpoint": null, "grant": "none",
		"metadata": "/.well-known/openid-configuration", "authorize": {"endpoint": null` + token + `}`)}
	o.config = func(c *sidecar.Config) {
		aisp(c)
		c.Scope, c.ReturnURLs = "openid aisp", []string{"https://app.acme.example/done"}
	}
	r := &redirected{rig: newRig(t, o)}
	r.check(r.bank.SetRules(rules))
	v, err := vault.New(vault.Options{Storage: r.storage.Handle(), Keys: []vault.Key{{ID: "1", Secret: vault.NewSecret()}}, Prefix: "flows"})
	r.check(err)
	r.flow = authorize.New(authorize.Options{Vault: v, Grants: r.grants})
	return r
}

// connect plays a customer's way to the bank and back.
func (r *redirected) connect(grant string) (authorize.Outcome, error) {
	r.t.Helper()
	bank, err := r.aspsp.AuthorizeBank()
	r.check(err)
	location, err := r.flow.Begin(r.t.Context(), bank, authorize.Begin{Grant: grant, ReturnURL: "https://app.acme.example/done"})
	r.check(err)
	asked, err := url.Parse(location)
	r.check(err)
	w := httptest.NewRecorder()
	r.bank.Control().ServeHTTP(w, httptest.NewRequest(http.MethodGet, asked.RequestURI(), nil))
	back, err := url.Parse(w.Header().Get("Location"))
	r.check(err)
	if back.Query().Get("code") == "" {
		r.t.Fatalf("no code: HTTP %d %s %s; asked %s", w.Code, w.Body, back, asked)
	}
	return r.flow.Finish(r.t.Context(), authorize.Callback{Query: back.Query()}, func(string) (*authorize.Bank, error) { return bank, nil })
}

// What the metadata says is used, the endpoints for mutual TLS first; requests
// are pushed, signed and proven as the bank demands, and the id_token holds.
func TestMetadata(t *testing.T) {
	for name, c := range map[string]struct {
		rules sandbox.Rules
		token string
	}{
		"aliases": {sandbox.Rules{Authorize: sandbox.AuthorizeRules{OpenID: true, Aliases: true, Issuer: true}},
			`}, "id_token": {"check": "enforce"}`},
		"PKCE": {sandbox.Rules{Authorize: sandbox.AuthorizeRules{OpenID: true, PKCE: true}}, `, "pkce": true}, "id_token": {"check": "enforce"}`},
		"pushed": {sandbox.Rules{Authorize: sandbox.AuthorizeRules{OpenID: true, PKCE: true, Pushed: true}},
			`, "pkce": true, "pushed": "/stet/psd2/oauth/par"}, "id_token": {"check": "enforce"}`},
		"request object": {sandbox.Rules{Authorize: sandbox.AuthorizeRules{OpenID: true, RequestObject: true}},
			`, "request_object": true}, "id_token": {"check": "enforce"}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRedirected(t, c.rules, c.token)
			outcome, err := r.connect("k")
			if err != nil || outcome.Result != authorize.Granted {
				t.Fatalf("%v %v; bank's problems %q", outcome, err, r.bank.Last().Problems)
			}
			r.forPSU(r.accounts("k"), "Marc")
			r.bank.ExpireTokens()
			r.forPSU(r.accounts("k"), "Marc")
		})
	}
}

// An id_token that does not hold keeps the grant back where that is to be
// enforced, and loses nothing; elsewhere the grant goes on.
func TestIDToken(t *testing.T) {
	for _, wrong := range []string{"nonce", "aud", "iss", "exp", "signature", "at_hash", "alg_none", "alg_hmac"} {
		t.Run(wrong, func(t *testing.T) {
			rules := sandbox.Rules{Authorize: sandbox.AuthorizeRules{OpenID: true}, IDToken: sandbox.IDTokenRules{Wrong: wrong}}
			r := newRedirected(t, rules, `}, "id_token": {"check": "enforce"}`)
			outcome, err := r.connect("k")
			if err == nil || outcome.Result != authorize.Failed || !strings.Contains(outcome.ReturnTo, "sidecar_result=failed") {
				t.Errorf("%v %v", outcome, err)
			}
			r.refused(r.accounts("k"), sidecar.CodeIDToken)
			if len(r.bank.Pairs("")) != 1 {
				t.Error("the bank's tokens are gone")
			}
			r = newRedirected(t, rules, `}, "id_token": {"check": "report"}`)
			if outcome, err = r.connect("k"); err != nil || outcome.Result != authorize.Granted {
				t.Errorf("%v %v", outcome, err)
			}
			r.forPSU(r.accounts("k"), "Marc")
		})
	}
}
