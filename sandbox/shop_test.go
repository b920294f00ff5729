package sandbox

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestCertificateOptional: only the handshake is different. Each PSD2 path still
// demands the QWAC, in the same words.
func TestCertificateOptional(t *testing.T) {
	w := newShopWorld(t)
	const sentence = "no client certificate (QWAC) was presented"
	for _, r := range []*request{
		w.confirmation("none"), w.stet("GET", "/berlin/v1/accounts", "", "none"), w.ingRequest("GET", "/v3/accounts", nil),
		w.formRequest("/stet/psd2/oauth/token", values("client_id", orgID, "grant_type", "client_credentials", "scope", "cbpii")),
		w.formRequest("/oauth2/token", values("grant_type", "client_credentials")),
		w.stet("GET", "/nothing", "", "none"),
	} {
		resp := w.sendAs(nil, r)
		if resp.status != 403 || w.bank.Last().Problems[0] != sentence {
			t.Errorf("%s: %d %q", r.target, resp.status, w.bank.Last().Problems)
		}
	}
	w.expect(w.sendAs(w.qwac, w.confirmation(w.cardToken("cbpii"))), 200, "")
	// A certificate that is presented is judged as ever.
	if err := w.refusedBy(w.qseal); err == nil || !strings.Contains(err.Error(), "tls:") {
		t.Errorf("a QSEAL was taken in the handshake: %v", err)
	}
	strict := newWorld(t)
	if conn, err := tls.Dial("tcp", strict.bank.Addr().String(), strict.tlsConfig(nil, "http/1.1")); err == nil {
		defer conn.Close()
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("a client without certificate was let in")
		}
	}
}

func TestShopOptionsAreChecked(t *testing.T) {
	p, err := issuePKI()
	if err != nil {
		t.Fatal(err)
	}
	for name, shops := range map[string]ShopOptions{
		"ID and AccessKey":             {Payline: []PaylineMerchant{{ID: "1"}}},
		"must not be negative":         {Payline: []PaylineMerchant{{ID: "1", AccessKey: "k", GiftCard: -1}}},
		"ID is not 1 to 15":            {Carat: []CaratMerchant{{ID: "sixteenCharacter", Key: "k", AuthenticityURL: "http://x"}}},
		"Key is not 1 to 80":           {Carat: []CaratMerchant{{ID: "m", Key: "a b", AuthenticityURL: "http://x"}}},
		"PublicKey or AuthenticityURL": {Carat: []CaratMerchant{{ID: "m", Key: "k"}}},
		"is no URL":                    {Carat: []CaratMerchant{{ID: "m", Key: "k", AuthenticityURL: "/x"}}},
	} {
		_, err := New(Options{ClientCAs: p.ca.Pool(), Certificate: p.server.TLSCertificate(), Shops: shops})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestShopsByControlPlane: merchants can be registered while the bank runs.
func TestShopsByControlPlane(t *testing.T) {
	p, err := issuePKI()
	if err != nil {
		t.Fatal(err)
	}
	key := p.qseal.Key.(*rsa.PrivateKey)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	elliptic, err := x509.MarshalPKIXPublicKey(p.qwac.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *Options) { o.Shops.CertificateOptional = true })
	public := func(der []byte) string { return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})) }
	for _, test := range []struct {
		path   string
		body   any
		status int
	}{
		{"/payline", PaylineMerchant{ID: paylineID, AccessKey: paylineKey}, 204},
		{"/payline", PaylineMerchant{ID: paylineID}, 400},
		{"/carat", map[string]any{"merchant_id": caratID, "merchant_key": caratKey, "public_key": public(der), "claims": map[string]string{"jti": ""}}, 204},
		{"/carat", map[string]any{"merchant_id": caratID, "merchant_key": caratKey}, 400},
		{"/carat", map[string]any{"merchant_id": caratID, "merchant_key": caratKey, "public_key": "x"}, 400},
		{"/carat", map[string]any{"merchant_id": caratID, "merchant_key": caratKey, "public_key": public([]byte("x"))}, 400},
		{"/carat", map[string]any{"merchant_id": caratID, "merchant_key": caratKey, "public_key": public(elliptic)}, 400},
	} {
		body, err := json.Marshal(test.body)
		if err != nil {
			t.Fatal(err)
		}
		answer := httptest.NewRecorder()
		w.bank.Control().ServeHTTP(answer, httptest.NewRequest("PUT", test.path, bytes.NewReader(body)))
		if answer.Code != test.status {
			t.Errorf("%s %s: %d %s", test.path, body, answer.Code, answer.Body)
		}
	}
	w.soap(w.payline("WebPaymentAPI", "doWebPayment", webPayment(100)), "00000")
	jwt := caratJWT(t, key, "RS256", map[string]any{"jti": "1"})
	w.created(w.sendAs(nil, w.carat("merchants", caratBody("1"), [2]string{"Authorization", "Bearer " + jwt})))
}
