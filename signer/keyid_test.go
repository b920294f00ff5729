package signer

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"testing"
)

// TestKeyIDForms makes every form that banks are known to ask for.
func TestKeyIDForms(t *testing.T) {
	orgID := loadCertificate(t, "dn", "02-orgid-in-issuer.pem")
	plain := loadCertificate(t, "dn", "01-plain.pem")
	comma := loadCertificate(t, "dn", "04-comma-plus-quote.pem")
	pemText := loadFile(t, "dn", "01-plain.pem")
	der, text := sha256.Sum256(plain.Raw), sha256.Sum256(pemText)
	derHex, pemHex := hex.EncodeToString(der[:]), hex.EncodeToString(text[:])
	client := Credentials{Certificate: plain, ClientID: "PSDDE-BAFIN-123456"}

	tests := []struct {
		bank string
		spec string
		cred Credentials
		want string
	}{
		{"default", `{}`, client, "SN=9fa1,CA=CN=D-TRUST CA 2-1 2015,O=D-Trust GmbH,C=DE"},
		{"Berlin Group's example", `{"serial":"hex-upper","spaces":"percent"}`, client, "SN=9FA1,CA=CN=D-TRUST%20CA%202-1%202015,O=D-Trust%20GmbH,C=DE"},
		{"WSO2, organizationIdentifier in the issuer", `{}`, Credentials{Certificate: orgID}, "SN=d9ea5432ea92d254,CA=CN=Certigna Entity CA,2.5.4.97=#0c144e545246522d3438313436333038313030303336,O=Certigna SAS,C=FR"},
		{"keyword", `{"dn":"rfc2253-jdk-keyword"}`, Credentials{Certificate: orgID}, "SN=d9ea5432ea92d254,CA=CN=Certigna Entity CA,organizationIdentifier=NTRFR-48146308100036,O=Certigna SAS,C=FR"},
		{"Atruvia, Argenta", `{"serial":"decimal","spaces":"remove"}`, client, "SN=40865,CA=CN=D-TRUSTCA2-12015,O=D-TrustGmbH,C=DE"},
		{"Knab", `{"serial":"decimal","name":"subject","spaces":"remove"}`, client, "SN=40865,CA=CN=subject"},
		{"Redsys' document", `{"spaces":"percent","percent_commas":true}`, client, "SN=9fa1,CA=CN=D-TRUST%20CA%202-1%202015%2CO=D-Trust%20GmbH%2CC=DE"},
		{"Triodos", `{"dn":"rfc1779"}`, client, "SN=9fa1,CA=CN=D-TRUST CA 2-1 2015, O=D-Trust GmbH, C=DE"},
		{"LUXHUB", `{"dn":"rfc1779","reverse":true,"spaces":"remove"}`, client, "SN=9fa1,CA=C=DE,O=D-TrustGmbH,CN=D-TRUSTCA2-12015"},
		{"Crédit Agricole", `{"form":"serial"}`, client, "9fa1"},
		{"Rabobank, CBI Globe", `{"form":"serial","serial":"decimal"}`, client, "40865"},
		{"Libra", `{"form":"serial","serial":"hex-der"}`, client, "009fa1"},
		{"ING application token", `{"form":"serial-prefixed","serial":"hex-upper-padded"}`, client, "SN=9FA1"},
		{"whole bytes", `{"form":"serial","serial":"hex-padded"}`, Credentials{Certificate: loadCertificate(t, "dn", "03-lead-zero-nibble.pem")}, "0a"},
		{"Nordea, ING", `{"form":"client-id"}`, client, "PSDDE-BAFIN-123456"},
		{"CIC, Fintecture", `{"form":"literal","value":"kid-1"}`, client, "kid-1"},
		{"STET", `{"form":"certificate-url","url":"https://tpp.example/qseal_{fingerprint}"}`, client, "https://tpp.example/qseal_" + derHex},
		{"STET over the PEM", `{"form":"certificate-url","url":"https://tpp.example/qseal_{fingerprint}","fingerprint_of":"pem"}`, client, "https://tpp.example/qseal_" + pemHex},
		{"LCL", `{"form":"certificate-url","url":"https://tpp.example/qseal.pem"}`, client, "https://tpp.example/qseal.pem"},
		{"Boursorama", `{"form":"certificate"}`, client, base64.StdEncoding.EncodeToString(plain.Raw)},
		{"thumbprint", `{"form":"thumbprint"}`, client, derHex},
		{"a name given by hand", `{"dn":"literal","value":"CN=By Hand"}`, client, "SN=9fa1,CA=CN=By Hand"},
		{"no dangling backslash", `{"spaces":"remove"}`, Credentials{Certificate: comma}, `SN=7fffffffffffffff,CA=CN=leadandtrail,O=ACME\,Inc.\+\"Sons\"\<x\>\;a\=b\#c\\d,C=US`},
		{"SDC", `{"serial":"hex-upper","dn":"literal","value":"O=Buypass Ås/Østlandet,C=NO","charset":"iso-8859-1"}`, client, "SN=9FA1,CA=O=Buypass \xc5s/\xd8stlandet,C=NO"},
		{"non-ASCII is kept", `{}`, Credentials{Certificate: loadCertificate(t, "dn", "05-utf8.pem")}, "SN=80,CA=CN=Zażółć gęślą CA €,O=Buypass Ås/Østlandet,C=NO"},
	}
	for _, test := range tests {
		t.Run(test.bank, func(t *testing.T) {
			var spec KeyID
			if err := json.Unmarshal([]byte(test.spec), &spec); err != nil {
				t.Fatal(err)
			}
			want := test.want
			if strings.HasSuffix(want, "CA=CN=subject") {
				dn, err := RenderDN(plain.RawSubject, "", false)
				if err != nil {
					t.Fatal(err)
				}
				want = "SN=40865,CA=" + strings.ReplaceAll(dn, " ", "")
			}
			if got, err := KeyIDFor(spec, test.cred); err != nil || got != want {
				t.Errorf("%v\n%s\nexpected\n%s", err, got, want)
			}
		})
	}
}

func TestKeyIDRefuses(t *testing.T) {
	plain := loadCertificate(t, "dn", "01-plain.pem")
	for name, test := range map[string]struct {
		spec KeyID
		cred Credentials
		want error
	}{
		"no certificate":  {KeyID{}, Credentials{}, ErrKey},
		"no client_id":    {KeyID{Form: "client-id"}, Credentials{Certificate: plain}, ErrSpec},
		"no value":        {KeyID{Form: "literal"}, Credentials{}, ErrSpec},
		"no URL":          {KeyID{Form: "certificate-url"}, Credentials{Certificate: plain}, ErrSpec},
		"line end":        {KeyID{Form: "literal", Value: "a\r\nb"}, Credentials{}, ErrSpec},
		"line end in ID":  {KeyID{Form: "client-id"}, Credentials{ClientID: "a\nb"}, ErrKey},
		"unknown form":    {KeyID{Form: "md5"}, Credentials{Certificate: plain}, ErrSpec},
		"negative serial": {KeyID{Form: "serial"}, Credentials{Certificate: &x509.Certificate{SerialNumber: big.NewInt(-1)}}, ErrKey},
		"nameless issuer": {KeyID{}, Credentials{Certificate: &x509.Certificate{SerialNumber: big.NewInt(1), RawIssuer: []byte{0x30, 0}}}, ErrKey},
		"garbled issuer":  {KeyID{}, Credentials{Certificate: &x509.Certificate{SerialNumber: big.NewInt(1), RawIssuer: []byte{0x30}}}, ErrKey},
		"SHA-1":           {KeyID{Form: "thumbprint", Fingerprint: "sha-1"}, Credentials{Certificate: plain}, ErrSpec},
	} {
		if id, err := KeyIDFor(test.spec, test.cred); !errors.Is(err, test.want) || id != "" {
			t.Errorf("%s: %q, %v", name, id, err)
		}
	}
}

func TestKeyIDJSON(t *testing.T) {
	spec := parseSpec(t, `{"key_id":"client-id"}`)
	if spec.KeyID != (KeyID{Form: "client-id"}) {
		t.Errorf("%+v", spec.KeyID)
	}
	if err := json.Unmarshal([]byte(`{"key_id":{"from":"serial"}}`), &spec); err == nil {
		t.Error("an unknown field is accepted")
	}
	if err := json.Unmarshal([]byte(`{"key_id":{"serial":"decimal"}}`), &spec); err != nil || spec.KeyID != (KeyID{Form: "client-id", Serial: "decimal"}) {
		t.Errorf("%v, %+v", err, spec.KeyID)
	}
}

func TestKeyIDEscape(t *testing.T) {
	key := testCredentials(t, "p256").Key
	comma := `CN=x,O=ACME\, Inc.`
	for _, test := range []struct{ escape, value, want string }{
		{"", comma, `keyId="CN=x,O=ACME\\, Inc.",`},
		{"none", comma, `keyId="CN=x,O=ACME\, Inc.",`},
		{"", `say "x"`, `keyId="say \"x\"",`},
	} {
		s := mustCompile(t, Spec{Signed: []string{"date"}, KeyID: KeyID{Form: "literal", Value: test.value, Escape: test.escape}}, Credentials{Key: key})
		msg := &Message{Method: "GET", Target: "/", Header: map[string][]string{"Date": {"now"}}}
		if err := s.Sign(msg, testTime); err != nil {
			t.Fatal(err)
		}
		if got := msg.Header["Signature"][0]; !strings.HasPrefix(got, test.want) {
			t.Errorf("%s", got)
		}
		if params, err := ParseSignature(msg.Header["Signature"][0]); err != nil || test.escape == "" && params["keyId"] != test.value {
			t.Errorf("%v, read back %q", err, params["keyId"])
		}
	}
	for _, value := range []string{`say "x"`, `ends in \`} {
		if _, err := Compile(Spec{Signed: []string{"date"}, KeyID: KeyID{Form: "literal", Value: value, Escape: "none"}}, Credentials{Key: key}); !errors.Is(err, ErrSpec) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// TestKeyIDInLatin1 holds that such a keyId goes out in a signature that
// verifies, and that nothing is replaced to make a name fit.
func TestKeyIDInLatin1(t *testing.T) {
	spec := literalSpec("date")
	spec.KeyID = KeyID{Form: "literal", Value: "CN=Østlandet", Charset: "iso-8859-1"}
	cred := testCredentials(t, "p256")
	msg := &Message{Method: "GET", Target: "/", Header: http.Header{"Date": {"x"}}}
	if err := mustCompile(t, spec, cred).Sign(msg, testTime); err != nil {
		t.Fatal(err)
	}
	if value := msg.Header.Get("Signature"); !strings.HasPrefix(value, "keyId=\"CN=\xd8stlandet\",") {
		t.Errorf("%q", value)
	}
	if err := Verify(cred.Key.Public(), spec, msg); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"CN=Zażółć", "CN=€", "CN=\u0085"} {
		if _, err := KeyIDFor(KeyID{Form: "literal", Value: name, Charset: "iso-8859-1"}, cred); !errors.Is(err, ErrSpec) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
