package sandbox

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// makeJWT signs claims with go-jose, which shares nothing with the judge.
func makeJWT(t *testing.T, algorithm string, key any, header, claims map[string]any) string {
	t.Helper()
	options := &jose.SignerOptions{}
	for name, value := range header {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(algorithm), Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// with copies claims and changes some; nil takes one out.
func with(original map[string]any, pairs ...any) map[string]any {
	changed := maps.Clone(original)
	for i := 0; i < len(pairs); i += 2 {
		if name := pairs[i].(string); pairs[i+1] == nil {
			delete(changed, name)
		} else {
			changed[name] = pairs[i+1]
		}
	}
	return changed
}

func rawJWT(header, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(claims)) + "." + encode([]byte("x"))
}

func TestJWTVerification(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := []jose.JSONWebKey{{Key: rsaKey.Public(), KeyID: "r"}, {Key: ecKey.Public()}}
	all := []string{"PS256", "PS384", "RS256", "ES256"}
	named := map[string]any{"kid": "r"}
	for name, test := range map[string]struct {
		compact  string
		allowed  []string
		sentence string
	}{
		"PS256":      {makeJWT(t, "PS256", rsaKey, named, nil), all, ""},
		"PS384":      {makeJWT(t, "PS384", rsaKey, named, nil), all, ""},
		"RS256":      {makeJWT(t, "RS256", rsaKey, named, nil), all, ""},
		"ES256":      {makeJWT(t, "ES256", ecKey, nil, nil), all, ""},
		"no kid":     {makeJWT(t, "PS256", rsaKey, nil, nil), all, "does not verify"},
		"only kid":   {makeJWT(t, "PS256", rsaKey, map[string]any{"kid": "s"}, nil), all[:1], "does not verify"},
		"wrong type": {makeJWT(t, "ES256", ecKey, named, nil), []string{"PS256"}, "none of"},
		"not taken":  {makeJWT(t, "RS256", rsaKey, named, nil), []string{"PS256"}, "none of"},
		"none":       {rawJWT(`{"alg":"none"}`, `{}`), all, "none of"},
		"HMAC":       {rawJWT(`{"alg":"HS256"}`, `{}`), []string{"HS256"}, "none of"},
		"made up":    {rawJWT(`{"alg":"ES256"}`, `{}`), all, "does not verify"},
		"long salt":  {longSalt(t, rsaKey), all, "does not verify"},
	} {
		j, err := parseJWT(test.compact)
		if err == nil {
			err = j.verify(keys, test.allowed)
		}
		if (err == nil) != (test.sentence == "") || (err != nil && !strings.Contains(err.Error(), test.sentence)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := mustParse(t, makeJWT(t, "PS256", rsaKey, nil, nil)).verify(keys[:1], all); err == nil || !strings.Contains(err.Error(), "kid") {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "a.b", "a.b.c.d", "=.e30.eA", rawJWT(`[]`, `{}`), rawJWT(`{}`, `[]`), rawJWT(`{"alg":1}`, `{}`), rawJWT(`{}`, `{"aud":1}`),
		rawJWT(`{"alg":"PS256","crit":["b64"]}`, `{}`)} {
		if _, err := parseJWT(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func mustParse(t *testing.T, compact string) *jwt {
	t.Helper()
	j, err := parseJWT(compact)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// longSalt signs with the longest salt there is room for, which RFC 7518
// forbids and lax verifiers take.
func longSalt(t *testing.T, key *rsa.PrivateKey) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"PS256","kid":"r"}`)) + "." + encode([]byte(`{}`))
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto})
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + encode(sig)
}

func TestClaims(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	good := map[string]any{"iss": "c", "sub": "c", "aud": "us", "exp": now.Unix() + 60, "iat": now.Unix(), "nbf": now.Unix(), "jti": "1"}
	for name, test := range map[string]struct {
		claims   map[string]any
		sentence string
	}{
		"good":          {good, ""},
		"list":          {with(good, "aud", []string{"them", "us"}), ""},
		"issuer":        {with(good, "iss", "d"), "iss is not"},
		"subject":       {with(good, "sub", nil), "sub is not"},
		"audience":      {with(good, "aud", "them"), "aud does not"},
		"no audience":   {with(good, "aud", nil), "aud does not"},
		"no expiry":     {with(good, "exp", nil), "exp is missing"},
		"expired":       {with(good, "exp", now.Unix()), "exp is over"},
		"too long":      {with(good, "exp", now.Unix()+4000), "exp is more than"},
		"not yet":       {with(good, "nbf", now.Unix()+60), "nbf is still"},
		"from ahead":    {with(good, "iat", now.Unix()+60), "iat is in"},
		"without jti":   {with(good, "jti", nil), "jti is missing"},
		"without dates": {with(good, "iat", nil, "nbf", nil), ""},
	} {
		raw, err := json.Marshal(test.claims)
		if err != nil {
			t.Fatal(err)
		}
		var c claims
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatal(err)
		}
		err = c.check(wanted{issuer: "c", subject: "c", audiences: []string{"us"}, now: now, single: true})
		if (err == nil) != (test.sentence == "") || (err != nil && !strings.Contains(err.Error(), test.sentence)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseJWT(f *testing.F) {
	f.Add(rawJWT(`{"alg":"PS256","kid":"r","crit":null}`, `{"iss":"c","aud":["a"],"exp":1.5}`))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, compact string) {
		j, err := parseJWT(compact)
		if err == nil && j.verify(nil, []string{"PS256"}) == nil {
			t.Error("verified without a key")
		}
	})
}
