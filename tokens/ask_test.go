package tokens

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const (
	pairBody   = `{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3600,"refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA"}`
	bankSecret = "s3cret of the TPP"
)

// sent is a request as the bank received it.
type sent struct {
	*http.Request
	form url.Values
	body string
}

// recorder is an authorization server within the process.
type recorder struct {
	mu     sync.Mutex
	seen   []sent
	answer func(sent) (status int, body string)
}

func (r *recorder) do(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	s := sent{request, form, string(body)}
	r.mu.Lock()
	r.seen = append(r.seen, s)
	r.mu.Unlock()
	status, answer := http.StatusOK, pairBody
	if r.answer != nil {
		status, answer = r.answer(s)
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer))}, nil
}

func (r *recorder) endpoint(spec Spec) *Endpoint {
	return &Endpoint{
		URL: "https://bank.example/oauth/token", Spec: spec, Do: r.do,
		Secret: func() (string, error) { return bankSecret, nil },
	}
}

// one gives the only request that was sent.
func (r *recorder) one(t *testing.T) sent {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) != 1 {
		t.Fatalf("%d requests, want 1", len(r.seen))
	}
	return r.seen[0]
}

var (
	codeRequest = Request{
		GrantType: GrantAuthorizationCode, Code: "SplxlOBeZQQYbYS6WxSbIA", RedirectURI: "https://client.example.com/cb",
		CodeVerifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", Scope: "aisp", ClientID: "PSDFR-ACPR-12345",
	}
	refreshRequest = Request{GrantType: GrantRefreshToken, RefreshToken: "tGzv3JOkF0XG5Qx2TlKWIA", Scope: "aisp", ClientID: "PSDFR-ACPR-12345"}
)

func TestRequestsOnTheWire(t *testing.T) {
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("PSDFR-ACPR-12345:s3cret+of+the+TPP"))
	tests := map[string]struct {
		request       Request
		spec          Spec
		body          string
		authorization string
	}{
		"code": {codeRequest, Spec{},
			"client_id=PSDFR-ACPR-12345&code=SplxlOBeZQQYbYS6WxSbIA&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk&grant_type=authorization_code&redirect_uri=https%3A%2F%2Fclient.example.com%2Fcb", ""},
		"refresh":            {refreshRequest, Spec{}, "client_id=PSDFR-ACPR-12345&grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA", ""},
		"scope on refresh":   {refreshRequest, Spec{RefreshScope: true, CodeScope: false}, "client_id=PSDFR-ACPR-12345&grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA&scope=aisp", ""},
		"scope on code":      {Request{GrantType: GrantAuthorizationCode, Code: "a", Scope: "aisp x", ClientID: "c"}, Spec{CodeScope: true}, "client_id=c&code=a&grant_type=authorization_code&scope=aisp+x", ""},
		"scope of the other": {refreshRequest, Spec{CodeScope: true, NoScope: true}, "client_id=PSDFR-ACPR-12345&grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA", ""},
		"no client_id":       {refreshRequest, Spec{NoClientID: true}, "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA", ""},
		"basic":              {refreshRequest, Spec{ClientAuth: ClientAuthBasic}, "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA", basic},
		"post":               {refreshRequest, Spec{ClientAuth: ClientAuthPost}, "client_id=PSDFR-ACPR-12345&client_secret=s3cret+of+the+TPP&grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA", ""},
		"odd refresh token":  {Request{GrantType: GrantRefreshToken, RefreshToken: "a+b/c=&d ä", ClientID: "c"}, Spec{}, "client_id=c&grant_type=refresh_token&refresh_token=a%2Bb%2Fc%3D%26d+%C3%A4", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var r recorder
			answer, err := r.endpoint(tt.spec).Ask(t.Context(), tt.request)
			if err != nil {
				t.Fatal(err)
			}
			got := r.one(t)
			if got.body != tt.body {
				t.Errorf("body %s\nwant %s", got.body, tt.body)
			}
			if a := got.Header.Get("Authorization"); a != tt.authorization {
				t.Errorf("Authorization %q", a)
			}
			if got.Method != "POST" || got.URL.String() != "https://bank.example/oauth/token" || got.GetBody != nil ||
				got.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || got.Header.Get("X-Request-ID") == "" {
				t.Errorf("%s %s %v", got.Method, got.URL, got.Header)
			}
			if PurposeOf(got.Context()) != PurposeToken || ClientIDOf(got.Context()) != tt.request.ClientID {
				t.Errorf("purpose %q of %q", PurposeOf(got.Context()), ClientIDOf(got.Context()))
			}
			if answer.Status != 200 || string(answer.Body) != pairBody || answer.Truncated || answer.Echoes {
				t.Errorf("answer %d %q %v %v", answer.Status, answer.Body, answer.Truncated, answer.Echoes)
			}
		})
	}
}

// The secret may be replaced while the sidecar runs.
func TestSecretIsResolvedAtEachUse(t *testing.T) {
	var r recorder
	ep := r.endpoint(Spec{Grant: GrantClientCredentials, ClientAuth: ClientAuthPost})
	n := 0
	ep.Secret = func() (string, error) { n++; return "secret-" + strconv.Itoa(n), nil }
	if _, err := ep.Ask(t.Context(), refreshRequest); err != nil {
		t.Fatal(err)
	}
	mustToken(t, newTestCache(t, CacheOptions{}), testKey, ep)
	if a, b := r.seen[0].form.Get("client_secret"), r.seen[1].form.Get("client_secret"); a != "secret-1" || b != "secret-2" {
		t.Errorf("sent %s, %s", a, b)
	}
	if got := PurposeOf(r.seen[1].Context()); got != PurposeApplication {
		t.Errorf("purpose %q", got)
	}
}

func TestWhatCannotWorkIsNotSent(t *testing.T) {
	tests := map[string]struct {
		request Request
		change  func(*Endpoint)
		text    string
	}{
		"no code":       {Request{GrantType: GrantAuthorizationCode, ClientID: "c"}, nil, "no code or refresh token"},
		"no token":      {Request{GrantType: GrantRefreshToken, ClientID: "c"}, nil, "no code or refresh token"},
		"other grant":   {Request{GrantType: "password", ClientID: "c"}, nil, "authorization_code or refresh_token"},
		"no client_id":  {Request{GrantType: GrantRefreshToken, RefreshToken: "r"}, nil, "client_id is empty"},
		"basic without": {Request{GrantType: GrantRefreshToken, RefreshToken: "r"}, func(ep *Endpoint) { ep.Spec = Spec{NoClientID: true, ClientAuth: ClientAuthBasic} }, "client_id is empty"},
		"http":          {refreshRequest, func(ep *Endpoint) { ep.URL = "http://bank.example/" }, "https"},
		"broken URL":    {refreshRequest, func(ep *Endpoint) { ep.URL = "https://bank.example:hunter2/" }, "URL cannot be used"},
		"no Do":         {refreshRequest, func(ep *Endpoint) { ep.Do = nil }, "no way"},
		"no secret":     {refreshRequest, func(ep *Endpoint) { ep.Spec.ClientAuth, ep.Secret = ClientAuthPost, nil }, "needs a client_secret"},
		"empty secret": {refreshRequest, func(ep *Endpoint) {
			ep.Spec.ClientAuth, ep.Secret = ClientAuthBasic, func() (string, error) { return "", nil }
		}, "client_secret is empty"},
		"failing secret": {refreshRequest, func(ep *Endpoint) {
			ep.Spec.ClientAuth, ep.Secret = ClientAuthBasic, func() (string, error) { return "hunter2", errors.New("no such file") }
		}, "no such file"},
		"no key":         {refreshRequest, func(ep *Endpoint) { ep.Spec.ClientAuth = ClientAuthJWT }, "no key"},
		"no application": {refreshRequest, func(ep *Endpoint) { ep.Spec.ApplicationToken = true }, "application_token"},
		"nil application": {refreshRequest, func(ep *Endpoint) {
			ep.Spec.ApplicationToken, ep.Application = true, func(context.Context) (*Token, error) { return nil, nil }
		}, "application token is empty"},
		"refused application": {refreshRequest, func(ep *Endpoint) {
			ep.Spec.ApplicationToken, ep.Application = true, func(context.Context) (*Token, error) {
				return nil, &UnansweredError{cause: ErrUnavailable}
			}
		}, "application token: token endpoint unavailable"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var r recorder
			ep := r.endpoint(Spec{})
			if tt.change != nil {
				tt.change(ep)
			}
			_, err := ep.Ask(t.Context(), tt.request)
			if err == nil || !strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v", err)
			}
			if len(r.seen) != 0 {
				t.Error("a request was sent")
			}
			if !NotSent(err) {
				t.Error("it looks as if something had been sent")
			}
		})
	}
}

func TestApplicationToken(t *testing.T) {
	status := http.StatusOK
	r := recorder{answer: func(s sent) (int, string) {
		if s.form.Get("grant_type") == GrantClientCredentials {
			return http.StatusOK, `{"access_token":"application","client_id":"5ca1ab1e","expires_in":905}`
		}
		return status, pairBody
	}}
	ep := r.endpoint(Spec{Grant: GrantClientCredentials, ApplicationToken: true, ClientIDFromAnswer: true})
	cache := newTestCache(t, CacheOptions{})
	ep.Application = func(ctx context.Context) (*Token, error) { return cache.Token(ctx, testKey, ep) }
	var refused *Token
	ep.ApplicationRefused = func(token *Token) { refused = token }
	if _, err := ep.Ask(t.Context(), refreshRequest); err != nil {
		t.Fatal(err)
	}
	first, second := r.seen[0], r.seen[1]
	if first.Header.Get("Authorization") != "" || first.form.Get("client_id") != testKey.ClientID || ClientIDOf(first.Context()) != testKey.ClientID {
		t.Errorf("application: %v %s", first.Header, first.body)
	}
	if second.Header.Get("Authorization") != "Bearer application" || second.form.Get("client_id") != "5ca1ab1e" || ClientIDOf(second.Context()) != "5ca1ab1e" {
		t.Errorf("customer: %v %s", second.Header, second.body)
	}
	if refused != nil {
		t.Error("refused without a reason")
	}
	status = http.StatusUnauthorized
	if _, err := ep.Ask(t.Context(), refreshRequest); err != nil || refused.Value() != "application" || refused.ClientID() != "5ca1ab1e" {
		t.Errorf("%v, refused %q", err, refused.Value())
	}
}

// A bank that no longer takes the application token gets a new one, once.
func TestApplicationTokenRefused(t *testing.T) {
	for name, c := range map[string]struct {
		body  string
		asked int
	}{
		"refused":       {`{"error":"invalid_token"}`, 4},
		"client":        {`{"error":"invalid_client"}`, 2},
		"grant":         {`{"error":"invalid_grant"}`, 2},
		"nothing clear": {`<html>`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			issued := 0
			r := recorder{answer: func(s sent) (int, string) {
				if s.form.Get("grant_type") == GrantClientCredentials {
					issued++
					return http.StatusOK, fmt.Sprintf(`{"access_token":"application-%d","expires_in":905}`, issued)
				}
				return http.StatusUnauthorized, c.body
			}}
			ep := r.endpoint(Spec{Grant: GrantClientCredentials, ApplicationToken: true})
			cache := newTestCache(t, CacheOptions{})
			ep.Application = func(ctx context.Context) (*Token, error) { return cache.Token(ctx, testKey, ep) }
			ep.ApplicationRefused = func(token *Token) { cache.Drop(testKey, token) }
			answer, err := ep.Ask(t.Context(), refreshRequest)
			if err != nil || answer.Status != http.StatusUnauthorized {
				t.Fatalf("%v %v", answer, err)
			}
			if len(r.seen) != c.asked {
				t.Errorf("%d requests, want %d", len(r.seen), c.asked)
			}
			if c.asked == 4 && r.seen[3].Header.Get("Authorization") != "Bearer application-2" {
				t.Errorf("sent again with %q", r.seen[3].Header.Get("Authorization"))
			}
		})
	}
}

func TestClientIDMustComeWithTheApplicationToken(t *testing.T) {
	for _, body := range []string{goodBody, `{"access_token":"a","client_id":7}`, `{"access_token":"a","client_id":"two words"}`} {
		r := recorder{answer: func(sent) (int, string) { return 200, body }}
		ep := r.endpoint(Spec{Grant: GrantClientCredentials, ClientIDFromAnswer: true})
		if _, err := newTestCache(t, CacheOptions{}).Token(t.Context(), testKey, ep); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

type hookKey struct{}

func TestAskHasAContextOfItsOwn(t *testing.T) {
	var r recorder
	ep := r.endpoint(Spec{})
	ep.Timeout = time.Second
	if _, err := ep.Ask(context.WithValue(t.Context(), hookKey{}, "hook"), refreshRequest); err != nil {
		t.Fatal(err)
	}
	ctx := r.one(t).Context()
	if left, ok := ctx.Deadline(); ctx.Value(hookKey{}) != nil || !ok || time.Until(left) > time.Second {
		t.Error("the caller's values, or no timeout")
	}
	if PurposeOf(t.Context()) != "" || ClientIDOf(t.Context()) != "" {
		t.Error("another context has a purpose")
	}
}

// The timeout is that of the whole call: others reckon with it.
func TestTimeoutIncludesWhatComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bank{lifetime: 60, latency: 8 * time.Second}
		ep := b.endpoint()
		ep.Spec.ApplicationToken = true
		ep.Application = func(ctx context.Context) (*Token, error) {
			time.Sleep(8 * time.Second)
			return NewToken("application", time.Now(), time.Hour, &Spec{}), nil
		}
		started := time.Now()
		_, err := ep.Ask(t.Context(), refreshRequest)
		if took := time.Since(started); !errors.Is(err, context.DeadlineExceeded) || NotSent(err) || took != defaultTimeout {
			t.Errorf("%v after %v", err, took)
		}
		ep.Application = func(ctx context.Context) (*Token, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		if _, err := ep.Ask(t.Context(), refreshRequest); !NotSent(err) || b.count() != 1 {
			t.Errorf("%v after %d requests", err, b.count())
		}
	})
}
