package sidecar_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

var signatureAuto = profiles.Overrides{Signature: []byte(`{"algorithm":"auto"}`)}

func overrideSignature(signature string) profiles.Overrides {
	return profiles.Overrides{Signature: []byte(signature)}
}

// checkRSA verifies a Signature header of the first TPP over a signing string.
func checkRSA(t *testing.T, header, text string) {
	t.Helper()
	_, encoded, _ := strings.Cut(header, `signature="`)
	encoded, _, _ = strings.Cut(encoded, `"`)
	signature, err := base64.StdEncoding.DecodeString(encoded)
	sum := sha256.Sum256([]byte(text))
	key := firstTPP().qseal.Certificate.PublicKey.(*rsa.PublicKey)
	if err != nil || rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) != nil {
		t.Errorf("the signature in %q is not over\n%s", header, text)
	}
}

// clientToken asks the bank itself for a token of the TPP's own.
func (r *rig) clientToken(scope string) string {
	r.t.Helper()
	a, err := r.newASPSP(options{overrides: overrideToken(`{"from_app":true,"grant":"none"}`)})
	r.check(err)
	defer a.Close()
	former := r.aspsp
	defer func() { r.aspsp = former }()
	r.aspsp = a
	answer := r.tokenCall("grant_type=client_credentials&client_id=" + organization + "&scope=" + scope)
	r.accepted(answer, 200)
	_, token, _ := strings.Cut(answer.body, `"access_token":"`)
	token, _, _ = strings.Cut(token, `"`)
	return token
}

func TestBerlinGroupEndToEnd(t *testing.T) {
	r := newRig(t, options{profile: "berlin-group", base: "/berlin/v1"})
	token := "Bearer " + r.clientToken("cbpii%20pisp")
	const account = `{"iban":"FR7613807008043001965405255"}`
	funds := `{"account":` + account + `,"instructedAmount":{"currency":"EUR","amount":"1.00"}}`
	record := r.accepted(r.call("POST", "/funds-confirmations", funds, "Authorization", token), 200)
	der := base64.StdEncoding.EncodeToString(firstTPP().qseal.Certificate.Raw)
	wantLine(t, string(record.RawHead), "TPP-Signature-Certificate: "+der)
	if !record.SignatureOK || !strings.HasPrefix(record.SigningString, "digest: SHA-256=") {
		t.Errorf("signing string %q", record.SigningString)
	}
	payment := `{"instructedAmount":{"currency":"EUR","amount":"123.50"},"creditorAccount":` + account + `,"creditorName":"Merchant123"}`
	path := "/payments/sepa-credit-transfers"
	r.refused(r.call("POST", path, payment, "Authorization", token), sidecar.CodePSURequired)
	a := r.call("POST", path, payment, "Authorization", token, "PSU-IP-Address", publicIP, "PSU-ID", "PSU-1234",
		"TPP-Redirect-URI", "https://tpp.example/cb?x=1", "TPP-Signature-Certificate", "forged", "TPP-Unknown", "x")
	record = r.accepted(a, 201)
	if !strings.Contains(record.SigningString, "psu-id: PSU-1234\ntpp-redirect-uri: https://tpp.example/cb?x=1") {
		t.Errorf("signing string %q", record.SigningString)
	}
	wantNo(t, string(record.RawHead), "TPP-Unknown")
	if a.header.Get("ASPSP-SCA-Approach") != "REDIRECT" || a.header.Get("Location") == "" {
		t.Errorf("the bank's headers did not pass: %v", a.header)
	}
	// A GET has the digest of nothing, and its signature over it.
	r.call("GET", "/accounts?withBalance=true", "", "Authorization", token, "Consent-ID", "c1")
	record = r.bank.Last()
	r.checkVerified(record)
	wantLine(t, string(record.RawHead), "Digest: "+digestOf(nil))
	wantLine(t, string(record.RawHead), "Consent-ID: c1")
	r.refused(r.call("GET", "/accounts", ""), sidecar.CodeTokenMissing)
}

func TestBPCEFirstVersionEndToEnd(t *testing.T) {
	r := newRig(t, options{profile: "bpce-v1", base: "/stet/psd2/v1"})
	record := r.accepted(r.funds("PSU-IP-Address", publicIP), 200)
	if record.RequestURI != "/stet/psd2/v1/funds-confirmations" {
		t.Errorf("%s", record.RequestURI)
	}
	if form := string(r.bank.Records()[0].Body); !strings.Contains(form, "scope=piisp") {
		t.Errorf("token request %q", form)
	}
	if state := r.tokens.Snapshot(); len(state) != 1 || state[0].Scope != "piisp" || state[0].ClientID != organization {
		t.Errorf("tokens %+v", state)
	}
}

func TestEveryFormOfKeyID(t *testing.T) {
	for form, override := range map[string]string{
		sandbox.KeyIDSerialIssuer: `{}`,
		sandbox.KeyIDClientID:     `{"key_id":{"form":"client-id","serial":null,"name":null,"dn":null}}`,
		sandbox.KeyIDCertificateURL: `{"key_id":{"form":"certificate-url","url":"https://tpp.example/certificates/qseal_{fingerprint}",` +
			`"serial":null,"name":null,"dn":null}}`,
	} {
		r := newRig(t, options{bank: func(o *sandbox.Options) { o.KeyID = form }, overrides: overrideSignature(override)})
		record := r.accepted(r.funds(), 200)
		if record.KeyID == "" || record.KeyID != r.aspsp.KeyID() {
			t.Errorf("%s: keyId %q, the ASPSP says %q", form, record.KeyID, r.aspsp.KeyID())
		}
	}
}

func TestSignedTokenRequest(t *testing.T) {
	r := newRig(t, options{overrides: overrideToken(`{"sign":true}`)})
	r.accepted(r.funds(), 200)
	if token := r.bank.Records()[0]; token.Operation != "token" || !token.SignatureOK {
		t.Errorf("%s: signed %t, %q", token.Operation, token.SignatureOK, token.Problems)
	}
}

func TestFixedHeadersWithSecrets(t *testing.T) {
	b := newRawBank(t, nil, answerOK)
	secret := "first"
	r := b.toward(t, options{
		overrides: profiles.Overrides{Headers: []byte(`{"set":{"X-API-Key":"{env.KEY}","User-Agent":"tpp/1","Accept-Language":""}}`)},
		config: func(c *sidecar.Config) {
			c.ResolveSecret = func(value string) (string, error) {
				return strings.ReplaceAll(value, "{env.KEY}", secret), nil
			}
		},
	})
	for _, secret = range []string{"first", "second"} {
		r.call("GET", "/x", "", "Authorization", "Bearer x", "X-API-Key", "mine", "User-Agent", "app/1", "Accept-Language", "fr")
		head := b.last(t).head
		wantLine(t, head, "User-Agent: tpp/1")
		wantNo(t, head, "Accept-Language")
		wantLine(t, head, "X-API-Key: "+secret)
	}
	sent := len(b.received())
	for _, secret = range []string{"", "two\r\nlines"} {
		a := r.call("GET", "/x", "", "Authorization", "Bearer x")
		r.refused(a, sidecar.CodeSecretUnreadable)
		if !strings.Contains(a.body, `"detail":"X-API-Key"`) {
			t.Errorf("%s", a.body)
		}
	}
	if n := len(b.received()); n != sent {
		t.Errorf("%d requests left without their secret", n-sent)
	}
}
