package sidecar_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// Each client authentication is taken by a bank that registered the TPP for it
// and for no other, with codes, refreshes and the TPP's own tokens.
func TestClientAuthentication(t *testing.T) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwks := &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: own.Public(), KeyID: "kid-1", Algorithm: "ES256", Use: "sig"}}}
	for name, c := range map[string]struct {
		client sandbox.Client
		token  string
		secret string
		key    crypto.Signer
	}{
		"client_secret_basic": {client: sandbox.Client{Auth: sandbox.AuthBasic, Secret: "s: €/+%"}, secret: "s: €/+%"},
		"client_secret_post":  {client: sandbox.Client{Auth: sandbox.AuthPost, Secret: "s: €/+%"}, secret: "s: €/+%"},
		"private_key_jwt":     {client: sandbox.Client{Auth: sandbox.AuthJWT}},
		"private_key_jwt, another key": {client: sandbox.Client{Auth: sandbox.AuthJWT, Keys: jwks}, key: own,
			token: `"assertion": {"key_id": "kid-1"},`},
		"certificate alone": {client: sandbox.Client{Auth: sandbox.AuthCertificate}, token: `"no_client_id": true,`},
	} {
		t.Run(name, func(t *testing.T) {
			auth := strings.Split(name, ",")[0]
			if c.client.Auth == sandbox.AuthCertificate {
				auth = "tls_client_auth"
			}
			o := withGrants()
			o.overrides = profiles.Overrides{Token: json.RawMessage(`{` + c.token + `"client_auth": "` + auth + `"}`)}
			o.config = func(config *sidecar.Config) {
				aisp(config)
				config.ClientID, config.ClientKey = "tpp-1", c.key
				if c.secret != "" {
					config.ClientSecret = func() (string, error) { return c.secret, nil }
				}
			}
			r := newRig(t, o)
			c.client.ID, c.client.Organization = "tpp-1", organization
			r.check(r.bank.Register(c.client))
			code := r.consent("/stet/psd2/oauth/authorize", marc, "aisp", "tpp-1")
			if a := r.exchange("k", code); a.status != http.StatusOK {
				t.Fatalf("HTTP %d %s %q", a.status, a.body, r.bank.Last().Problems)
			}
			r.forPSU(r.accounts("k"), "Marc")
			r.bank.ExpireTokens()
			r.forPSU(r.accounts("k"), "Marc")
			if got := r.refreshes(); got.Processed != 1 {
				t.Errorf("refreshes: %+v", got)
			}
		})
	}
}

// A client authentication without what it needs shows in the configuration.
func TestClientAuthenticationIncomplete(t *testing.T) {
	r := newRig(t, withGrants())
	_, err := r.newASPSP(options{overrides: profiles.Overrides{Token: json.RawMessage(`{"client_auth": "client_secret_basic"}`)}})
	if err == nil || !strings.Contains(err.Error(), "client_secret") || !strings.Contains(err.Error(), "aspsp bank") {
		t.Errorf("error %v", err)
	}
}

// A secret that cannot be read is named as what it is.
func TestClientSecretUnreadable(t *testing.T) {
	o := withGrants()
	o.overrides = profiles.Overrides{Token: json.RawMessage(`{"client_auth": "client_secret_post"}`)}
	o.config = func(c *sidecar.Config) {
		aisp(c)
		c.ClientSecret = func() (string, error) { return "", errors.New("no such file") }
	}
	r := newRig(t, o)
	a := r.exchange("k", "code")
	r.refused(a, sidecar.CodeSecretUnreadable)
	if !strings.Contains(a.body, `"detail":"client_secret"`) || !strings.Contains(a.body, `"reached_bank":"no"`) {
		t.Error(a.body)
	}
}

// ing is how ING wants to be asked, by a shipped profile: a token of the
// application first, signed in Authorization; then everything under the
// client_id that came with it.
func ing(profile string) options {
	return options{
		grants: true, profile: profile, base: "/v3",
		config: func(c *sidecar.Config) { c.Scope, c.RedirectURI = "payment-accounts:balances:view", callback },
	}
}

// A code and a refresh in two steps, and calls signed under the client_id that
// the bank gave.
func TestApplicationToken(t *testing.T) {
	for _, profile := range []string{"ing", "ing/with-request-id", "ing/client-order"} {
		t.Run(profile, func(t *testing.T) { codeAndRefreshInTwoSteps(t, profile) })
	}
}

func codeAndRefreshInTwoSteps(t *testing.T, profile string) {
	t.Helper()
	r := newRig(t, ing(profile))
	// Without x-request-id, equal requests of one second are signed alike, which
	// this bank takes for a replay.
	apart := func() {
		if profile == "ing" {
			time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
		}
	}
	// The bank gives a client_id with the application token; a call for it.
	a := r.call("GET", "/accounts", "")
	clientID := ""
	for _, record := range r.bank.Records() {
		if record.Operation == "token" && len(record.Problems) > 0 {
			t.Fatalf("application token: %q\n%s", record.Problems, record.RawHead)
		}
	}
	if last := r.bank.Last(); a.status != http.StatusUnauthorized && a.status != http.StatusForbidden {
		t.Fatalf("an application token opened accounts: HTTP %d %s %q", a.status, a.body, last.Problems)
	}
	clientID = strings.Trim(strings.TrimPrefix(r.bank.Last().KeyID, "keyId="), `"`)
	code := r.consent("/oauth2/authorize", marc, "payment-accounts:balances:view", clientID)
	if a = r.exchange("k", code); a.status != http.StatusOK {
		last := r.bank.Last()
		t.Fatalf("code: HTTP %d %s %q\n%s", a.status, a.body, last.Problems, last.RawHead)
	}
	apart()
	r.accepted(r.accounts("k"), http.StatusOK)
	r.bank.ExpireTokens()
	apart()
	r.accepted(r.accounts("k"), http.StatusOK)
	if got := r.refreshes(); got.Processed != 1 {
		t.Errorf("refreshes: %+v", got)
	}
	if last := r.bank.Last(); last.KeyID != clientID || !last.SignatureOK {
		t.Errorf("keyId %q, signature verified: %t", last.KeyID, last.SignatureOK)
	}
}
