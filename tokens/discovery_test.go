package tokens

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const metadataBody = `{
	"issuer": "https://bank.example",
	"token_endpoint": "https://bank.example/plain/token",
	"authorization_endpoint": "https://login.bank.example/authorize",
	"revocation_endpoint": "https://bank.example/plain/revoke",
	"pushed_authorization_request_endpoint": "https://bank.example/plain/par",
	"jwks_uri": "https://bank.example/keys",
	"authorization_response_iss_parameter_supported": true,
	"mtls_endpoint_aliases": {
		"token_endpoint": "https://mtls.bank.example/token",
		"revocation_endpoint": "https://elsewhere.example/revoke",
		"authorization_endpoint": "https://mtls.bank.example/authorize",
		"jwks_uri": "https://mtls.bank.example/keys"
	}
}`

// publisher is a server that says the same to everyone, after a while.
type publisher struct {
	mu       sync.Mutex
	requests []*http.Request
	status   int
	body     string
	err      error
	latency  time.Duration
}

func (p *publisher) do(request *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.requests = append(p.requests, request)
	status, body, err, latency := p.status, p.body, p.err, p.latency
	p.mu.Unlock()
	select {
	case <-time.After(latency):
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}, nil
}

func (p *publisher) set(status int, body string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.body, p.err = status, body, err
}

func (p *publisher) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.requests)
}

func discovered(p *publisher) *Endpoint {
	return &Endpoint{Do: p.do, Discovery: &Discovery{
		URL:   "https://bank.example/.well-known/openid-configuration",
		Hosts: []string{"mtls.bank.example", "Login.Bank.Example:443"},
	}}
}

func TestDiscovery(t *testing.T) {
	p := &publisher{status: 200, body: metadataBody}
	ep := discovered(p)
	m, err := ep.Discovery.Get(t.Context(), ep)
	if err != nil {
		t.Fatal(err)
	}
	want := Metadata{
		Issuer: "https://bank.example", TokenEndpoint: "https://mtls.bank.example/token",
		AuthorizationEndpoint: "https://login.bank.example/authorize", PushedEndpoint: "https://bank.example/plain/par",
		KeysURL: "https://bank.example/keys", IssParameter: true,
	}
	if *m != want {
		t.Errorf("got %+v\nwant %+v", *m, want)
	}
	request := p.requests[0]
	if request.Method != "GET" || PurposeOf(request.Context()) != PurposeMetadata || request.Body == nil || request.Header.Get("X-Request-ID") == "" {
		t.Errorf("%s, purpose %q", request.Method, PurposeOf(request.Context()))
	}
	_, err = ep.RevocationEndpoint(t.Context())
	if !errors.Is(err, ErrMetadata) || !strings.Contains(err.Error(), `"elsewhere.example": add the host to token.hosts`) {
		t.Errorf("got %v", err)
	}
	ep.Spec.Hosts = []string{"elsewhere.example"}
	for name, get := range map[string]func(context.Context) (string, error){
		"https://elsewhere.example/revoke": ep.RevocationEndpoint, "https://mtls.bank.example/token": ep.TokenEndpoint,
		"https://login.bank.example/authorize": ep.AuthorizationEndpoint, "https://bank.example/plain/par": ep.PushedEndpoint,
		"https://bank.example": ep.IssuerID,
	} {
		if got, err := get(t.Context()); got != name || err != nil {
			t.Errorf("got %s, %v; want %s", got, err, name)
		}
	}
	if p.count() != 1 {
		t.Errorf("fetched %d times", p.count())
	}
	ep.URL, ep.Issuer = "https://bank.example/own", "https://other.example"
	if got, _ := ep.TokenEndpoint(t.Context()); got != ep.URL {
		t.Errorf("what is configured goes first, got %s", got)
	}
	if _, err := ep.Discovery.Get(t.Context(), ep); !errors.Is(err, ErrMetadata) {
		t.Errorf("another issuer: %v", err)
	}
}

func TestDiscoveryIsUsedForRequests(t *testing.T) {
	var asked []string
	ep := &Endpoint{Spec: Spec{Grant: GrantClientCredentials}, Discovery: &Discovery{URL: "https://bank.example/.well-known/oauth-authorization-server", Hosts: []string{"mtls.bank.example"}}}
	ep.Do = func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.URL.String())
		body := pairBody
		if PurposeOf(r.Context()) == PurposeMetadata {
			body = metadataBody
		}
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
	if _, err := ep.Ask(t.Context(), refreshRequest); err != nil {
		t.Fatal(err)
	}
	mustToken(t, newTestCache(t, CacheOptions{}), testKey, ep)
	want := "https://bank.example/.well-known/oauth-authorization-server https://mtls.bank.example/token https://mtls.bank.example/token"
	if got := strings.Join(asked, " "); got != want {
		t.Errorf("asked %s", got)
	}
}

func TestMetadataThatCannotBeUsed(t *testing.T) {
	large := `{"issuer":"https://bank.example","x":"` + strings.Repeat("x", maxDocument) + `"}`
	for name, tt := range map[string]struct {
		status int
		body   string
		err    error
		want   error
	}{
		"down":         {503, ``, nil, ErrUnavailable},
		"busy":         {429, ``, nil, ErrUnavailable},
		"gone":         {404, ``, nil, ErrMetadata},
		"redirect":     {302, metadataBody, nil, ErrMetadata},
		"page":         {200, `<html>`, nil, ErrUnavailable},
		"list":         {200, `[]`, nil, ErrMetadata},
		"null":         {200, `null`, nil, ErrMetadata},
		"half":         {200, metadataBody[:100], nil, ErrMetadata},
		"large":        {200, large, nil, ErrMetadata},
		"no issuer":    {200, `{"token_endpoint":"https://bank.example/token"}`, nil, ErrMetadata},
		"http issuer":  {200, `{"issuer":"http://bank.example"}`, nil, ErrMetadata},
		"other issuer": {200, `{"issuer":"https://evil.example"}`, nil, ErrMetadata},
		"network":      {0, ``, errors.New("secret"), ErrUnavailable},
	} {
		p := &publisher{status: tt.status, body: tt.body, err: tt.err}
		ep := discovered(p)
		_, err := ep.Ask(t.Context(), refreshRequest)
		if !errors.Is(err, tt.want) || !NotSent(err) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "evil") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for body, text := range map[string]string{
		`{"issuer":"https://bank.example"}`:                                                   "no token_endpoint",
		`{"issuer":"https://bank.example","token_endpoint":"http://bank.example/"}`:           "not an https URL",
		`{"issuer":"https://bank.example","token_endpoint":"https://u:p@bank.example/"}`:      "not an https URL",
		`{"issuer":"https://bank.example","token_endpoint":"https://bank.example:8443/"}`:     `"bank.example:8443"`,
		`{"issuer":"https://bank.example","token_endpoint":"https://bank.example.evil.com/"}`: `"bank.example.evil.com"`,
	} {
		ep := discovered(&publisher{status: 200, body: body})
		if _, err := ep.Ask(t.Context(), refreshRequest); !errors.Is(err, ErrMetadata) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestIssuerBelongsToWhereItIsFound(t *testing.T) {
	for from, issuers := range map[string][]string{
		"https://a.example/.well-known/openid-configuration":            {"https://a.example", "https://a.example/"},
		"https://a.example/bank/.well-known/openid-configuration":       {"https://a.example/bank", "https://a.example/bank/"},
		"https://a.example/.well-known/oauth-authorization-server/bank": {"https://a.example/bank"},
		"https://a.example/metadata.json":                               {"https://other.example"},
		"https://a.example/.well-known/bank":                            {"https://other.example"},
	} {
		for _, issuer := range issuers {
			if _, err := parseMetadata([]byte(`{"issuer":"`+issuer+`"}`), from, ""); err != nil {
				t.Errorf("%s at %s: %v", issuer, from, err)
			}
		}
		if _, err := parseMetadata([]byte(`{"issuer":"https://a.example/other"}`), from, ""); (err == nil) != (issuers[0] == "https://other.example") {
			t.Errorf("another issuer at %s: %v", from, err)
		}
		if _, err := parseMetadata([]byte(`{"issuer":"https://x.example"}`), from, "https://x.example"); err != nil {
			t.Errorf("the configured issuer at %s: %v", from, err)
		}
	}
}

func TestDiscoveryIsSharedAndKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{status: 200, body: metadataBody, latency: time.Second}
		ep := discovered(p)
		get := func() {
			t.Helper()
			if m, err := ep.Discovery.Get(t.Context(), ep); err != nil || m.TokenEndpoint == "" {
				t.Errorf("got %v, %v", m, err)
			}
		}
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(get)
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := ep.Discovery.Get(impatient, ep); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnavailable) {
			t.Errorf("impatient caller: %v", err)
		}
		callers.Wait()
		if p.count() != 1 {
			t.Errorf("fetched %d times", p.count())
		}
		// An hour later it is fetched again, while the old one serves.
		time.Sleep(documentAge)
		started := time.Now()
		get()
		if time.Since(started) != 0 {
			t.Error("waited though there is an old one")
		}
		synctest.Wait()
		time.Sleep(2 * time.Second)
		if get(); p.count() != 2 {
			t.Errorf("fetched %d times", p.count())
		}
		// While the server is down, or says nonsense, what is known stays.
		time.Sleep(documentAge)
		p.set(503, "", nil)
		for range 120 {
			get()
			time.Sleep(time.Second)
		}
		if n := p.count(); n != 4 {
			t.Errorf("fetched %d times, want one attempt a minute", n)
		}
		p.set(200, `{"issuer":"https://evil.example"}`, nil)
		time.Sleep(documentAge)
		get()
		time.Sleep(2 * time.Second)
		get()
	})
}

func TestDiscoveryFailsFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{status: 503}
		ep := discovered(p)
		for range 10 {
			if _, err := ep.Discovery.Get(t.Context(), ep); !errors.Is(err, ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		}
		if p.count() != 1 {
			t.Errorf("asked %d times", p.count())
		}
		time.Sleep(failFast)
		p.set(200, metadataBody, nil)
		if _, err := ep.Discovery.Get(t.Context(), ep); err != nil {
			t.Error(err)
		}
	})
}

func TestDiscoverySurvivesAPanic(t *testing.T) {
	ep := discovered(&publisher{})
	ep.Do = func(*http.Request) (*http.Response, error) { panic("secret") }
	if _, err := ep.Discovery.Get(t.Context(), ep); !errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	ep = &Endpoint{Discovery: &Discovery{URL: "http://bank.example"}}
	if _, err := ep.Discovery.Get(t.Context(), ep); !errors.Is(err, ErrMetadata) {
		t.Errorf("got %v", err)
	}
}
