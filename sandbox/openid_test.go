package sandbox

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func (w *world) fetch(target string) response {
	w.Helper()
	return w.send(&request{method: "GET", target: target, header: [][2]string{{"Host", w.bank.Addr().String()}}})
}

func (w *world) keySet() jose.JSONWebKeySet {
	w.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(w.fetch("/stet/psd2/oauth/jwks").body), &set); err != nil {
		w.Fatal(err)
	}
	return set
}

// idToken goes through the code flow and judges the id_token with go-jose.
func (w *world) idToken() (claims map[string]any, refresh string, err error) {
	w.Helper()
	back, resp := w.ask(asking("scope", "openid aisp", "nonce", "n-1"))
	if back == nil {
		w.Fatal(resp.body)
	}
	got := w.exchangeCode(back.Get("code")).json(w.T)
	refresh = text(got["refresh_token"])
	token := text(got["id_token"])
	if token == "" {
		return nil, refresh, nil
	}
	signed, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.PS256, jose.ES256, jose.RS256})
	if err != nil {
		return nil, refresh, err
	}
	payload, err := signed.Verify(w.keySet())
	if err != nil {
		return nil, refresh, err
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		w.Fatal(err)
	}
	if want := atHash(text(got["access_token"])); claims["at_hash"] != want {
		claims["at_hash"] = "wrong"
	}
	return claims, refresh, nil
}

func TestIDToken(t *testing.T) {
	w := newWorld(t)
	openID := Rules{Authorize: AuthorizeRules{OpenID: true}}
	_, resp := w.ask(asking("scope", "openid aisp", "nonce", "n"))
	w.expect(resp, 400, "scope is not known")
	w.rules(openID)
	_, resp = w.ask(asking("scope", "openid aisp"))
	w.expect(resp, 400, "nonce is missing")
	for _, algorithm := range []string{"PS256", "ES256", "RS256"} {
		openID.IDToken.Algorithm = algorithm
		w.rules(openID)
		got, _, err := w.idToken()
		if err != nil || got["iss"] != w.bank.URL() || got["aud"] != orgID || got["nonce"] != "n-1" || got["at_hash"] == "wrong" || text(got["sub"]) == "" ||
			got["exp"].(float64) < float64(time.Now().Unix()) {
			t.Errorf("%s: %v %v", algorithm, got, err)
		}
	}
	openID.IDToken.Algorithm = ""
	for wrong, spoiled := range map[string]func(map[string]any, error) bool{
		WrongNonce:     func(c map[string]any, _ error) bool { return c["nonce"] != "n-1" },
		WrongAudience:  func(c map[string]any, _ error) bool { return c["aud"] != orgID },
		WrongIssuer:    func(c map[string]any, _ error) bool { return c["iss"] != w.bank.URL() },
		WrongExpiry:    func(c map[string]any, _ error) bool { return c["exp"].(float64) < float64(time.Now().Unix()) },
		WrongHash:      func(c map[string]any, _ error) bool { return c["at_hash"] == "wrong" },
		WrongSignature: func(c map[string]any, err error) bool { return err != nil },
		WrongNone:      func(c map[string]any, err error) bool { return err != nil },
		WrongHMAC:      func(c map[string]any, err error) bool { return err != nil },
		WrongMissing:   func(c map[string]any, err error) bool { return c == nil && err == nil },
	} {
		openID.IDToken.Wrong = wrong
		w.rules(openID)
		c, refresh, err := w.idToken()
		if !spoiled(c, err) {
			t.Errorf("%s: %v %v", wrong, c, err)
		}
		// The tokens are good whatever the id_token is.
		w.expect(w.refresh(refresh), 200, "")
	}
	openID.IDToken.Wrong = ""
	w.rules(openID)
	_, refresh, _ := w.idToken()
	if got := w.refresh(refresh).json(t); got["id_token"] != nil {
		t.Errorf("%v", got)
	}
	openID.IDToken.OnRefresh = true
	w.rules(openID)
	if got := w.refresh(refresh).json(t); text(got["id_token"]) == "" {
		t.Errorf("%v", got)
	}
	before := w.keySet()
	w.bank.RotateKeys()
	after := w.keySet()
	if len(after.Keys) != 2 || len(before.Key(after.Keys[0].KeyID)) != 0 {
		t.Errorf("%v %v", before, after)
	}
	if _, _, err := w.idToken(); err != nil {
		t.Error(err)
	}
}

func TestMetadata(t *testing.T) {
	w := newWorld(t)
	for _, target := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
		got := w.fetch(target).json(t)
		if got["issuer"] != w.bank.URL() || got["token_endpoint"] != w.bank.URL()+"/stet/psd2/oauth/token" || got["mtls_endpoint_aliases"] != nil ||
			got["authorization_response_iss_parameter_supported"] != false {
			t.Errorf("%v", got)
		}
	}
	w.bank.SetBrowserURL("http://127.0.0.1:1")
	w.rules(Rules{Authorize: AuthorizeRules{Aliases: true, Issuer: true, OpenID: true, Pushed: true}})
	got := w.fetch("/.well-known/openid-configuration").json(t)
	aliases, _ := got["mtls_endpoint_aliases"].(map[string]any)
	if aliases["token_endpoint"] != w.bank.URL()+"/stet/psd2/oauth/token" || got["authorization_endpoint"] != "http://127.0.0.1:1/stet/psd2/oauth/authorize" ||
		got["require_pushed_authorization_requests"] != true {
		t.Errorf("%v", got)
	}
	main, ok := strings.CutPrefix(text(got["token_endpoint"]), w.bank.URL())
	if !ok {
		t.Fatalf("%v", got)
	}
	r := w.formRequest(main, values("client_id", orgID, "grant_type", "client_credentials", "scope", "cbpii"))
	if resp := w.send(r); resp.status != 400 || w.bank.TokenCalls() != 0 {
		t.Errorf("%d %s", resp.status, resp.body)
	}
	w.bank.SetMetadata(map[string]any{"issuer": "https://another.example", "jwks_uri": nil})
	got = w.fetch("/.well-known/openid-configuration").json(t)
	if _, there := got["jwks_uri"]; got["issuer"] != "https://another.example" || there {
		t.Errorf("%v", got)
	}
	w.bank.SetMetadata(nil)
	if got = w.fetch("/.well-known/openid-configuration").json(t); got["issuer"] != w.bank.URL() {
		t.Errorf("%v", got)
	}
}
