package tokens

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-tpp/caddy-tpp/jws"
)

// The worked example of RFC 7617 section 2, one printed in the documentation of
// a payment gateway, and what percent-encoding would break.
func TestBasicAuthorization(t *testing.T) {
	for _, c := range [][3]string{
		{"Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
		{"111111111", "AFju9XHplQzvamffO72L", "Basic MTExMTExMTExOkFGanU5WEhwbFF6dmFtZmZPNzJM"},
		{"test", "123\u00a3", "Basic dGVzdDoxMjPCow=="}, // RFC 7617 section 2.1
		{"a", "b:c%20+", "Basic YTpiOmMlMjAr"},
	} {
		if got, err := BasicAuthorization(c[0], c[1]); err != nil || got != c[2] {
			t.Errorf("%s: %q %v, want %q", c[0], got, err, c[2])
		}
	}
	for name, c := range map[string][2]string{
		"no client_id": {"", "s"}, "a colon": {"a:b", "s"}, "control in the id": {"a\n", "s"},
		"no secret": {"a", ""}, "control in the secret": {"a", "se\ncret"},
	} {
		got, err := BasicAuthorization(c[0], c[1])
		if !errors.Is(err, ErrSpec) || got != "" || strings.Contains(err.Error(), "se\ncret") || strings.Contains(err.Error(), "a:b") {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}

func TestOwnGrantsAreValidated(t *testing.T) {
	for want, s := range map[string]Spec{
		"grant":            {Grant: "password"},
		"header \"a b\"":   {Header: "a b"},
		"contradicts":      {Grant: GrantBasic, Header: "token"},
		"jwt.algorithm":    {JWT: JWT{Algorithm: "HS256"}},
		"jwt.claims":       {JWT: JWT{Claims: map[string]string{"a": "{nonsense}"}}},
		"jwt.members":      {JWT: JWT{Members: map[string]string{"a": "json:{"}}},
		"\"alg\" is made":  {JWT: JWT{Members: map[string]string{"alg": "none"}}},
		"\"crit\" is made": {JWT: JWT{Members: map[string]string{"crit": "json:[]"}}},
		"jwt.lifetime":     {JWT: JWT{Lifetime: -1}},
		"delivered.wait":   {Delivered: Delivered{Wait: Duration(time.Hour)}},
		"min_length must":  {Delivered: Delivered{MinLength: 70, MaxLength: 66}},
		"lengths of -1":    {Delivered: Delivered{MinLength: -1}},
		"of 1 to 99999":    {Delivered: Delivered{MaxLength: 99999}},
	} {
		if err := s.Validate(); !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, grant := range grants {
		if err := (&Spec{Grant: grant, JWT: JWT{Members: map[string]string{"typ": "JWT", "cty": "x"}}}).Validate(); err != nil {
			t.Errorf("%s: %v", grant, err)
		}
	}
}

func newMaker(t testing.TB, s *Spec, key crypto.Signer, facts jws.Facts) *Maker {
	t.Helper()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	m, err := NewMaker(s, key, facts, "https://bank.example/v1")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A JWT verifies, and says what is configured.
func TestMadeJWT(t *testing.T) {
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	now := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		key       crypto.Signer
		algorithm jose.SignatureAlgorithm
	}{{p256, jose.ES256}, {p521, jose.ES512}, {ed, jose.EdDSA}} {
		s := &Spec{Grant: GrantJWT, JWT: JWT{KeyID: "k1", Lifetime: Duration(10 * time.Minute), Claims: map[string]string{
			"iss": "{client_id}", "aud": "{audience}", "iat": "{unix_time}", "exp": "{expires}", "jti": "{uuid}", "deep": `json:{"a":[1,"x"]}`, "t": "plain",
		}, Members: map[string]string{"typ": "at+jwt", "x": "json:7"}}}
		m := newMaker(t, s, c.key, jws.Facts{ClientID: "me"})
		token, err := m.token(now)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := jose.ParseSigned(token.Value(), []jose.SignatureAlgorithm{c.algorithm})
		if err != nil {
			t.Fatal(err)
		}
		payload, err := parsed.Verify(c.key.Public())
		if err != nil {
			t.Fatal(err)
		}
		var claims map[string]any
		if err := json.Unmarshal(payload, &claims); err != nil {
			t.Fatal(err)
		}
		if claims["iss"] != "me" || claims["aud"] != "https://bank.example/v1" || claims["iat"] != 1.7e9 || claims["exp"] != 1.7e9+600 ||
			len(claims["jti"].(string)) != 36 || claims["t"] != "plain" || !strings.Contains(string(payload), `"deep":{"a":[1,"x"]}`) {
			t.Errorf("claims %s", payload)
		}
		if h := parsed.Signatures[0].Protected; h.KeyID != "k1" || h.ExtraHeaders["typ"] != "at+jwt" || h.ExtraHeaders["x"] != 7.0 {
			t.Errorf("header %+v", h)
		}
		if token.AuthorizationHeader() != "Bearer "+token.Value() || !token.Expiry().Equal(now.Add(10*time.Minute)) {
			t.Errorf("expiry %v", token.Expiry())
		}
	}
}

func TestMadeJWTByDefault(t *testing.T) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s := &Spec{Grant: GrantJWT}
	token, err := newMaker(t, s, key, jws.Facts{}).token(time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jose.ParseSigned(token.Value(), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(parsed.UnsafePayloadWithoutVerification()); got != `{"exp":1700000300,"iat":1700000000}` {
		t.Errorf("claims %s", got)
	}
	if h := parsed.Signatures[0].Protected; h.KeyID != "" || h.ExtraHeaders["typ"] != "JWT" {
		t.Errorf("header %+v", h)
	}
}

// A JWT is used again until shortly before its end, and made anew after a 401.
func TestMadeJWTIsKept(t *testing.T) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	var now atomic.Int64 // read by fetches, too
	now.Store(1_700_000_000)
	c := newTestCache(t, CacheOptions{Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	s := &Spec{Grant: GrantJWT, JWT: JWT{Lifetime: Duration(5 * time.Minute), Claims: map[string]string{"jti": "{uuid}"}}}
	ep := &Endpoint{Spec: *s, Do: (&bank{}).do}
	ep.JWT = newMaker(t, &ep.Spec, key, jws.Facts{})
	first := mustToken(t, c, testKey, ep)
	now.Add(3 * 60)
	if again := mustToken(t, c, testKey, ep); again != first {
		t.Error("a new one was made while the former was good")
	}
	now.Add(91) // 29 s before the end
	second := mustToken(t, c, testKey, ep)
	if second.Value() == first.Value() {
		t.Error("one was used within the margin before its end")
	}
	c.Drop(testKey, second)
	if third := mustToken(t, c, testKey, ep); third.Value() == second.Value() {
		t.Error("a dropped one was used again")
	}
}

// Claims tell whole seconds: a JWT must not count as good for longer than it
// says itself.
func TestOwnJWTEndsWhenItSays(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &Spec{Grant: GrantJWT, JWT: JWT{Lifetime: Duration(3 * time.Second)}}
	token, err := newMaker(t, s, key, jws.Facts{}).token(time.Unix(1_700_000_000, 999_000_000))
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Unix(1_700_000_003, 0); !token.Expiry().Equal(want) {
		t.Errorf("it ends at %s, its exp is %s", token.Expiry(), want)
	}
}

func TestFingerprintOfMakers(t *testing.T) {
	one, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	make := func(key crypto.Signer, client string, claims map[string]string) string {
		return newMaker(t, &Spec{Grant: GrantJWT, JWT: JWT{Claims: claims}}, key, jws.Facts{ClientID: client}).Fingerprint()
	}
	claims := map[string]string{"iss": "{client_id}", "iat": "{unix_time}"}
	base, again := make(one, "a", claims), make(one, "a", claims)
	if base != again || len(base) != 43 {
		t.Error("the same has two fingerprints")
	}
	random := map[string]string{"jti": "{uuid}"}
	if first, second := make(one, "a", random), make(one, "a", random); first != second {
		t.Error("a random claim changes the fingerprint")
	}
	for name, got := range map[string]string{
		"key": make(other, "a", claims), "client": make(one, "b", claims), "claims": make(one, "a", map[string]string{"iss": "x"}),
	} {
		if got == base {
			t.Errorf("another %s has the same fingerprint", name)
		}
	}
}

func TestMakerRefuses(t *testing.T) {
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	for want, c := range map[string]struct {
		spec JWT
		key  crypto.Signer
	}{
		"set client_key":     {JWT{}, nil},
		"no JWS can be made": {JWT{}, p224},
		"does not fit":       {JWT{Algorithm: "RS256"}, p256},
		"set client_id":      {JWT{Claims: map[string]string{"iss": "{client_id}"}}, p256},
		"there is no cert":   {JWT{Members: map[string]string{"x5t#S256": "{x5t#S256}"}}, p256},
	} {
		if _, err := NewMaker(&Spec{Grant: GrantJWT, JWT: c.spec}, c.key, jws.Facts{}, ""); !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
