package authorize

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

const granted = "https://app.example/bank?x=1&sidecar_grant=grant-7&sidecar_result=granted"

// kinds are the ways in which banks want to be asked.
var kinds = map[string]func(*tokens.Spec){
	"plain":          func(*tokens.Spec) {},
	"pkce":           func(s *tokens.Spec) { s.Authorize.PKCE = true },
	"nonce":          func(s *tokens.Spec) { s.Authorize.Nonce = true },
	"pushed":         func(s *tokens.Spec) { s.Authorize = tokens.Authorize{Pushed: "/par", PKCE: true} },
	"request object": func(s *tokens.Spec) { s.Authorize = tokens.Authorize{RequestObject: true, Nonce: true} },
	"elliptic": func(s *tokens.Spec) {
		s.Authorize = tokens.Authorize{RequestObject: true}
		s.Assertion = tokens.Assertion{Algorithm: "ES256", KeyID: "key-1"}
	},
	"fapi": func(s *tokens.Spec) {
		s.Authorize = tokens.Authorize{Pushed: "/par", RequestObject: true, PKCE: true, Nonce: true,
			Parameters: map[string]string{"prompt": "consent", "max_age": "60", "claims": `{"userinfo":{"acr":null}}`}}
		s.ClientAuth, s.Assertion.KeyID, s.Metadata = tokens.ClientAuthJWT, "key-1", "/metadata"
	},
}

func TestFlow(t *testing.T) {
	for name, change := range kinds {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, change)
			f := w.flow()
			request := url.Values(w.begin(f))
			if request.Get("scope") != "aisp" {
				t.Errorf("scope is %q", request.Get("scope"))
			}
			if request.Has("nonce") != w.bank.spec.Authorize.Nonce {
				t.Errorf("nonce: %q", request["nonce"])
			}
			for name, value := range w.bank.spec.Authorize.Parameters {
				if request.Get(name) != value {
					t.Errorf("%s is %q", name, request.Get(name))
				}
			}
			if e := w.lastEvent(); e.Kind != EventBegun || e.ASPSP != "bpgo" || e.Grant != (grants.ID{Name: "grant-7"}).Fingerprint() {
				t.Errorf("event %+v", e)
			}
			if memory := w.memory(); strings.Contains(memory, request.Get("state")) || strings.Contains(memory, "grant-7") || w.states() != 1 {
				t.Error("the storage tells the flow")
			}
			query := w.bank.consent(request)
			callback := Callback{Query: query}
			outcome, err := f.Finish(t.Context(), callback, w.find)
			if err != nil || outcome.ReturnTo != granted || outcome.Result != Granted || outcome.Code != "" {
				t.Fatalf("%s %+v, %v", outcome.ReturnTo, outcome, err)
			}
			again, err := f.Finish(t.Context(), callback, w.find)
			if !errors.Is(err, ErrStateUnknown) || again != (Outcome{}) {
				t.Errorf("a second time: %+v, %v", again, err)
			}
			if n := w.bank.count("/token"); n != 1 || w.states() != 0 {
				t.Errorf("%d token requests, %d states left", n, w.states())
			}
			w.checkSilence(callback, outcome, err)
		})
	}
}

// Two flows have nothing in common but what they must.
func TestFlowsDiffer(t *testing.T) {
	w := newWorld(t, func(s *tokens.Spec) { s.Authorize = tokens.Authorize{PKCE: true, Nonce: true} })
	f := w.flow()
	first, second := url.Values(w.begin(f)), url.Values(w.begin(f))
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if first.Get(name) == "" || first.Get(name) == second.Get(name) {
			t.Errorf("%s: %q and %q", name, first.Get(name), second.Get(name))
		}
	}
	// The code of one is no good with the state of the other: PKCE.
	query := w.bank.consent(first)
	query.Set("state", second.Get("state"))
	if outcome, err := f.Finish(t.Context(), Callback{Query: query}, w.find); outcome.Result != Failed || err == nil {
		t.Errorf("%+v, %v", outcome, err)
	}
}

func TestBrowserSeesOnlyWhatItMust(t *testing.T) {
	for kind, want := range map[string][]string{
		"pushed":         {"brand", "client_id", "request_uri"},
		"fapi":           {"brand", "client_id", "request_uri"},
		"request object": {"brand", "client_id", "request", "response_type", "scope"},
		"plain":          {"brand", "client_id", "redirect_uri", "response_type", "scope", "state"},
	} {
		w := newWorld(t, kinds[kind])
		location, err := w.flow().Begin(t.Context(), w.aspsp, Begin{Grant: "g", Scope: "aisp  extended_transaction_history", ReturnURL: "https://app.example/bank"})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(location)
		if err != nil || u.Host != "login.bank.example" || u.Path != "/authorize" || !strings.HasPrefix(u.RawQuery, "brand=x&") || strings.Contains(location, "+") {
			t.Errorf("%s: %s %v", kind, location, err)
		}
		if len(u.Query()) != len(want) {
			t.Errorf("%s: %d parameters, want %q", kind, len(u.Query()), want)
		}
		for _, name := range want {
			if !u.Query().Has(name) {
				t.Errorf("%s: no %s", kind, name)
			}
		}
		if kind == "plain" && u.Query().Get("scope") != "aisp extended_transaction_history" {
			t.Errorf("scope is %q", u.Query().Get("scope"))
		}
	}
}

// aud names the issuer, the endpoint, or what the profile says.
func TestAudience(t *testing.T) {
	for want, change := range map[string]func(*tokens.Spec){
		testIssuer: func(s *tokens.Spec) { s.Issuer = testIssuer },
		"https://login.bank.example/authorize?brand=x": func(*tokens.Spec) {},
		"https://aud.example":                          func(s *tokens.Spec) { s.Authorize.Audience = "https://aud.example" },
	} {
		w := newWorld(t, func(s *tokens.Spec) { s.Authorize.RequestObject = true; change(s) })
		if got := url.Values(w.begin(w.flow())).Get("aud"); got != want {
			t.Errorf("aud is %q, want %q", got, want)
		}
	}
}

// Inside a request object, what is JSON is JSON (OpenID Connect Core section 6.1).
func TestClaimTypes(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"max_age", "60", `60`},
		{"max_age", "soon", `"soon"`},
		{"claims", `{"userinfo":{}}`, `{"userinfo":{}}`},
		{"claims", `[1]`, `"[1]"`},
		{"claims", `{"x`, `"{\"x"`},
		{"prompt", "60", `"60"`},
	} {
		if got, err := json.Marshal(claimOf(c.name, c.value)); err != nil || string(got) != c.want {
			t.Errorf("%s=%s: %s, %v", c.name, c.value, got, err)
		}
	}
}

// With openid in the scope there is a nonce without being asked for.
func TestNonceForOpenID(t *testing.T) {
	w := newWorld(t, nil)
	w.aspsp.Scope = "openid aisp"
	if request := url.Values(w.begin(w.flow())); len(request.Get("nonce")) < 43 {
		t.Errorf("nonce is %q", request.Get("nonce"))
	}
}

// With ING's two steps the client_id is the application token's.
func TestClientIDOfApplicationToken(t *testing.T) {
	w := newWorld(t, func(s *tokens.Spec) { s.ApplicationToken = true })
	w.aspsp.Client.ClientID = "configured"
	w.aspsp.Client.Endpoint.Application = applicationToken
	f := w.flow()
	query := w.bank.consent(w.begin(f))
	if outcome, err := f.Finish(t.Context(), Callback{Query: query}, w.find); err != nil {
		t.Errorf("%+v, %v", outcome, err)
	}
}

func TestBeginRefuses(t *testing.T) {
	good := Begin{Grant: "grant-7", ReturnURL: "https://app.example/bank"}
	for name, c := range map[string]struct {
		begin  func(*Begin)
		world  func(*world)
		spec   func(*tokens.Spec)
		target error
	}{
		"no grant":               {begin: func(b *Begin) { b.Grant = "" }, target: grants.ErrName},
		"grant with space":       {begin: func(b *Begin) { b.Grant = "a b" }, target: grants.ErrName},
		"scope with control":     {begin: func(b *Begin) { b.Scope = "a\x00b" }, target: ErrParameters},
		"scope with quote":       {begin: func(b *Begin) { b.Scope = `a"b` }, target: ErrParameters},
		"long scope":             {begin: func(b *Begin) { b.Scope = strings.Repeat("a", 2000) }, target: ErrParameters},
		"return URL":             {begin: func(b *Begin) { b.ReturnURL = "https://evil.example/bank" }, target: ErrReturnURL},
		"no return URL":          {begin: func(b *Begin) { b.ReturnURL = "" }, target: ErrReturnURL},
		"no return_urls":         {world: func(w *world) { w.aspsp.ReturnURLs = nil }, target: ErrNoAuthorize},
		"no redirect_uri":        {world: func(w *world) { w.aspsp.RedirectURI = "" }, target: ErrNoAuthorize},
		"redirect_uri http":      {world: func(w *world) { w.aspsp.RedirectURI = "http://tpp.example/" }, target: ErrNoAuthorize},
		"redirect_uri fragment":  {world: func(w *world) { w.aspsp.RedirectURI = "https://tpp.example/#" }, target: ErrNoAuthorize},
		"no endpoint":            {world: func(w *world) { w.aspsp.Client.Endpoint.AuthorizationURL = "" }, target: ErrNoAuthorize},
		"endpoint http":          {world: func(w *world) { w.aspsp.Client.Endpoint.AuthorizationURL = "http://bank.example/" }, target: ErrNoAuthorize},
		"endpoint has state":     {world: func(w *world) { w.aspsp.Client.Endpoint.AuthorizationURL = "https://bank.example/?state=x" }, target: ErrNoAuthorize},
		"parameter of ours":      {spec: func(s *tokens.Spec) { s.Authorize.Parameters = map[string]string{"State": "x"} }, target: ErrNoAuthorize},
		"request object, no key": {spec: kinds["request object"], world: func(w *world) { w.aspsp.Client.Endpoint.Key = nil }, target: ErrNoAuthorize},
		"no client_id":           {world: func(w *world) { w.aspsp.Client.ClientID = "" }, target: tokens.ErrSpec},
		"metadata out of order":  {spec: kinds["fapi"], world: func(w *world) { w.bank.metadata = map[string]any{"issuer": 1} }, target: tokens.ErrMetadata},
		"full disk":              {world: func(w *world) { w.storage.SetFull(true) }, target: errStorage},
		"application token":      {spec: func(s *tokens.Spec) { s.ApplicationToken = true }, world: func(w *world) { w.aspsp.Client.Endpoint.Application = noApplication }, target: tokens.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.spec)
			b := good
			if c.begin != nil {
				c.begin(&b)
			}
			if c.world != nil {
				c.world(w)
			}
			location, err := w.flow().Begin(t.Context(), w.aspsp, b)
			if !errors.Is(err, c.target) || location != "" || w.states() != 0 {
				t.Errorf("%q, %v, %d states", location, err, w.states())
			}
			if e := w.lastEvent(); e.Kind != EventNotBegun || e.Err == nil {
				t.Errorf("event %+v", e)
			}
			w.checkSilence(err, b)
		})
	}
}
