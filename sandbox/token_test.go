package sandbox

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a bank's clock that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

func TestTokenRefusals(t *testing.T) {
	w := newWorld(t)
	_, refresh := w.psuToken("aisp", "D0999990I0")
	tests := []struct {
		name   string
		params url.Values
		extra  [][2]string
		status int
		code   string
	}{
		{"no grant", values("client_id", orgID), nil, 400, "invalid_request"},
		{"unknown grant", values("client_id", orgID, "grant_type", "password"), nil, 400, "unsupported_grant_type"},
		{"no client", values("grant_type", "client_credentials", "scope", "cbpii"), nil, 401, "invalid_client"},
		{"another client", values("client_id", "PSDFR-ACPR-99999", "grant_type", "client_credentials", "scope", "cbpii"), nil, 401, "invalid_client"},
		{"no scope", values("client_id", orgID, "grant_type", "client_credentials"), nil, 400, "invalid_scope"},
		{"unknown scope", values("client_id", orgID, "grant_type", "client_credentials", "scope", "all"), nil, 400, "invalid_scope"},
		{"aisp without PSU", values("client_id", orgID, "grant_type", "client_credentials", "scope", "aisp"), nil, 400, "unauthorized_client"},
		{"twice", values("client_id", orgID, "client_id", orgID, "grant_type", "client_credentials"), nil, 400, "invalid_request"},
		{"unknown code", values("client_id", orgID, "grant_type", "authorization_code", "code", "x", "redirect_uri", callback), nil, 400, "invalid_grant"},
		{"scope on exchange", values("client_id", orgID, "grant_type", "authorization_code", "code", w.code("aisp", "D0999990I0"),
			"redirect_uri", callback, "scope", "aisp"), nil, 400, "invalid_scope"},
		{"another redirect", values("client_id", orgID, "grant_type", "authorization_code", "code", w.code("aisp", "D0999990I0"),
			"redirect_uri", callback+"1"), nil, 400, "invalid_grant"},
		{"unknown refresh", values("client_id", orgID, "grant_type", "refresh_token", "refresh_token", "x"), nil, 400, "invalid_grant"},
		{"scope on refresh", values("client_id", orgID, "grant_type", "refresh_token", "refresh_token", refresh, "scope", "aisp"), nil, 400, "invalid_scope"},
		{"leak", values("client_id", orgID, "grant_type", "client_credentials", "scope", "cbpii"), [][2]string{{"X-Forwarded-For", "1.1.1.1"}}, 400, "invalid_request"},
		{"bad signature", values("client_id", orgID, "grant_type", "client_credentials", "scope", "cbpii"), [][2]string{{"Signature", "x"}}, 400, "invalid_request"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			resp := w.form(w.qwac, test.params, test.extra...)
			got := resp.json(t)
			if resp.status != test.status || got["error"] != test.code || got["error_description"] == "" ||
				resp.header.Get("Cache-Control") != "no-store" || len(w.bank.Last().Problems) != 1 {
				t.Errorf("%d %s", resp.status, resp.body)
			}
		})
	}
	resp := w.send(&request{method: "GET", target: "/stet/psd2/oauth/token", header: [][2]string{{"Host", "x"}}})
	w.expect(resp, 405, "POST is expected")
	if resp.header.Get("Allow") != "POST" {
		t.Errorf("Allow: %v", resp.header)
	}
	resp = w.send(&request{method: "POST", target: "/stet/psd2/oauth/token", body: "{}",
		header: [][2]string{{"Host", "x"}, {"Content-Type", "application/json"}, {"Content-Length", "2"}}})
	w.expect(resp, 400, "not application/x-www-form-urlencoded")
}

// TestRoleOfQWAC: the certificate must hold the role the scope stands for.
func TestRoleOfQWAC(t *testing.T) {
	w := newWorld(t)
	resp := w.form(w.qwac2, values("client_id", orgID, "grant_type", "client_credentials", "scope", "cbpii"))
	w.expect(resp, 400, "lacks the role PSP_IC")
}

func TestTokenAnswer(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.TokenLifetime = 10 * time.Minute })
	resp := w.form(w.qwac, values("client_id", orgID, "grant_type", "client_credentials", "scope", "piisp"))
	got := resp.json(t)
	if got["token_type"] != "Bearer" || got["expires_in"] != 600.0 || got["refresh_token"] != nil ||
		resp.header.Get("Cache-Control") != "no-store" || resp.header.Get("Pragma") != "no-cache" {
		t.Errorf("%v %v", got, resp.header)
	}
	access, refresh := w.psuToken("cbpii", "D0999990I0")
	for _, token := range []string{access, refresh, got["access_token"].(string)} {
		if len(token) == 0 || len(token) > 140 {
			t.Errorf("%d characters", len(token))
		}
	}
	if n := w.bank.TokenCalls(); n != 2 {
		t.Errorf("%d token calls, want 2", n)
	}
}

// alive tells whether a token is taken, by asking for an account list.
func (w *world) alive(token string) bool {
	w.Helper()
	resp := w.signAndSend(w.stet("GET", "/stet/psd2/v1/accounts", "", token))
	if resp.status != 200 && resp.status != 401 {
		w.Fatalf("%d %s", resp.status, resp.body)
	}
	return resp.status == 200
}

// TestOneLivePair: per PSU, TPP and role there is one access and one refresh
// token; a refresh gives the old refresh token and ends the old access token.
func TestOneLivePair(t *testing.T) {
	w := newWorld(t)
	refresh := func(token string) response {
		return w.form(w.qwac, values("client_id", orgID, "grant_type", "refresh_token", "refresh_token", token))
	}
	a1, r1 := w.psuToken("aisp", "D0999990I0")
	marie, _ := w.psuToken("aisp", "D0999991I0")
	if _, r := w.psuToken("cbpii", "D0999990I0"); r == r1 {
		t.Error("two roles share a refresh token")
	}
	if !w.alive(a1) || !w.alive(marie) {
		t.Fatal("a fresh token is dead")
	}
	got := refresh(r1).json(t)
	a2 := got["access_token"].(string)
	if got["refresh_token"] != r1 || a2 == a1 || w.alive(a1) || !w.alive(a2) || !w.alive(marie) {
		t.Error("after a refresh: the old refresh token, a new access token, and the old one dead are expected")
	}
	a3, r3 := w.psuToken("aisp extended_transaction_history", "D0999990I0")
	if w.alive(a2) || !w.alive(a3) || r3 == r1 || refresh(r1).status != 400 {
		t.Error("a new grant must end the former pair")
	}
	w.bank.ExpireTokens()
	if w.alive(a3) || refresh(r3).status != 200 {
		t.Error("expiry must leave the refresh token alone")
	}
	w.bank.RevokeTokens()
	if refresh(r3).status != 400 {
		t.Error("revocation must end the refresh token")
	}
}

// TestCodeIsUsedOnce: a second use also ends what the first one gave.
func TestCodeIsUsedOnce(t *testing.T) {
	w := newWorld(t)
	form := values("client_id", orgID, "grant_type", "authorization_code", "code", w.code("aisp", "D0999990I0"), "redirect_uri", callback)
	got := w.form(w.qwac, form).json(t)
	token := got["access_token"].(string)
	if !w.alive(token) {
		t.Fatal("dead")
	}
	again := w.form(w.qwac, values("client_id", orgID, "grant_type", "refresh_token", "refresh_token", got["refresh_token"].(string))).json(t)
	if resp := w.form(w.qwac, form); resp.status != 400 {
		t.Errorf("%d", resp.status)
	}
	if w.alive(again["access_token"].(string)) {
		t.Error("the token of a code used twice is alive")
	}
}

func TestTokensExpire(t *testing.T) {
	now := newClock()
	w := newWorld(t, func(o *Options) { o.Now = now.Now })
	access, refresh := w.psuToken("aisp", "D0999990I0")
	late := w.code("aisp", "D0999991I0")
	now.advance(time.Hour + time.Second)
	w.expect(w.signAndSend(w.stet("GET", "/stet/psd2/v1/accounts", "", access)), 401, "has expired")
	w.expect(w.form(w.qwac, values("client_id", orgID, "grant_type", "authorization_code", "code", late, "redirect_uri", callback)),
		400, "used or expired")
	form := values("client_id", orgID, "grant_type", "refresh_token", "refresh_token", refresh)
	if resp := w.form(w.qwac, form); resp.status != 200 {
		t.Error(resp.body)
	}
	now.advance(180 * 24 * time.Hour)
	w.expect(w.form(w.qwac, form), 400, "older than 180 days")
}

// TestTokenBinding: a token belongs to one TPP and one client certificate.
func TestTokenBinding(t *testing.T) {
	w := newWorld(t)
	access, refresh := w.psuToken("aisp", "D0999990I0")
	r := w.stet("GET", "/stet/psd2/v1/accounts", "", access)
	r.sign(t)
	w.expect(w.sendAs(w.qwac2, r), 401, "bound to another client certificate")
	r = w.stet("GET", "/stet/psd2/v1/accounts", "", access)
	r.sealedBy, r.keyID, r.algorithm = w.foreignQSEAL, serialIssuer(t, w.foreignQSEAL), "ecdsa-sha256"
	r.sign(t)
	w.expect(w.sendAs(w.foreignQWAC, r), 401, "issued to another TPP")
	resp := w.form(w.foreignQWAC, values("client_id", "PSDFR-ACPR-99999", "grant_type", "refresh_token", "refresh_token", refresh))
	w.expect(resp, 400, "issued to another client")
	// After a rotation of the QWAC the refresh token gives a token bound to the new one.
	got := w.form(w.qwac2, values("client_id", orgID, "grant_type", "refresh_token", "refresh_token", refresh)).json(t)
	r = w.stet("GET", "/stet/psd2/v1/accounts", "", got["access_token"].(string))
	r.sign(t)
	w.expect(w.sendAs(w.qwac2, r), 200, "")
	// The signed call below has a token for cards, but no such role.
	w.expect(w.form(w.foreignQWAC, values("client_id", "PSDFR-ACPR-99999", "grant_type", "authorization_code",
		"code", w.code("aisp", "D0999990I0"), "redirect_uri", callback)), 400, "issued to another client")
}

func TestAuthorizeRefusals(t *testing.T) {
	w := newWorld(t)
	good := values("response_type", "code", "client_id", orgID, "redirect_uri", callback, "scope", "aisp")
	for name, want := range map[string]struct{ value, sentence string }{
		"response_type": {"token", "response_type is not code"},
		"client_id":     {"PSDXX-NOBODY-1", "client_id is not"},
		"redirect_uri":  {"/cb", "redirect_uri is missing"},
		"state":         {strings.Repeat("s", 35), "state is longer"},
		"login":         {"nobody", "login is no persona"},
		"scope":         {"aisp pisp", "exactly one of"},
	} {
		q, err := url.ParseQuery(good.Encode())
		if err != nil {
			t.Fatal(err)
		}
		q.Set(name, want.value)
		resp := w.send(&request{method: "GET", target: "/stet/psd2/oauth/authorize?" + q.Encode(), header: [][2]string{{"Host", "x"}}})
		w.expect(resp, 400, want.sentence)
	}
}

// TestSignedTokenRequest: no signature is demanded, but one that comes is verified.
func TestSignedTokenRequest(t *testing.T) {
	w := newWorld(t)
	body := values("client_id", orgID, "grant_type", "client_credentials", "scope", "cbpii").Encode()
	prepare := func() *request {
		r := w.stet("POST", "/stet/psd2/oauth/token", body, "x")
		r.set("Content-Type", "application/x-www-form-urlencoded")
		r.del("Authorization")
		return r
	}
	w.expect(w.signAndSend(prepare()), 200, "")
	if !w.bank.Last().SignatureOK {
		t.Error("the signature was not verified")
	}
	r := prepare()
	r.sign(t)
	r.set("Date", "yesterday")
	w.expect(w.send(r), 400, "does not verify")
	r = prepare()
	r.set("Digest", digestOf("x"))
	w.expect(w.signAndSend(r), 400, "Digest does not match")
	r = prepare()
	r.keyID = "SN=1,CA=x"
	w.expect(w.signAndSend(r), 400, "no registered QSEAL")
}

func TestFallback(t *testing.T) {
	w := newWorld(t)
	form := values("client_id", orgID, "grant_type", "client_credentials", "scope", "aisp")
	resp := w.form(w.qwac, form, [2]string{"fallback", "1"})
	location := resp.header.Get("Location")
	_, jwt, ok := strings.Cut(location, "&fallback=eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIsIng1dCI6I")
	if resp.status != 302 || !ok || strings.Count(jwt, ".") != 2 || !strings.HasPrefix(resp.header.Get("Content-Type"), "text/html") ||
		!strings.Contains(resp.body, location) || !resp.closes {
		t.Errorf("%d %v %s", resp.status, resp.header, resp.body)
	}
	w.expect(w.form(w.qwac, form, [2]string{"fallback", "true"}), 400, "the header fallback is not 1")
	form.Set("scope", "cbpii")
	w.expect(w.form(w.qwac, form, [2]string{"fallback", "1"}), 400, "with scope aisp")
	exempt := newWorld(t, func(o *Options) { o.NoFallback = true })
	form.Set("scope", "aisp")
	exempt.expect(exempt.form(w.qwac, form, [2]string{"fallback", "1"}), 403, "exempt")
}
