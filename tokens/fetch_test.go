package tokens

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// newQWAC makes a client certificate and its x5t#S256 (RFC 8705 section 3.1).
func newQWAC(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, thumbprint(der)
}

func thumbprint(der []byte) string {
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// newServer starts a token endpoint over mTLS and gives the way to reach it.
func newServer(t *testing.T, handler http.HandlerFunc) (ep *Endpoint, server *httptest.Server, x5t string) {
	t.Helper()
	qwac, x5t := newQWAC(t)
	server = httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // some handshakes fail on purpose
	server.StartTLS()
	t.Cleanup(server.Close)
	transport := server.Client().Transport.(*http.Transport)
	transport.TLSClientConfig.Certificates = []tls.Certificate{qwac}
	transport.DisableCompression = true
	return &Endpoint{
		URL:  server.URL + "/stet/psd2/oauth/token",
		Spec: Spec{Grant: GrantClientCredentials},
		Do:   transport.RoundTrip,
	}, server, x5t
}

const goodBody = `{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3600}`

// What the bank receives.
func TestTokenRequestOnTheWire(t *testing.T) {
	tests := map[string]struct {
		key  Key
		spec Spec
		body string
	}{
		"STET": {testKey, Spec{}, "client_id=PSDFR-ACPR-12345&grant_type=client_credentials&scope=cbpii"},
		"scopes and odd identifiers": {
			Key{ClientID: "PSDDE-BAFIN-A&B=1 ä+%/", Scope: "aisp extended_transaction_history"}, Spec{},
			"client_id=PSDDE-BAFIN-A%26B%3D1+%C3%A4%2B%25%2F&grant_type=client_credentials&scope=aisp+extended_transaction_history",
		},
		"no scope":     {testKey, Spec{NoScope: true}, "client_id=PSDFR-ACPR-12345&grant_type=client_credentials"},
		"empty scope":  {Key{ClientID: "x"}, Spec{}, "client_id=x&grant_type=client_credentials"},
		"no client_id": {Key{Scope: "aisp"}, Spec{NoClientID: true}, "grant_type=client_credentials&scope=aisp"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got *http.Request
			var body []byte
			ep, _, x5t := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				got = r
				body, _ = io.ReadAll(r.Body) // compared below
				_, _ = io.WriteString(w, goodBody)
			})
			ep.Spec = tt.spec
			ep.Spec.Grant = GrantClientCredentials
			tt.key.Thumbprint = x5t
			c := newTestCache(t, CacheOptions{})
			if token := mustToken(t, c, tt.key, ep); token.AuthorizationHeader() != "Bearer 2YotnFZFEjr1zCsicMWpAA" {
				t.Errorf("got %q", token.AuthorizationHeader())
			}
			if string(body) != tt.body {
				t.Errorf("body %s\nwant %s", body, tt.body)
			}
			if got.Method != "POST" || got.URL.RequestURI() != "/stet/psd2/oauth/token" {
				t.Errorf("%s %s", got.Method, got.URL.RequestURI())
			}
			if seen := thumbprint(got.TLS.PeerCertificates[0].Raw); seen != x5t {
				t.Errorf("certificate %s, want %s", seen, x5t)
			}
			if _, err := uuid.Parse(got.Header.Get("X-Request-ID")); err != nil {
				t.Errorf("X-Request-ID: %v", err)
			}
			want := map[string]string{
				"Accept":       "application/json",
				"Content-Type": "application/x-www-form-urlencoded",
				"Cookie":       "", "Authorization": "", "Accept-Encoding": "",
			}
			for header, value := range want {
				if seen := got.Header.Get(header); seen != value {
					t.Errorf("%s: %q, want %q", header, seen, value)
				}
			}
			if got.ContentLength != int64(len(body)) || len(got.TransferEncoding) != 0 {
				t.Errorf("framing: %d %v", got.ContentLength, got.TransferEncoding)
			}
		})
	}
}

func TestRequestCannotBeReplayed(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		request, err := newTokenRequest(t.Context(), testKey, (&bank{}).endpoint())
		if err != nil {
			t.Fatal(err)
		}
		if request.GetBody != nil {
			t.Error("net/http could send it again by itself")
		}
		seen[request.Header.Get("X-Request-ID")] = true
	}
	if len(seen) != 3 {
		t.Error("an X-Request-ID was used twice")
	}
}

// How each answer of a bank is called.
func TestAnswers(t *testing.T) {
	refused := func(code string, status int) error { return &RefusedError{OAuthError: code, Status: status} }
	page := "\n<!DOCTYPE html><html><title>Maintenance</title>"
	tests := map[string]struct {
		status  int
		body    string
		want    error
		outcome Outcome
		text    string
	}{
		"token":                 {200, goodBody, nil, OutcomeOK, ""},
		"created":               {201, goodBody, nil, OutcomeOK, ""},
		"invalid_client":        {401, `{"error":"invalid_client"}`, refused("invalid_client", 401), OutcomeRefused, "token request refused: invalid_client (HTTP 401)"},
		"invalid_scope":         {400, `{"error":"invalid_scope","error_description":"secret"}`, refused("invalid_scope", 400), OutcomeRefused, "token request refused: invalid_scope (HTTP 400)"},
		"refusal with 200":      {200, `{"error":"unauthorized_client"}`, refused("unauthorized_client", 200), OutcomeRefused, ""},
		"error beside a token":  {200, `{"error":"invalid_scope","access_token":"2YotnFZFEjr1zCsicMWpAA"}`, refused("invalid_scope", 200), OutcomeRefused, ""},
		"other JSON":            {403, `{"message":"Forbidden"}`, refused("", 403), OutcomeRefused, "token request refused (HTTP 403)"},
		"no body":               {404, ``, refused("", 404), OutcomeRefused, ""},
		"code with client_id":   {400, `{"error":"unknown:PSDFR-ACPR-12345"}`, refused("", 400), OutcomeRefused, ""},
		"token with 400":        {400, goodBody, refused("", 400), OutcomeRefused, ""},
		"large refusal":         {400, `{"error":"` + strings.Repeat("x", maxBody) + `"}`, refused("", 400), OutcomeRefused, ""},
		"503":                   {503, `{"error":"invalid_client"}`, ErrUnavailable, OutcomeUnavailable, "token endpoint unavailable: HTTP 503"},
		"429":                   {429, ``, ErrUnavailable, OutcomeUnavailable, "token endpoint unavailable: HTTP 429"},
		"temporary in words":    {400, `{"error":"temporarily_unavailable"}`, ErrUnavailable, OutcomeUnavailable, ""},
		"page with 200":         {200, page, ErrUnavailable, OutcomeUnavailable, "token endpoint unavailable: an HTML page (HTTP 200)"},
		"page with 400":         {400, page, ErrUnavailable, OutcomeUnavailable, ""},
		"page with byte order":  {500, "\xef\xbb\xbf" + page, ErrUnavailable, OutcomeUnavailable, ""},
		"fallback":              {302, page, ErrRedirected, OutcomeRedirected, "token endpoint answered with a redirect (HTTP 302)"},
		"fallback with a token": {302, goodBody, ErrRedirected, OutcomeRedirected, ""},
		"temporary redirect":    {307, ``, ErrRedirected, OutcomeRedirected, ""},
		"nothing":               {204, ``, ErrMalformed, OutcomeMalformed, ""},
		"empty":                 {200, ``, ErrMalformed, OutcomeMalformed, ""},
		"example":               {200, `{"access_token":"a","token_type":"example"}`, ErrMalformed, OutcomeMalformed, "token_type is not Bearer"},
		"too large":             {200, `{"access_token":"a","pad":"` + strings.Repeat("x", maxBody) + `"}`, ErrMalformed, OutcomeMalformed, "larger than 64 KiB"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			events := make(chan FetchEvent, 1)
			ep, _, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/stet/psd2/oauth/token" {
					t.Errorf("%s was asked for: the redirect was followed", r.URL.Path)
				}
				w.Header().Set("Content-Type", "text/plain") // as wrong as some are
				w.Header().Set("Location", "/elsewhere?fallback=eyJ0eXAi")
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body) // 204 allows none
			})
			c := newTestCache(t, CacheOptions{OnFetch: func(e FetchEvent) { events <- e }})
			token, err := c.Token(t.Context(), testKey, ep)
			checkAnswer(t, token, err, tt.want)
			if err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%q does not say %q", err, tt.text)
			}
			if e := <-events; e.Outcome != tt.outcome || e.ASPSP != "bpgo" || e.Identity != "acme" || e.Renewal {
				t.Errorf("event %+v", e)
			}
		})
	}
}

func checkAnswer(t *testing.T, token *Token, err, want error) {
	t.Helper()
	var wanted, refused *RefusedError
	switch {
	case want == nil:
		if err != nil || token.Value() != "2YotnFZFEjr1zCsicMWpAA" {
			t.Fatalf("got %q, %v", token.Value(), err)
		}
		return
	case errors.As(want, &wanted):
		if !errors.As(err, &refused) || *refused != *wanted {
			t.Fatalf("got %v, want %v", err, want)
		}
	case !errors.Is(err, want):
		t.Fatalf("got %v, want %v", err, want)
	}
	if token != nil {
		t.Error("a token beside an error")
	}
	for _, leak := range []string{"2Yotn", "secret", "eyJ0eXAi", "Maintenance", testKey.ClientID} {
		if strings.Contains(err.Error(), leak) {
			t.Errorf("%q shows %q", err, leak)
		}
	}
}

// Do is meant to be a RoundTrip. If someone hands in a client that follows
// redirects, what it finds there is still not a token.
func TestFollowedRedirectIsNoToken(t *testing.T) {
	ep, server, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			_, _ = io.WriteString(w, goodBody)
			return
		}
		http.Redirect(w, r, "/login", http.StatusFound)
	})
	ep.Do = server.Client().Do
	c := newTestCache(t, CacheOptions{})
	if _, err := c.Token(t.Context(), testKey, ep); !errors.Is(err, ErrRedirected) {
		t.Errorf("got %v", err)
	}
}
