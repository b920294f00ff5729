package sandbox

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

const pixPath = "/brasil/open-banking/payments/v1/pix/payments"

// pix is a payment as a JWT, to be changed before it is signed.
type pix struct {
	*request
	header    map[string]any
	claims    map[string]any
	by        *testpki.Issued
	algorithm string
}

func (w *world) pix(token string) *pix {
	r := &request{method: "POST", target: pixPath}
	r.set("Host", w.bank.Addr().String())
	r.set("Authorization", "Bearer "+token)
	r.set("x-fapi-interaction-id", uuid.NewString())
	r.set("x-idempotency-key", uuid.NewString())
	return &pix{request: r, by: w.qseal, algorithm: "PS256", header: map[string]any{"alg": "PS256", "kid": x5t(w.qseal), "typ": "JWT"},
		claims: map[string]any{"aud": w.bank.URL() + pixPath, "iss": orgID, "iat": w.bank.now().Unix(), "jti": uuid.NewString(),
			"data": map[string]any{"payment": map[string]string{"amount": "12.50", "currency": "BRL"}}}}
}

func (p *pix) seal(t *testing.T) *request {
	t.Helper()
	header, err1 := json.Marshal(p.header)
	claims, err2 := json.Marshal(p.claims)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	input := b64(header) + "." + b64(claims)
	p.request.json(input + "." + b64(joseSign(t, p.by, p.algorithm, input)))
	p.set("Content-Type", "application/jwt")
	return p.request
}

func TestBrasil(t *testing.T) {
	w := newWorld(t)
	token := w.cardToken("pisp")
	first := w.pix(token)
	resp := w.send(first.seal(t))
	w.expect(resp, 201, "")
	if rec := w.bank.Last(); !rec.SignatureOK || rec.KeyID != x5t(w.qseal) || resp.header.Get("Content-Type") != "application/jwt" ||
		resp.header.Get("x-fapi-interaction-id") != first.get("x-fapi-interaction-id") {
		t.Errorf("%+v %v", rec, resp.header)
	}
	// The same payment under the same key: another JWT says the same.
	again := w.pix(token)
	again.set("x-idempotency-key", first.get("x-idempotency-key"))
	w.expect(w.send(again.seal(t)), 201, "")
	if w.bank.Payments() != 1 {
		t.Errorf("%d payments", w.bank.Payments())
	}
	again = w.pix(token)
	again.set("x-idempotency-key", first.get("x-idempotency-key"))
	again.claims["data"] = map[string]any{"payment": map[string]string{"amount": "12.51", "currency": "BRL"}}
	w.expect(w.send(again.seal(t)), 400, "with another body")
	for name, test := range map[string]struct {
		change   func(*pix)
		sentence string
	}{
		"RS256":       {func(p *pix) { p.algorithm, p.header["alg"] = "RS256", "RS256" }, "only PS256 is taken"},
		"typ":         {func(p *pix) { delete(p.header, "typ") }, "typ is not JWT"},
		"kid":         {func(p *pix) { p.header["kid"] = "x" }, "names no key that the TPP has registered"},
		"another key": {func(p *pix) { p.by = w.qseal2RSA }, "does not verify"},
		"aud":         {func(p *pix) { p.claims["aud"] = w.bank.URL() }, "aud is not the endpoint's address"},
		"iss":         {func(p *pix) { p.claims["iss"] = "x" }, "the TPP's organisation"},
		"iat":         {func(p *pix) { p.claims["iat"] = w.bank.now().Add(-63 * time.Second).Unix() }, "away from the bank's clock"},
		"iat as text": {func(p *pix) { p.claims["iat"] = "1" }, "claims of the JWT are no JSON object"},
		"no iat":      {func(p *pix) { delete(p.claims, "iat") }, "iat is no whole number"},
		"jti":         {func(p *pix) { p.claims["jti"] = "x" }, "no UUID of version 4"},
		"jti again":   {func(p *pix) { p.claims["jti"] = first.claims["jti"] }, "jti was used before"},
		"expired":     {func(p *pix) { p.claims["exp"] = 1 }, "exp is over"},
		"no data":     {func(p *pix) { delete(p.claims, "data") }, "holds no data"},
		"beside data": {func(p *pix) { p.claims["x"] = 1 }, "holds no data"},
		"idempotency": {func(p *pix) { p.del("x-idempotency-key") }, "x-idempotency-key is missing"},
		"interaction": {func(p *pix) { p.del("x-fapi-interaction-id") }, "x-fapi-interaction-id is missing"},
		"other scope": {func(p *pix) { p.set("Authorization", "Bearer "+w.cardToken("cbpii")) }, "lacks the scope pisp"},
		"critical":    {func(p *pix) { p.header["crit"] = []string{"x"} }, "critical header parameters"},
		"wrong amount": {func(p *pix) {
			p.claims["data"] = map[string]any{"payment": map[string]string{"amount": "1", "currency": "EUR"}}
		}, "no amount such as"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			p := w.pix(token)
			test.change(p)
			resp := w.send(p.seal(t))
			if resp.status < 400 || !strings.Contains(resp.body, `"errors"`) {
				t.Error(resp.status, resp.body)
			}
			w.expect(resp, resp.status, test.sentence)
		})
	}
	r := w.pix(token).request.json(`{"data":{}}`)
	resp = w.send(r)
	w.expect(resp, 415, "Content-Type is not application/jwt")
	if !strings.Contains(resp.body, "BAD_SIGNATURE") || !strings.Contains(resp.body, "no signed JWT") && !strings.Contains(resp.body, "is not a signed JWT") {
		t.Error(resp.body)
	}
}
