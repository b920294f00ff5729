package sandbox

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"
)

// caratJWT signs claims with RS256 or another algorithm's name.
func caratJWT(t *testing.T, key *rsa.PrivateKey, algorithm string, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"`+algorithm+`","typ":"JWT"}`)) + "." + encode(payload)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + encode(signature)
}

func TestCaratJWT(t *testing.T) {
	p, err := issuePKI()
	if err != nil {
		t.Fatal(err)
	}
	key := p.qseal.Key.(*rsa.PrivateKey)
	another, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *Options) {
		o.Shops = ShopOptions{CertificateOptional: true, Carat: []CaratMerchant{{ID: caratID, Key: caratKey, PublicKey: &key.PublicKey,
			Claims: map[string]string{"merchant": caratID, "jti": ""}}}}
	})
	good := map[string]any{"merchant": caratID, "jti": "1", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
	with := func(name string, value any) string {
		claims := maps.Clone(good)
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
		return "Bearer " + caratJWT(t, key, "RS256", claims)
	}
	for i, test := range []struct{ authorization, sentence string }{
		{with("x", "y"), ""}, {with("exp", nil), ""},
		{strings.Replace(with("x", "y"), "Bearer", "bearer", 1), "is not Bearer with a JWT"},
		{with("x", strings.Repeat("y", 1500)), "more than 2000 characters"},
		{"Bearer x", "is not a signed JWT"},
		{"Bearer " + caratJWT(t, another, "RS256", good), "does not verify"},
		{"Bearer " + caratJWT(t, key, "PS256", good), `alg "PS256"`},
		{with("jti", nil), "the claim jti is missing"},
		{with("merchant", "other"), "the claim merchant has another value"},
		{with("exp", time.Now().Add(-time.Second).Unix()), "exp is over"},
		{with("nbf", time.Now().Add(time.Minute).Unix()), "nbf is still ahead"},
		{with("iat", time.Now().Add(time.Minute).Unix()), "iat is in the future"},
	} {
		resp := w.sendAs(nil, w.carat("merchants", caratBody(strconv.Itoa(i)), [2]string{"Authorization", test.authorization}))
		if test.sentence == "" {
			w.created(resp)
		} else {
			w.expect(resp, 401, test.sentence)
		}
	}
	w.expect(w.sendAs(nil, w.carat("merchants", caratBody("1"), [2]string{"token", strings.Repeat("a", 66)})), 401, "registered for a JWT")
	w.expect(w.sendAs(nil, w.carat("token/merchants", "")), 403, "no authenticity URL")
}

func TestCaratBody(t *testing.T) {
	w, inbox := newTokenWorld(t)
	w.asked(w.carat("token/merchants", ""))
	token := [2]string{"token", inbox.token(t)}
	for i, test := range []struct{ from, to, sentence string }{
		{`"cnpj":"1"`, `"cnpj":""`, "cnpj is missing"}, {`"cnpj":"1"`, `"cnpj":1`, "cnpj is no text"},
		{`"cnpj":"1"`, `"cnpj":"12.3"`, "cnpj is not made of digits"}, {`"1"`, `"123456789012345"`, "cnpj has a wrong length"},
		{`"SP"`, `"S"`, "state has a wrong length"}, {`"mcc":"5462",`, "", "mcc is missing"}, {`"routing_id":"201",`, "", "authorizers[].routing_id is missing"},
		{`"authorizers"`, `"others"`, "authorizers is missing"}, {`{"cnpj"`, `["cnpj"`, "no JSON object"},
		{`"state":"SP"`, `"soft_descriptor":{"id":"` + strings.Repeat("1", 23) + `"}`, "soft_descriptor.id has a wrong length"},
	} {
		body := strings.Replace(caratBody("1"), test.from, test.to, 1)
		w.expect(w.sendAs(nil, w.carat("merchants", body, token)), 400, test.sentence)
		if w.bank.Stats().Repeated != 0 {
			t.Errorf("%d: repeated", i)
		}
	}
}
