package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var at = Moment{Now: time.Date(2026, 3, 4, 6, 6, 7, 8, time.FixedZone("CET", 3600)), Lifetime: time.Minute, Audience: "https://bank.example/a?b=c&d"}

// selfSigned makes a certificate that names subject and is issued by issuer.
func selfSigned(t *testing.T, subject, issuer string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	name := func(cn string) pkix.Name {
		return pkix.Name{CommonName: cn, ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier{2, 5, 4, 97}, Value: "PSDXX-NCA-" + cn}}}
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: name(subject), NotAfter: time.Now().Add(time.Hour)}
	parent := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: name(issuer)}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestMembers(t *testing.T) {
	leaf, issuing, root := selfSigned(t, "tpp", "ca"), selfSigned(t, "ca", "root"), selfSigned(t, "root", "root")
	members, err := CompileMembers(map[string]string{
		"typ": "JOSE", "kid": "{key_id}", "http://openbanking.org.uk/iat": "{unix_time}", "exp": "{expires}", "sub": "{client_id}",
		"org": "{organization_id}", "dn": "{subject_dn}", "x5t#S256": "{x5t#S256}", "x5c": "{x5c}", "x5u": "{x5u}",
		"t": "{time}", "aud": "{audience}", "n": "json:[1, true]", "odd": `a "b" <c>&`,
	})
	if err != nil {
		t.Fatal(err)
	}
	bound, err := members.Bind(Facts{KeyID: "k 1", ClientID: "c", SubjectDN: "CN=x", CertificateURL: "https://tpp.example/q",
		Certificate: leaf, Chain: []*x509.Certificate{issuing, root}})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(bound.Object(at), &got); err != nil {
		t.Fatalf("%v in %s", err, bound.Object(at))
	}
	for name, want := range map[string]any{
		"typ": "JOSE", "kid": "k 1", "http://openbanking.org.uk/iat": 1772600767.0, "exp": 1772600827.0, "sub": "c",
		"org": "PSDXX-NCA-tpp", "dn": "CN=x", "x5t#S256": Thumbprint(leaf), "x5u": "https://tpp.example/q",
		"t": "2026-03-04T05:06:07Z", "aud": "https://bank.example/a?b=c&d", "odd": `a "b" <c>&`,
	} {
		if got[name] != want {
			t.Errorf("%s: %v, expected %v", name, got[name], want)
		}
	}
	if chain, _ := got["x5c"].([]any); len(chain) != 2 {
		t.Errorf("x5c holds %d certificates, expected leaf and issuing authority", len(chain))
	}
	if !strings.Contains(string(bound.Object(at)), `"n":[1, true]`) {
		t.Errorf("literal JSON was changed: %s", bound.Object(at))
	}
	if bound.OncePerSecond() {
		t.Error("an audience differs from request to request")
	}
	if !members.Has("kid") || members.Has("ki") {
		t.Error("Has")
	}
}

func TestUUIDIsNewEachTime(t *testing.T) {
	members, err := CompileMembers(map[string]string{"jti": "{uuid}"})
	if err != nil {
		t.Fatal(err)
	}
	bound, err := members.Bind(Facts{})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := string(bound.Object(at)), string(bound.Object(at)); a == b || len(a) != len(`{"jti":""}`)+36 {
		t.Errorf("%s, %s", a, b)
	}
	bound.Each(at, func(name string, value json.RawMessage) {
		if name != "jti" || !json.Valid(value) {
			t.Errorf("%s %s", name, value)
		}
	})
}

func TestMemberErrors(t *testing.T) {
	for _, c := range []struct{ name, value, says string }{
		{"", "x", "no name"},
		{"a", "json:{", "no JSON"},
		{"a", "{keyid}", "unknown placeholder {keyid}; there are {audience}"},
		{"a", "x{key_id}", "stands alone"},
	} {
		_, err := CompileMembers(map[string]string{c.name: c.value})
		if !errors.Is(err, ErrMembers) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q=%q: %v", c.name, c.value, err)
		}
	}
	for _, value := range []string{"{key_id}", "{client_id}", "{organization_id}", "{subject_dn}", "{x5t#S256}", "{x5c}", "{x5u}"} {
		members, err := CompileMembers(map[string]string{"m": value})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := members.Bind(Facts{}); !errors.Is(err, ErrMembers) || !strings.Contains(err.Error(), `"m"`) {
			t.Errorf("%s without a value: %v", value, err)
		}
	}
}

func TestOpaqueSignsWhatGoJoseVerifies(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := []crypto.Signer{rsaKey, edKey}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	for _, key := range keys {
		for _, algorithm := range Algorithms(key.Public()) {
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: Opaque(key)}, nil)
			if err != nil {
				t.Fatal(algorithm, err)
			}
			signed, err := signer.Sign([]byte("payload"))
			if err != nil {
				t.Fatal(algorithm, err)
			}
			if got, err := signed.Verify(key.Public()); err != nil || string(got) != "payload" {
				t.Errorf("%s: %q, %v", algorithm, got, err)
			}
		}
	}
	weak, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if list := Algorithms(weak.Public()); len(list) > 0 {
		t.Errorf("P-224 signs %v", list)
	}
	if _, err := Opaque(edKey).SignPayload(nil, "HS256"); err == nil {
		t.Error("HS256 was taken")
	}
}

func FuzzCompileMembers(f *testing.F) {
	f.Add("kid", "{key_id}")
	f.Add("a\"", "json:{\"b\":1}")
	f.Fuzz(func(t *testing.T, name, value string) {
		members, err := CompileMembers(map[string]string{name: value})
		if err != nil {
			return
		}
		bound, err := members.Bind(Facts{KeyID: "k", ClientID: "c", SubjectDN: "d", CertificateURL: "u"})
		if err == nil && !json.Valid(bound.Object(at)) {
			t.Errorf("%q=%q: %s", name, value, bound.Object(at))
		}
	})
}

// R and S are as long as the curve, with zeros in front where they are shorter
// (RFC 7518 section 3.4).
func TestRawECDSAIsOfFixedLength(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for range 600 {
		raw, err := Opaque(key).SignPayload(nil, jose.ES256)
		if err != nil || len(raw) != 64 {
			t.Fatalf("%d bytes, %v", len(raw), err)
		}
	}
	if _, err := rawECDSA([]byte("garbage"), key.Public()); !errors.Is(err, ErrKey) {
		t.Errorf("garbage was taken for a signature: %v", err)
	}
	if _, err := rawECDSA(nil, nil); !errors.Is(err, ErrKey) {
		t.Errorf("got %v", err)
	}
}
