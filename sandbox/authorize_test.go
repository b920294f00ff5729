package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// ask sends an authorize request and gives where it leads to; nil if it is
// refused.
func (w *world) ask(q url.Values) (url.Values, response) {
	w.Helper()
	resp := w.send(&request{method: "GET", target: "/stet/psd2/oauth/authorize?" + q.Encode(), header: [][2]string{{"Host", "x"}}})
	if resp.status != 302 {
		return nil, resp
	}
	to, err := url.Parse(resp.header.Get("Location"))
	if err != nil || !strings.HasPrefix(to.String(), "https://tpp.example/cb?") || to.Query().Get("x") != "1" {
		w.Fatalf("Location %q", resp.header.Get("Location"))
	}
	return to.Query(), resp
}

// asking is a good authorize request with more parameters, or others.
func asking(pairs ...string) url.Values {
	q := values("response_type", "code", "client_id", orgID, "redirect_uri", callback, "scope", "aisp", "state", "s1")
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return q
}

func (w *world) exchangeCode(code string, more ...string) response {
	w.Helper()
	return w.form(w.qwac, values(append([]string{"client_id", orgID, "grant_type", "authorization_code", "code", code, "redirect_uri", callback}, more...)...))
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 appendix B

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestPKCE(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rules.Authorize.PKCE = true })
	if got := challengeOf(verifier); got != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Fatal(got)
	}
	good := asking("code_challenge", challengeOf(verifier), "code_challenge_method", "S256")
	for sentence, q := range map[string]url.Values{
		"code_challenge is missing":           asking(),
		"method is not S256":                  asking("code_challenge", verifier, "code_challenge_method", "plain"),
		"code_challenge_method is not S256":   asking("code_challenge", challengeOf(verifier)),
		"not base64url of a SHA-256":          asking("code_challenge", "x", "code_challenge_method", "S256"),
		"is not base64url":                    asking("code_challenge_method", "S256"),
		"redirect_uri is missing, not absolu": asking("redirect_uri", "x", "code_challenge", challengeOf(verifier), "code_challenge_method", "S256"),
	} {
		_, resp := w.ask(q)
		w.expect(resp, 400, sentence)
	}
	for name, test := range map[string]struct {
		verifier []string
		sentence string
	}{
		"right":   {[]string{"code_verifier", verifier}, ""},
		"missing": {nil, "code_verifier is missing"},
		"another": {[]string{"code_verifier", strings.Repeat("a", 43)}, "does not fit"},
		"short":   {[]string{"code_verifier", verifier[1:]}, "43 to 128"},
		"long":    {[]string{"code_verifier", strings.Repeat("a", 129)}, "43 to 128"},
		"padded":  {[]string{"code_verifier", verifier + "="}, "43 to 128"},
	} {
		back, _ := w.ask(good)
		resp := w.exchangeCode(back.Get("code"), test.verifier...)
		if test.sentence == "" {
			w.expect(resp, 200, "")
		} else if w.expectOf(resp, 400, "invalid_grant", test.sentence); w.Failed() {
			t.Log(name)
		}
	}
	w.rules(Rules{})
	back, _ := w.ask(asking())
	w.expectOf(w.exchangeCode(back.Get("code"), "code_verifier", verifier), 400, "invalid_grant", "had no code_challenge")
}

func TestAnswersSentBack(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rules.Authorize.Issuer = true })
	back, _ := w.ask(asking())
	if back.Get("iss") != w.bank.URL() || back.Get("code") == "" || back.Get("state") != "s1" || back.Has("error") {
		t.Errorf("%v", back)
	}
	back, _ = w.ask(asking("login", "deny"))
	if back.Get("error") != "access_denied" || back.Get("state") != "s1" || back.Get("iss") != w.bank.URL() || back.Has("code") {
		t.Errorf("%v", back)
	}
	back, _ = w.ask(asking("login", "error:temporarily_unavailable"))
	if back.Get("error") != "temporarily_unavailable" || back.Get("state") != "s1" || back.Has("code") {
		t.Errorf("%v", back)
	}
	w.rules(Rules{})
	if back, _ = w.ask(asking()); back.Has("iss") {
		t.Errorf("%v", back)
	}
	_, resp := w.ask(url.Values{"state": {"1", "2"}})
	w.expect(resp, 400, "more than once")
	if err := w.bank.Register(Client{Organization: orgID, RedirectURIs: []string{"https://tpp.example/other"}}); err != nil {
		t.Fatal(err)
	}
	_, resp = w.ask(asking())
	w.expect(resp, 400, "not registered for the client")
}

func (w *world) push(more ...string) response {
	w.Helper()
	return w.send(w.formRequest("/stet/psd2/oauth/par", asking(more...)))
}

func TestPushedRequests(t *testing.T) {
	now := newClock()
	w := newWorld(t, func(o *Options) { o.Rules.Authorize.Pushed, o.Now = true, now.Now })
	push := func(more ...string) string {
		t.Helper()
		resp := w.push(more...)
		got := resp.json(t)
		if resp.status != 201 || got["expires_in"] != 60.0 || !strings.HasPrefix(text(got["request_uri"]), "urn:ietf:params:oauth:request_uri:") {
			t.Fatalf("%d %v", resp.status, got)
		}
		return text(got["request_uri"])
	}
	uri := push("state", "pushed")
	back, resp := w.ask(values("client_id", orgID, "request_uri", uri, "login", marc))
	if back.Get("state") != "pushed" || back.Get("code") == "" {
		t.Fatalf("%v %s", back, resp.body)
	}
	w.expect(w.exchangeCode(back.Get("code")), 200, "")
	live := push()
	late := push()
	for sentence, q := range map[string]url.Values{
		"pushed authorization requests only":         asking(),
		"request_uri is unknown, used or expired":    values("client_id", orgID, "request_uri", uri),
		"client_id is missing beside":                values("request_uri", live),
		`"client_id" is not that of the pushed`:      values("client_id", "PSDFR-ACPR-99999", "request_uri", live),
		`"scope" is not that of the pushed`:          values("client_id", orgID, "request_uri", live, "scope", "pisp"),
		"request and request_uri exclude each other": values("client_id", orgID, "request_uri", live, "request", "x"),
		"login is no persona":                        values("client_id", orgID, "request_uri", live, "login", "nobody"),
	} {
		_, resp := w.ask(q)
		w.expect(resp, 400, strings.TrimPrefix(sentence, `"client_id" `))
	}
	if back, _ = w.ask(values("client_id", orgID, "request_uri", live, "scope", "aisp")); back.Get("code") == "" {
		t.Error("a request was used up by one that was refused")
	}
	now.advance(61 * time.Second)
	_, resp = w.ask(values("client_id", orgID, "request_uri", late))
	w.expect(resp, 400, "unknown, used or expired")
	w.expect(w.push("client_id", "nobody"), 401, "client_id is not")
	w.expect(w.push("request_uri", "urn:x"), 400, "cannot be pushed")
	w.expect(w.push("scope", "all"), 400, "scope is not known")
	w.expect(w.push("response_type", "token"), 400, "response_type is not code")
	w.expect(w.push("code_challenge", "x"), 400, "code_challenge_method is not S256")
}

func TestRequestObjects(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rules.Authorize.RequestObject = true })
	now := time.Now().Unix()
	fresh := func(pairs ...any) map[string]any {
		return with(map[string]any{"iss": orgID, "aud": w.bank.URL(), "exp": now + 60, "jti": uuid.NewString(), "response_type": "code",
			"client_id": orgID, "redirect_uri": callback, "scope": "aisp", "state": "signed"}, pairs...)
	}
	sign := func(claims map[string]any) string { return makeJWT(t, "PS256", w.qseal.Key, nil, claims) }
	used := sign(fresh())
	back, resp := w.ask(values("client_id", orgID, "request", used, "response_type", "code", "scope", "aisp"))
	if back.Get("state") != "signed" {
		t.Fatal(resp.body)
	}
	w.expect(w.exchangeCode(back.Get("code")), 200, "")
	typed := makeJWT(t, "ES256", w.qsealEC.Key, map[string]any{"typ": "oauth-authz-req+jwt"}, fresh("aud", w.bank.URL()+"/stet/psd2/oauth/authorize", "max_age", 60))
	if back, resp = w.ask(values("client_id", orgID, "request", typed)); back.Get("code") == "" {
		t.Error(resp.body)
	}
	for name, test := range map[string]struct {
		request  string
		more     []string
		sentence string
	}{
		"used":             {used, nil, "jti was used before"},
		"another scope":    {sign(fresh()), []string{"scope", "pisp"}, `"scope" is not that of`},
		"foreign key":      {makeJWT(t, "ES256", w.foreignQSEAL.Key, nil, fresh()), nil, "does not verify"},
		"RS256":            {makeJWT(t, "RS256", w.qseal.Key, nil, fresh()), nil, "is none of"},
		"not signed":       {rawJWT(`{"alg":"none"}`, `{"client_id":"`+orgID+`"}`), nil, "is none of"},
		"no JWT":           {"x", nil, "not a signed JWT"},
		"another iss":      {sign(fresh("iss", "x")), nil, "iss is not"},
		"another aud":      {sign(fresh("aud", "https://bank.example")), nil, "aud does not"},
		"no expiry":        {sign(fresh("exp", nil)), nil, "exp is missing"},
		"expired":          {sign(fresh("exp", now-1)), nil, "exp is over"},
		"another client":   {sign(fresh("client_id", "x")), nil, "its client_id is not"},
		"nested":           {sign(fresh("request_uri", "x")), nil, "must not hold request"},
		"another typ":      {makeJWT(t, "PS256", w.qseal.Key, map[string]any{"typ": "at+jwt"}, fresh()), nil, "typ of the JWT"},
		"wrong in it":      {sign(fresh("response_type", "token")), nil, "response_type is not code"},
		"without redirect": {sign(fresh("redirect_uri", nil)), nil, "redirect_uri is missing"},
	} {
		q := values(append([]string{"client_id", orgID, "request", test.request}, test.more...)...)
		back, resp := w.ask(q)
		if w.expect(resp, 400, test.sentence); back != nil {
			t.Errorf("%s was taken", name)
		}
	}
	_, resp = w.ask(asking())
	w.expect(resp, 400, "signed authorization requests only")
	_, resp = w.ask(values("request", used))
	w.expect(resp, 400, "client_id is not")
	// Pushed and signed.
	w.expect(w.push(), 400, "signed authorization requests only")
	form := values("client_id", orgID, "request", sign(fresh()))
	got := w.send(w.formRequest("/stet/psd2/oauth/par", form)).json(t)
	if back, resp = w.ask(values("client_id", orgID, "request_uri", text(got["request_uri"]))); back.Get("state") != "signed" {
		t.Error(resp.body)
	}
}

// TestBrowserSide: the control plane serves both authorization endpoints to
// browsers without a certificate.
func TestBrowserSide(t *testing.T) {
	w := newWorld(t)
	control := httptest.NewServer(w.bank.Control())
	defer control.Close()
	defer http.DefaultClient.CloseIdleConnections()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for path, scope := range map[string]string{"/stet/psd2/oauth/authorize": "aisp", "/oauth2/authorize": ingScopes} {
		for _, other := range []string{"", "x"} {
			resp, err := client.Get(control.URL + path + "?" + asking("scope", scope+other).Encode())
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if sent := strings.Contains(resp.Header.Get("Location"), "code="); sent != (other == "") {
				t.Errorf("%s: %d %v", path, resp.StatusCode, resp.Header)
			}
		}
	}
}
