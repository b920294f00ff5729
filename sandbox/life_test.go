package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const marc = "D0999990I0"

func (w *world) refresh(token string, more ...string) response {
	w.Helper()
	return w.form(w.qwac, values(append([]string{"client_id", orgID, "grant_type", "refresh_token", "refresh_token", token}, more...)...))
}

func (w *world) rules(r Rules) {
	w.Helper()
	if err := w.bank.SetRules(r); err != nil {
		w.Fatal(err)
	}
}

func text(v any) string { s, _ := v.(string); return s }

// expectOf checks a refusal of RFC 6749 section 5.2 and its reason.
func (w *world) expectOf(resp response, status int, code, sentence string) {
	w.Helper()
	w.expect(resp, status, sentence)
	if got := text(resp.json(w.T)["error"]); got != code {
		w.Errorf("error %q, want %q: %s", got, code, resp.body)
	}
}

func TestRotation(t *testing.T) {
	for name, test := range map[string]struct {
		rules  TokenRules
		reused bool // whether the first refresh token still works after the rotation
		second bool // whether the second one lives on after the first was tried again
	}{
		"plain":           {TokenRules{Refresh: RefreshRotated}, false, true},
		"reuse detection": {TokenRules{Refresh: RefreshRotated, ReuseDetection: true}, false, false},
		"grace":           {TokenRules{Refresh: RefreshRotated, ReuseDetection: true, RefreshGrace: Wait(time.Minute)}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.Rules.Tokens = test.rules })
			a1, r1 := w.psuToken("aisp", marc)
			got := w.refresh(r1).json(t)
			a2, r2 := text(got["access_token"]), text(got["refresh_token"])
			if r2 == "" || r2 == r1 || w.alive(a1) || !w.alive(a2) {
				t.Fatalf("%v", got)
			}
			if resp := w.refresh(r1); test.reused != (resp.status == 200) {
				t.Errorf("the old refresh token: %d %s", resp.status, resp.body)
			} else if !test.reused {
				w.expectOf(resp, 400, "invalid_grant", "rotated away")
			}
			if st := w.bank.TokenState(TokenHash(r2)); st.Live != test.second || !st.Known || st.PSU != marc || st.Kind != "refresh" {
				t.Errorf("%+v", st)
			}
			if resp := w.refresh(r2); test.second != (resp.status == 200) {
				t.Errorf("the new refresh token: %d %s", resp.status, resp.body)
			}
		})
	}
}

func TestRefreshAnswersWithout(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rules.Tokens.Refresh = RefreshNone })
	_, r1 := w.psuToken("aisp", marc)
	for range 2 {
		got := w.refresh(r1).json(t)
		if got["refresh_token"] != nil || !w.alive(text(got["access_token"])) {
			t.Errorf("%v", got)
		}
	}
	w.rules(Rules{Tokens: TokenRules{NoRefreshToken: true}})
	got := w.form(w.qwac, values("client_id", orgID, "grant_type", "authorization_code", "code", w.code("aisp", marc), "redirect_uri", callback)).json(t)
	if got["refresh_token"] != nil || !w.alive(text(got["access_token"])) {
		t.Errorf("%v", got)
	}
	if pairs := w.bank.Pairs(marc); len(pairs) != 1 || pairs[0].Refresh != "" || pairs[0].Access != TokenHash(text(got["access_token"])) {
		t.Errorf("%+v", pairs)
	}
	w.expectOf(w.refresh(r1), 400, "invalid_grant", "replaced by a later authorization")
}

func TestScopeRule(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rules.Tokens.Scope = ScopeRequired })
	exchange := func(more ...string) response {
		return w.form(w.qwac, values(append([]string{"client_id", orgID, "grant_type", "authorization_code", "code", w.code("aisp", marc),
			"redirect_uri", callback}, more...)...))
	}
	w.expectOf(exchange(), 400, "invalid_scope", "must repeat the scope")
	w.expectOf(exchange("scope", "pisp"), 400, "invalid_scope", "not the one that was authorized")
	resp := exchange("scope", "aisp")
	w.expect(resp, 200, "")
	r1 := text(resp.json(t)["refresh_token"])
	w.expectOf(w.refresh(r1), 400, "invalid_scope", "must repeat the scope")
	w.expectOf(w.refresh(r1, "scope", "pisp"), 400, "invalid_scope", "not the one that was authorized")
	w.expect(w.refresh(r1, "scope", "aisp"), 200, "")
	w.rules(Rules{Tokens: TokenRules{Scope: ScopeOptional}})
	w.expect(w.refresh(r1), 200, "")
	w.expect(w.refresh(r1, "scope", "aisp"), 200, "")
}

func TestExpiresInForms(t *testing.T) {
	w := newWorld(t)
	for form, want := range map[string]string{ExpiresNumber: `"expires_in":600`, ExpiresMissing: "", ExpiresString: `"expires_in":"600"`,
		ExpiresZero: `"expires_in":0`, ExpiresNegative: `"expires_in":-1`, ExpiresAbsurd: `"expires_in":1000000000000`} {
		w.rules(Rules{Tokens: TokenRules{ExpiresIn: form, Lifetime: Wait(10 * time.Minute), TokenType: "bearer"}})
		resp := w.form(w.qwac, values("client_id", orgID, "grant_type", "client_credentials", "scope", "cbpii"))
		if (want == "" && strings.Contains(resp.body, "expires_in")) || !strings.Contains(resp.body, want) || !strings.Contains(resp.body, `"bearer"`) {
			t.Errorf("%s: %s", form, resp.body)
		}
	}
}

// TestConsentAge: 180 days from the strong authentication, not from the
// refresh, and neither token outlives them.
func TestConsentAge(t *testing.T) {
	w := newWorld(t)
	_, r1 := w.psuToken("aisp", marc)
	if n := w.bank.AgeConsents(marc, 179); n != 1 || w.bank.AgeConsents("D0999980", 1) != 0 {
		t.Errorf("%d consents aged", n)
	}
	got := w.refresh(r1).json(t)
	access := text(got["access_token"])
	if !w.alive(access) {
		t.Error("dead on day 179")
	}
	w.bank.AgeConsents("", 2)
	w.expectOf(w.refresh(r1), 400, "invalid_grant", "older than 180 days")
	w.expect(w.signAndSend(w.stet("GET", "/stet/psd2/v1/accounts", "", access)), 401, "older than 180 days")
	if pairs := w.bank.Pairs(""); len(pairs) != 0 {
		t.Errorf("%+v", pairs)
	}
	for _, token := range []string{r1, access} {
		if st := w.bank.TokenState(TokenHash(token)); !st.Known || st.Live || !strings.Contains(st.Why, "too old") {
			t.Errorf("%+v", st)
		}
	}
	w.rules(Rules{Tokens: TokenRules{ConsentDays: 365}})
	w.expect(w.refresh(r1), 200, "")
}

func TestRevocation(t *testing.T) {
	w := newWorld(t)
	revoke := func(params ...string) response {
		r := w.formRequest("/stet/psd2/oauth/revoke", values(params...))
		return w.send(r)
	}
	for name, pick := range map[string]func(a, r string) string{
		"access token":  func(a, _ string) string { return a },
		"refresh token": func(_, r string) string { return r },
	} {
		a, r := w.psuToken("aisp", marc)
		other, _ := w.psuToken("aisp", "D0999980")
		if resp := revoke("client_id", orgID, "token", pick(a, r)); resp.status != 200 || resp.body != "" {
			t.Errorf("%s: %d %s", name, resp.status, resp.body)
		}
		if w.alive(a) || !w.alive(other) {
			t.Errorf("%s: the wrong access token lives", name)
		}
		w.expectOf(w.refresh(r), 400, "invalid_grant", "revoked by the TPP")
	}
	w.expect(revoke("client_id", orgID, "token", "never given"), 200, "")
	w.expectOf(revoke("client_id", orgID), 400, "invalid_request", "token is missing")
	w.expectOf(revoke("token", "x"), 401, "invalid_client", "client_id is not")
	a, r := w.psuToken("aisp", marc)
	foreign := w.formRequest("/stet/psd2/oauth/revoke", values("client_id", "PSDFR-ACPR-99999", "token", r))
	w.expectOf(w.sendAs(w.foreignQWAC, foreign), 400, "invalid_grant", "to another client")
	card, _ := w.psuToken("cbpii", marc)
	if n := w.bank.RevokeConsent(marc, "aisp"); n != 1 || w.alive(a) || !w.bank.TokenState(TokenHash(card)).Live {
		t.Errorf("%d revoked", n)
	}
	w.expectOf(w.refresh(r), 400, "invalid_grant", "revoked at the bank")
}

// TestControlOfTokens goes through the control plane's part on tokens.
func TestControlOfTokens(t *testing.T) {
	w := newWorld(t)
	control := httptest.NewServer(w.bank.Control())
	defer control.Close()
	defer http.DefaultClient.CloseIdleConnections()
	call := func(method, path, body string, into any) int {
		t.Helper()
		req, err := http.NewRequest(method, control.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err == nil && into != nil {
			err = json.Unmarshal(got, into)
		}
		if err != nil {
			t.Fatalf("%v: %s", err, got)
		}
		return resp.StatusCode
	}
	if status := call("PUT", "/rules", `{"tokens":{"refresh":"rotated","refresh_grace":"1s"},"authorize":{"iss":true}}`, nil); status != 204 {
		t.Error(status)
	}
	var rules Rules
	call("GET", "/rules", "", &rules)
	if rules != w.bank.Rules() || rules.Tokens.RefreshGrace != Wait(time.Second) || !rules.Authorize.Issuer || rules.Tokens.ConsentDays != 180 {
		t.Errorf("%+v", rules)
	}
	for _, bad := range []string{`{"tokens":{"refresh":"sometimes"}}`, `{"tokens":{"scope":"x"}}`, `{"id_token":{"wrong":"all"}}`,
		`{"tokens":{"consent_days":-1}}`, `{"tokens":{"reuse_detection":true}}`, `{"token":{}}`, ``} {
		if status := call("PUT", "/rules", bad, nil); status != 400 || w.bank.Rules() != rules {
			t.Errorf("%s: %d", bad, status)
		}
	}
	call("PUT", "/rules", "{}", nil)
	access, refresh := w.psuToken("aisp", "TEST42")
	w.psuToken("aisp", marc)
	var pairs []Pair
	call("GET", "/pairs?psu=TEST42", "", &pairs)
	if len(pairs) != 1 || pairs[0].Access != TokenHash(access) || pairs[0].Refresh != TokenHash(refresh) || pairs[0].Role != "aisp" {
		t.Errorf("%+v", pairs)
	}
	var state TokenState
	call("GET", "/tokens/"+TokenHash(refresh), "", &state)
	if state != (TokenState{Known: true, Live: true, Kind: "refresh", PSU: "TEST42"}) {
		t.Errorf("%+v", state)
	}
	call("POST", "/consents/age", `{"psu":"TEST42","days":181}`, nil)
	w.expect(w.refresh(refresh), 400, "older than 180 days")
	call("POST", "/consents/revoke", `{"psu":"TEST42"}`, nil)
	w.expect(w.refresh(refresh), 400, "revoked at the bank")
	if call("GET", "/pairs", "", &pairs); len(pairs) != 1 || pairs[0].PSU != marc {
		t.Errorf("%+v", pairs)
	}
	before := w.keySet()
	if call("POST", "/rotate-keys", "", nil) != 204 || w.keySet().Keys[0].KeyID == before.Keys[0].KeyID {
		t.Error("the keys are the same")
	}
	call("PUT", "/metadata", `{"issuer":"x"}`, nil)
	if got := w.fetch("/.well-known/openid-configuration").json(t); got["issuer"] != "x" {
		t.Errorf("%v", got)
	}
	call("PUT", "/metadata", `{}`, nil)
	if call("PUT", "/clients", `{"organization":"PSDFR-ACPR-12345","auth":"certificate"}`, nil) != 204 {
		t.Error("a client was not registered")
	}
	w.expect(w.form(w.qwac, values("grant_type", "client_credentials", "scope", "cbpii")), 200, "")
	state = TokenState{}
	if call("GET", "/tokens/"+TokenHash(access)[:8], "", &state); state.Known {
		t.Error("a short prefix names a token")
	}
}

// TestSweep: expired tokens and those of ended authorizations go once there
// are many; live ones stay.
func TestSweep(t *testing.T) {
	s, rules, now := newTokenStore(), (Rules{}).complete(time.Hour).Tokens, time.Now()
	s.sweepAt = 5
	first := s.exchange(now, &rules, &authorization{PSU: "a", Scope: "aisp"}, orgID, [32]byte{})
	live := s.exchange(now, &rules, &authorization{PSU: "b", Scope: "aisp"}, orgID, [32]byte{})
	s.issue(now.Add(-2*time.Hour), &rules, grant{Scope: "cbpii"})
	s.end(first.family, "test")
	s.issue(now, &rules, grant{Scope: "cbpii"})
	s.issue(now, &rules, grant{Scope: "cbpii"})
	if len(s.refresh) != 1 || len(s.access) != 3 || s.refresh[live.Refresh] == nil || s.access[live.Access] == nil || s.sweepAt != sweepFrom {
		t.Errorf("%d refresh and %d access tokens, next at %d", len(s.refresh), len(s.access), s.sweepAt)
	}
}
