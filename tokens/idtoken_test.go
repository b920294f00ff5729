package tokens

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// signID makes an id_token.
func signID(t testing.TB, key crypto.Signer, algorithm, kid string, claims map[string]any) string {
	t.Helper()
	ep := &Endpoint{Key: key, Spec: Spec{Assertion: Assertion{Algorithm: algorithm, KeyID: kid}}}
	raw, err := ep.SignJWT("JWT", claims)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// keySet is a JSON Web Key Set, among keys that nobody understands.
func keySet(t testing.TB, keys ...jose.JSONWebKey) string {
	t.Helper()
	list := []any{map[string]string{"kty": "QC", "kid": "new"}, 7}
	for _, key := range keys {
		list = append(list, key)
	}
	set, err := json.Marshal(map[string]any{"keys": list})
	if err != nil {
		t.Fatal(err)
	}
	return string(set)
}

func idClaims(change map[string]any) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": "https://bank.example", "sub": "psu", "aud": testKey.ClientID, "nonce": "n-1",
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

func leftHalf(sum []byte) string { return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2]) }

func TestValidateIDToken(t *testing.T) {
	ec, other := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	published := keySet(t,
		jose.JSONWebKey{Key: other.Public(), KeyID: "other"},
		jose.JSONWebKey{Key: ec.Public(), KeyID: "enc", Use: "enc"},
		jose.JSONWebKey{Key: rsaKey().Public(), KeyID: "rsa", Use: "sig"},
		jose.JSONWebKey{Key: ec.Public(), KeyID: "ec", Algorithm: "ES256"})
	sum256, sum384 := sha256.Sum256([]byte(access)), sha512.Sum384([]byte(access))
	now := time.Now()
	tests := map[string]struct {
		raw    string
		reason string // "" if it is valid
	}{
		"PS256":              {signID(t, rsaKey(), "PS256", "rsa", idClaims(nil)), ""},
		"RS256":              {signID(t, rsaKey(), "RS256", "rsa", idClaims(nil)), ""},
		"ES256":              {signID(t, ec, "", "ec", idClaims(nil)), ""},
		"no kid":             {signID(t, ec, "", "", idClaims(nil)), ""},
		"several in aud":     {signID(t, ec, "", "ec", idClaims(map[string]any{"aud": []string{"x", testKey.ClientID}, "azp": testKey.ClientID})), ""},
		"at_hash":            {signID(t, ec, "", "ec", idClaims(map[string]any{"at_hash": leftHalf(sum256[:])})), ""},
		"clock behind":       {signID(t, ec, "", "ec", idClaims(map[string]any{"iat": now.Add(50 * time.Second).Unix()})), ""},
		"clock ahead":        {signID(t, ec, "", "ec", idClaims(map[string]any{"exp": now.Add(-50 * time.Second).Unix()})), ""},
		"fractions":          {signID(t, ec, "", "ec", idClaims(map[string]any{"exp": float64(now.Unix()) + 100.5})), ""},
		"algorithm":          {signID(t, rsaKey(), "PS384", "rsa", idClaims(nil)), "algorithms accepted"},
		"none":               {"eyJhbGciOiJub25lIn0.e30.", "algorithms accepted"},
		"garbage":            {"secret-token", "algorithms accepted"},
		"encrypted":          {"a.b.c.d.e", "algorithms accepted"},
		"empty":              {"", "algorithms accepted"},
		"forged":             {signID(t, other, "", "ec", idClaims(nil)), "no key"},
		"unknown kid":        {signID(t, ec, "", "gone", idClaims(nil)), "no key"},
		"key of other use":   {signID(t, ec, "", "enc", idClaims(nil)), "no key"},
		"key of other kind":  {signID(t, ec, "", "rsa", idClaims(nil)), "no key"},
		"issuer":             {signID(t, ec, "", "ec", idClaims(map[string]any{"iss": "https://bank.example/"})), "iss"},
		"no sub":             {signID(t, ec, "", "ec", idClaims(map[string]any{"sub": nil})), "sub"},
		"audience":           {signID(t, ec, "", "ec", idClaims(map[string]any{"aud": "x"})), "aud"},
		"no audience":        {signID(t, ec, "", "ec", idClaims(map[string]any{"aud": nil})), "aud"},
		"odd audience":       {signID(t, ec, "", "ec", idClaims(map[string]any{"aud": 7})), "claims"},
		"azp missing":        {signID(t, ec, "", "ec", idClaims(map[string]any{"aud": []string{testKey.ClientID, "x"}})), "azp"},
		"azp of another":     {signID(t, ec, "", "ec", idClaims(map[string]any{"azp": "x"})), "azp"},
		"expired":            {signID(t, ec, "", "ec", idClaims(map[string]any{"exp": now.Add(-61 * time.Second).Unix()})), "expired"},
		"no exp":             {signID(t, ec, "", "ec", idClaims(map[string]any{"exp": nil})), "exp"},
		"endless":            {signID(t, ec, "", "ec", idClaims(map[string]any{"exp": 1e300})), "claims"},
		"no iat":             {signID(t, ec, "", "ec", idClaims(map[string]any{"iat": nil})), "iat"},
		"future":             {signID(t, ec, "", "ec", idClaims(map[string]any{"iat": now.Add(2 * time.Minute).Unix()})), "iat"},
		"not yet":            {signID(t, ec, "", "ec", idClaims(map[string]any{"nbf": now.Add(2 * time.Minute).Unix()})), "nbf"},
		"nonce":              {signID(t, ec, "", "ec", idClaims(map[string]any{"nonce": "n-2"})), "nonce"},
		"no nonce":           {signID(t, ec, "", "ec", idClaims(map[string]any{"nonce": nil})), "nonce"},
		"at_hash of another": {signID(t, ec, "", "ec", idClaims(map[string]any{"at_hash": leftHalf(sum384[:])})), "at_hash"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := &publisher{status: 200, body: published}
			ep := &Endpoint{Do: p.do, Issuer: "https://bank.example", KeysURL: "https://bank.example/keys", Keys: new(KeySet)}
			err := ValidateIDToken(t.Context(), ep, tt.raw, Expect{ClientID: testKey.ClientID, Nonce: "n-1", AccessToken: access})
			switch {
			case tt.reason == "" && err != nil:
				t.Fatal(err)
			case tt.reason == "":
				if PurposeOf(p.requests[0].Context()) != PurposeKeys || p.requests[0].URL.Path != "/keys" {
					t.Errorf("asked %s", p.requests[0].URL)
				}
			case !errors.Is(err, ErrIDToken) || !strings.Contains(err.Error(), tt.reason):
				t.Errorf("got %v", err)
			case strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "n-2") || len(tt.raw) > 20 && strings.Contains(err.Error(), tt.raw[:20]):
				t.Errorf("%q quotes the id_token", err)
			}
		})
	}
}

func TestAlgorithmsOfTheProfile(t *testing.T) {
	ec := ecKey(t, elliptic.P384())
	p := &publisher{status: 200, body: keySet(t, jose.JSONWebKey{Key: ec.Public(), KeyID: "k"})}
	sum := sha512.Sum384([]byte(access))
	raw := signID(t, ec, "", "k", idClaims(map[string]any{"at_hash": leftHalf(sum[:])}))
	ep := &Endpoint{Do: p.do, Issuer: "https://bank.example", KeysURL: "https://bank.example/keys", Spec: Spec{IDToken: IDToken{Algorithms: []string{"ES384"}}}}
	if err := ValidateIDToken(t.Context(), ep, raw, Expect{ClientID: testKey.ClientID, AccessToken: access}); err != nil {
		t.Error(err)
	}
	ep.Spec.IDToken.Algorithms = nil
	if err := ValidateIDToken(t.Context(), ep, raw, Expect{ClientID: testKey.ClientID}); !errors.Is(err, ErrIDToken) {
		t.Errorf("got %v", err)
	}
}

// What could not be found out must not look like a bad id_token.
func TestIDTokenThatCannotBeJudged(t *testing.T) {
	ec := ecKey(t, elliptic.P256())
	raw := signID(t, ec, "", "k", idClaims(nil))
	expect := Expect{ClientID: testKey.ClientID}
	good := keySet(t, jose.JSONWebKey{Key: ec.Public(), KeyID: "k"})
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		status int
		body   string
		change func(*Endpoint)
		want   error
	}{
		"no issuer":    {200, good, func(ep *Endpoint) { ep.Issuer = "" }, ErrSpec},
		"no keys":      {200, good, func(ep *Endpoint) { ep.KeysURL = "" }, ErrMetadata},
		"http":         {200, good, func(ep *Endpoint) { ep.KeysURL = "http://bank.example/" }, ErrSpec},
		"no metadata":  {503, ``, func(ep *Endpoint) { ep.Issuer, ep.Discovery = "", &Discovery{URL: "https://bank.example/m"} }, ErrUnavailable},
		"down":         {503, ``, nil, ErrUnavailable},
		"no key set":   {200, `[]`, nil, ErrMetadata},
		"short key":    {200, keySet(t, jose.JSONWebKey{Key: short.Public(), KeyID: "k"}), nil, ErrMetadata},
		"nothing here": {200, `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`, nil, ErrMetadata},
	} {
		ep := &Endpoint{Do: (&publisher{status: tt.status, body: tt.body}).do, Issuer: "https://bank.example", KeysURL: "https://bank.example/keys", Keys: new(KeySet)}
		if tt.change != nil {
			tt.change(ep)
		}
		if err := ValidateIDToken(t.Context(), ep, raw, expect); !errors.Is(err, tt.want) || errors.Is(err, ErrIDToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ep := &Endpoint{Do: (&publisher{status: 200, body: good}).do, Issuer: "https://bank.example", KeysURL: "https://bank.example/keys"}
	if err := ValidateIDToken(t.Context(), ep, raw, Expect{}); !errors.Is(err, ErrSpec) {
		t.Errorf("got %v", err)
	}
}

func TestKeysAreFetchedAgainForANewOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, fresh := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
		p := &publisher{status: 200, body: keySet(t, jose.JSONWebKey{Key: old.Public(), KeyID: "old"})}
		ep := &Endpoint{Do: p.do, Issuer: "https://bank.example", KeysURL: "https://bank.example/keys", Keys: new(KeySet)}
		check := func(key crypto.Signer, kid string) error {
			return ValidateIDToken(t.Context(), ep, signID(t, key, "", kid, idClaims(nil)), Expect{ClientID: testKey.ClientID})
		}
		for range 10 {
			if err := check(old, "old"); err != nil {
				t.Fatal(err)
			}
		}
		if p.count() != 1 {
			t.Errorf("fetched %d times", p.count())
		}
		p.set(200, keySet(t, jose.JSONWebKey{Key: fresh.Public(), KeyID: "fresh"}), nil)
		if err := check(fresh, "fresh"); err != nil || p.count() != 2 {
			t.Errorf("%v after %d fetches", err, p.count())
		}
		for range 30 {
			if err := check(old, "invented"); !errors.Is(err, ErrIDToken) {
				t.Errorf("got %v", err)
			}
		}
		if p.count() != 2 {
			t.Errorf("fetched %d times", p.count())
		}
		// While the keys cannot be had, an unknown one may be good.
		time.Sleep(documentRetry)
		p.set(http.StatusBadGateway, "", nil)
		for range 3 {
			if err := check(old, "invented"); !errors.Is(err, ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		}
		if err := check(fresh, "fresh"); err != nil || p.count() != 3 {
			t.Errorf("%v after %d fetches", err, p.count())
		}
	})
}
