package tokens

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

// rsaKey is made once: it takes long.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// hsm is a key of which nothing but its use is known.
type hsm struct{ crypto.Signer }

func TestPrivateKeyJWT(t *testing.T) {
	p256, p384 := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384())
	tests := map[string]struct {
		key       crypto.Signer
		assertion Assertion
		algorithm jose.SignatureAlgorithm
		audience  string
		lifetime  time.Duration
	}{
		"RSA":   {rsaKey(), Assertion{}, jose.PS256, "https://bank.example/oauth/token", time.Minute},
		"RS384": {hsm{rsaKey()}, Assertion{Algorithm: "RS384", KeyID: "k-1"}, jose.RS384, "https://bank.example/oauth/token", time.Minute},
		"PS512": {hsm{rsaKey()}, Assertion{Algorithm: "PS512", Audience: "https://bank.example"}, jose.PS512, "https://bank.example", time.Minute},
		"P-256": {hsm{p256}, Assertion{KeyID: "k-1"}, jose.ES256, "https://bank.example/oauth/token", time.Minute},
		"P-384": {p384, Assertion{Lifetime: Duration(5 * time.Minute)}, jose.ES384, "https://bank.example/oauth/token", 5 * time.Minute},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var r recorder
			ep := r.endpoint(Spec{Grant: GrantClientCredentials, ClientAuth: ClientAuthJWT, Assertion: tt.assertion})
			ep.Key = tt.key
			if _, err := ep.Ask(t.Context(), refreshRequest); err != nil {
				t.Fatal(err)
			}
			mustToken(t, newTestCache(t, CacheOptions{}), testKey, ep)
			seen := map[string]bool{}
			for _, s := range r.seen {
				if got := s.form.Get("client_assertion_type"); got != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
					t.Errorf("client_assertion_type %q", got)
				}
				seen[checkAssertion(t, s.form.Get("client_assertion"), tt.key, tt.algorithm, tt.assertion.KeyID, tt.audience, tt.lifetime)] = true
				if s.form.Get("client_id") != testKey.ClientID {
					t.Errorf("body %s", s.body)
				}
			}
			if len(seen) != 2 {
				t.Error("an assertion was used twice")
			}
		})
	}
}

// checkAssertion is the bank's side. It gives the jti.
func checkAssertion(t *testing.T, raw string, key crypto.Signer, algorithm jose.SignatureAlgorithm, kid, audience string, lifetime time.Duration) string {
	t.Helper()
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{algorithm})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := jws.Verify(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	checkSalt(t, jws, key.Public(), algorithm)
	header := jws.Signatures[0].Header
	if header.KeyID != kid || header.ExtraHeaders["typ"] != "JWT" || header.JSONWebKey != nil {
		t.Errorf("header %+v", header)
	}
	var claims struct {
		Iss, Sub, Aud, Jti string
		Iat, Exp           int64
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	if claims.Iss != testKey.ClientID || claims.Sub != testKey.ClientID || claims.Aud != audience ||
		claims.Exp-claims.Iat != int64(lifetime/time.Second) || time.Since(time.Unix(claims.Iat, 0)).Abs() > time.Minute {
		t.Errorf("claims %s", payload)
	}
	if _, err := uuid.Parse(claims.Jti); err != nil {
		t.Errorf("jti: %v", err)
	}
	return claims.Jti
}

// checkSalt wants the salt of RFC 7518 section 3.5, which go-jose lets pass with
// any length.
func checkSalt(t *testing.T, jws *jose.JSONWebSignature, public crypto.PublicKey, algorithm jose.SignatureAlgorithm) {
	t.Helper()
	if algorithm[0] != 'P' {
		return
	}
	compact, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	hash := signingAlgorithms[algorithm]
	h := hash.New()
	_, _ = io.WriteString(h, compact[:strings.LastIndexByte(compact, '.')])
	err = rsa.VerifyPSS(public.(*rsa.PublicKey), hash, h.Sum(nil), jws.Signatures[0].Signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	if err != nil {
		t.Errorf("salt: %v", err)
	}
}

func TestKeyThatDoesNotFit(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		key       crypto.Signer
		algorithm string
		text      string
	}{
		"weak":            {weak, "", "RSA of at least 2048 bits"},
		"unusual curve":   {ecKey(t, elliptic.P521()), "", "P-256 or P-384"},
		"other algorithm": {ecKey(t, elliptic.P256()), "PS256", "assertion.algorithm PS256 does not fit the key: use one of [ES256]"},
		"other curve":     {ecKey(t, elliptic.P384()), "ES256", "use one of [ES384]"},
		"broken":          {brokenKey{ecKey(t, elliptic.P256())}, "", "signing failed"},
	} {
		var r recorder
		ep := r.endpoint(Spec{ClientAuth: ClientAuthJWT, Assertion: Assertion{Algorithm: tt.algorithm}})
		ep.Key = tt.key
		if _, err := ep.Ask(t.Context(), refreshRequest); !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), tt.text) || len(r.seen) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// brokenKey makes signatures of the wrong form.
type brokenKey struct{ crypto.Signer }

func (brokenKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return []byte{1, 2, 3}, nil
}

func TestSignJWT(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	ep := &Endpoint{Key: key, Spec: Spec{Assertion: Assertion{KeyID: "k"}}}
	raw, err := ep.SignJWT("oauth-authz-req+jwt", map[string]string{"state": "a&b"})
	if err != nil {
		t.Fatal(err)
	}
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	if payload, err := jws.Verify(key.Public()); err != nil || !strings.Contains(string(payload), `"state"`) ||
		jws.Signatures[0].Header.ExtraHeaders["typ"] != "oauth-authz-req+jwt" {
		t.Errorf("%s, %v", payload, err)
	}
	if _, err := ep.SignJWT("JWT", func() {}); !errors.Is(err, ErrSpec) {
		t.Errorf("got %v", err)
	}
}
