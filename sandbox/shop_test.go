package sandbox

import (
	"crypto/tls"
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
