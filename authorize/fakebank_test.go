package authorize

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

const (
	testClientID = "PSDFR-ACPR-12345"
	testRedirect = "https://tpp.example/callback/bpgo"
	testIssuer   = "https://bank.example/issuer"
)

// fakeBank is an authorization server that reads what was written, byte for
// byte, and believes nothing.
type fakeBank struct {
	t    testing.TB
	key  crypto.PublicKey
	now  func() time.Time
	spec tokens.Spec

	mu       sync.Mutex
	seen     []string              // path of each request
	pushed   map[string]url.Values // by request_uri
	codes    map[string]url.Values // the request that each code was given for
	answers  map[string]*canned    // instead of an answer, by path
	metadata map[string]any        // of /metadata
	secrets  map[string]bool       // all values that must not be told
	form     map[string]url.Values // the last form posted, by path
	before   func(path string)     // runs before each answer
}

type canned struct {
	status      int
	body        string
	contentType string
}

func newFakeBank(t testing.TB, key crypto.PublicKey, now func() time.Time, spec tokens.Spec) *fakeBank {
	return &fakeBank{
		t: t, key: key, now: now, spec: spec,
		pushed: map[string]url.Values{}, codes: map[string]url.Values{}, answers: map[string]*canned{},
		secrets: map[string]bool{}, form: map[string]url.Values{},
		metadata: map[string]any{
			"issuer": testIssuer, "token_endpoint": "https://bank.example/token",
			"authorization_endpoint": "https://login.bank.example/authorize?brand=x",
		},
	}
}

// do is the way to the bank: through the bytes that would be on the wire.
func (b *fakeBank) do(sent *http.Request) (*http.Response, error) {
	var wire bytes.Buffer
	if err := sent.Write(&wire); err != nil {
		return nil, err
	}
	request, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		return nil, err
	}
	if b.before != nil {
		b.before(request.URL.Path)
	}
	if err := sent.Context().Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	path := request.URL.Path
	b.seen = append(b.seen, path)
	status, body := http.StatusNotFound, any(map[string]string{"error": "not_found"})
	if fixed := b.answers[path]; fixed != nil {
		return answerOf(sent, fixed.status, fixed.contentType, fixed.body), nil
	}
	switch path {
	case "/metadata":
		status, body = http.StatusOK, b.metadata
	case "/par":
		status, body = b.push(b.read(request))
	case "/token":
		status, body = b.token(b.read(request))
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return answerOf(sent, status, "application/json", string(text)), nil
}

func answerOf(sent *http.Request, status int, contentType, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Request: sent, Header: http.Header{"Content-Type": {contentType}},
		Body: io.NopCloser(strings.NewReader(body)),
	}
}

// read reads a form post and its client authentication.
func (b *fakeBank) read(request *http.Request) url.Values {
	if err := request.ParseForm(); err != nil || request.Method != http.MethodPost || len(request.URL.RawQuery) > 0 {
		b.t.Errorf("%s is no form post: %v", request.URL.Path, err)
	}
	form := request.PostForm
	b.form[request.URL.Path] = form
	if got := form["client_id"]; !slices.Equal(got, []string{testClientID}) {
		b.t.Errorf("%s: client_id is %q", request.URL.Path, got)
	}
	if b.spec.ClientAuth == tokens.ClientAuthJWT {
		claims := b.verify(form.Get("client_assertion"), "JWT")
		if claims["sub"] != testClientID || claims["aud"] != "https://bank.example/token" {
			b.t.Errorf("%s: the assertion is for %v at %v", request.URL.Path, claims["sub"], claims["aud"])
		}
	}
	return form
}

func (b *fakeBank) push(form url.Values) (int, any) {
	if form.Has("request_uri") {
		b.t.Error("a pushed request holds request_uri (RFC 9126 section 2.1)")
	}
	uri := "urn:ietf:params:oauth:request_uri:" + strconv.Itoa(len(b.pushed)+1)
	b.pushed[uri] = form
	return http.StatusCreated, map[string]any{"request_uri": uri, "expires_in": 60}
}

// login is the PSU's browser at the bank: it returns the parameters of the
// request, however they were brought.
func (b *fakeBank) login(location string) url.Values {
	b.mu.Lock()
	defer b.mu.Unlock()
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "https" {
		b.t.Fatalf("the PSU is sent to no https URL: %v", err)
	}
	visible, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		b.t.Fatal(err)
	}
	for name, values := range visible {
		if len(values) > 1 {
			b.t.Errorf("%s is there twice", name)
		}
	}
	request := visible
	if uri := visible.Get("request_uri"); uri != "" {
		if names := slices.Sorted(maps.Keys(visible)); !slices.Equal(names, []string{"brand", "client_id", "request_uri"}) {
			b.t.Errorf("beside request_uri the browser carries %q", names)
		}
		request = b.pushed[uri]
		delete(b.pushed, uri)
	}
	if b.spec.Authorize.RequestObject {
		if request.Has("state") || request.Has("redirect_uri") {
			b.t.Error("parameters are outside of the signed request")
		}
		request = b.object(request.Get("request"))
	}
	if request.Get("client_id") != testClientID || visible.Get("client_id") != testClientID || request.Get("response_type") != "code" {
		b.t.Errorf("client_id %q, response_type %q", request.Get("client_id"), request.Get("response_type"))
	}
	if state := request.Get("state"); len(state) < 26 || len(state) > 34 {
		b.t.Errorf("state has %d characters", len(state))
	}
	if request.Get("redirect_uri") != testRedirect {
		b.t.Errorf("redirect_uri is %q", request.Get("redirect_uri"))
	}
	if request.Has("code_challenge") != b.spec.Authorize.PKCE || b.spec.Authorize.PKCE && request.Get("code_challenge_method") != "S256" {
		b.t.Errorf("code_challenge_method is %q", request.Get("code_challenge_method"))
	}
	for _, name := range []string{"state", "nonce"} {
		if value := request.Get(name); value != "" {
			b.secrets[value] = true
		}
	}
	return request
}

// consent issues a code for a request and returns the answer's query.
func (b *fakeBank) consent(request url.Values) url.Values {
	b.mu.Lock()
	defer b.mu.Unlock()
	code := "code-" + strconv.Itoa(len(b.codes)+1) + "-of-the-psu"
	b.codes[code] = request
	b.secrets[code] = true
	return url.Values{"code": {code}, "state": {request.Get("state")}}
}

// object verifies a request object and gives its claims as parameters.
func (b *fakeBank) object(compact string) url.Values {
	claims := b.verify(compact, requestObjectType)
	now := float64(b.now().Unix())
	iat, _ := claims["iat"].(float64)
	exp, _ := claims["exp"].(float64)
	if claims["iss"] != testClientID || claims["jti"] == "" || iat > now || exp <= now || exp > now+3600 {
		b.t.Errorf("iss %v, jti %v, iat %v, exp %v at %v", claims["iss"], claims["jti"], iat, exp, now)
	}
	parameters := url.Values{}
	for name, value := range claims {
		text, ok := value.(string)
		if !ok {
			encoded, err := json.Marshal(value)
			if err != nil {
				b.t.Fatal(err)
			}
			text = string(encoded)
		}
		parameters.Set(name, text)
	}
	return parameters
}

// verify checks a signature, and the length of a PSS salt as Java's do
// (RFC 7518 section 3.5).
func (b *fakeBank) verify(compact, typ string) map[string]any {
	signed, err := jose.ParseSigned(compact, []jose.SignatureAlgorithm{jose.PS256, jose.ES256})
	if err != nil {
		b.t.Fatalf("no signed JWT: %v", err)
	}
	payload, err := signed.Verify(b.key)
	if err != nil {
		b.t.Fatalf("signature: %v", err)
	}
	header := signed.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != typ || header.KeyID != b.spec.Assertion.KeyID {
		b.t.Errorf("typ %v, kid %q", header.ExtraHeaders[jose.HeaderType], header.KeyID)
	}
	if public, ok := b.key.(*rsa.PublicKey); ok {
		dot := strings.LastIndexByte(compact, '.')
		digest := sha256.Sum256([]byte(compact[:dot]))
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		if err := rsa.VerifyPSS(public, crypto.SHA256, digest[:], signed.Signatures[0].Signature, options); err != nil {
			b.t.Errorf("PSS: %v", err)
		}
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		b.t.Fatal(err)
	}
	return claims
}

// token exchanges a code once, with the proof that the request promised.
func (b *fakeBank) token(form url.Values) (int, any) {
	refuse := func(code string) (int, any) { return http.StatusBadRequest, map[string]string{"error": code} }
	request := b.codes[form.Get("code")]
	delete(b.codes, form.Get("code"))
	verifier := form.Get("code_verifier")
	sum := sha256.Sum256([]byte(verifier))
	b.secrets[verifier] = verifier != ""
	switch {
	case form.Get("grant_type") != tokens.GrantAuthorizationCode, request == nil:
		return refuse("invalid_grant")
	case form.Get("redirect_uri") != request.Get("redirect_uri"):
		return refuse("invalid_grant")
	case form.Has("scope"):
		return refuse("invalid_scope")
	case request.Has("code_challenge") && base64.RawURLEncoding.EncodeToString(sum[:]) != request.Get("code_challenge"),
		!request.Has("code_challenge") && form.Has("code_verifier"), verifier != "" && len(verifier) < 43:
		return refuse("invalid_grant")
	}
	b.secrets["access-of-the-psu"], b.secrets["refresh-of-the-psu"] = true, true
	return http.StatusOK, map[string]any{
		"access_token": "access-of-the-psu", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "refresh-of-the-psu",
	}
}

func (b *fakeBank) count(path string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, seen := range b.seen {
		if seen == path {
			n++
		}
	}
	return n
}
