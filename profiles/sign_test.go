package profiles

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/signer"
)

func credentials(t *testing.T) signer.Credentials {
	t.Helper()
	block := func(file string) []byte {
		data, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := pem.Decode(data)
		return b.Bytes
	}
	key, err := x509.ParsePKCS1PrivateKey(block("qseal-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(block("qseal.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return signer.Credentials{Key: crypto.Signer(key), Certificate: certificate, ClientID: "PSDFR-ACPR-12345"}
}

func sign(t *testing.T, spec signer.Spec, msg *signer.Message) http.Header {
	t.Helper()
	s, err := signer.Compile(spec, credentials(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Sign(msg, time.Now()); err != nil {
		t.Fatal(err)
	}
	return msg.Header
}

// header looks a header up in whatever spelling it has.
func header(h http.Header, name string) string {
	for key, values := range h {
		if strings.EqualFold(key, name) {
			return strings.Join(values, ", ")
		}
	}
	return ""
}

// Berlin Group needs no code of its own: the profile alone gives, byte for byte,
// what another implementation made from the text of the standard.
func TestBerlinGroupIsData(t *testing.T) {
	var vector struct {
		Method, Target, Body string
		Headers              map[string]string
		HeaderValue          string `json:"header_value"`
	}
	data, err := os.ReadFile("testdata/berlin-1.3-date.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &vector); err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	for _, name := range []string{"x-request-id", "psu-id", "tpp-redirect-uri", "date"} {
		h.Set(name, vector.Headers[name])
	}
	got := sign(t, get(t, "berlin-group").Signature, &signer.Message{
		Method: vector.Method, Target: vector.Target, Host: "bank.example", Header: h, Body: []byte(vector.Body), Operation: "payment-initiation",
	})
	if value := header(got, "Signature"); value != vector.HeaderValue {
		t.Errorf("Signature\n got %s\nwant %s", value, vector.HeaderValue)
	}
	for _, name := range []string{"digest", "tpp-signature-certificate"} {
		if value := header(got, name); value != vector.Headers[name] {
			t.Errorf("%s\n got %s\nwant %s", name, value, vector.Headers[name])
		}
	}
}

func TestWhatIsSigned(t *testing.T) {
	const (
		emptyDigest = "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
		bodyDigest  = "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="
		keyID       = `keyId="SN=546212fb,CA=C=NL,ST=Amsterdam,L=Amsterdam,O=Ing,OU=Ing,CN=AppCertificateMeansAPI",algorithm="rsa-sha256",`
	)
	for _, c := range []struct {
		name, profile, override, method, body string
		headers                               []string
		prefix, digest                        string
	}{
		{"bpce read", "bpce", "", "GET", "", nil,
			keyID + `headers="(request-target) date x-request-id",signature="`, ""},
		{"bpce body and PSU", "bpce", "", "POST", `{"hello": "world"}`, []string{"Content-Type", "PSU-IP-Port", "PSU-IP-Address"},
			keyID + `headers="(request-target) date x-request-id digest content-type psu-ip-address psu-ip-port",signature="`, bodyDigest},
		{"bpce-v1", "bpce-v1", "", "POST", `{"hello": "world"}`, []string{"Content-Type"},
			keyID + `headers="(request-target) date x-request-id digest content-type",signature="`, bodyDigest},
		{"bpce with client_id", "bpce", `{"key_id": "client-id"}`, "GET", "", nil,
			`keyId="PSDFR-ACPR-12345",algorithm="rsa-sha256",headers="(request-target) date x-request-id",signature="`, ""},
		{"bpce with URL", "bpce", `{"key_id": {"form": "certificate-url", "url": "https://tpp.example/qseal"}}`, "GET", "", nil,
			`keyId="https://tpp.example/qseal",algorithm="rsa-sha256",headers="(request-target) date x-request-id",signature="`, ""},
		{"berlin read", "berlin-group", "", "GET", "", []string{"PSU-IP-Address", "Content-Type"},
			keyID + `headers="digest x-request-id date",signature="`, emptyDigest},
		{"berlin without date", "berlin-group", `{"signed": ["digest", "x-request-id", "psu-id?"]}`, "GET", "", []string{"PSU-ID"},
			keyID + `headers="digest x-request-id psu-id",signature="`, emptyDigest},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := get(t, c.profile).With(Overrides{Signature: json.RawMessage(c.override)})
			if err != nil {
				t.Fatal(err)
			}
			msg := &signer.Message{
				Method: c.method, Target: "/stet/psd2/v1.4.2/accounts?a=b", Host: "bank.example", Body: []byte(c.body),
				Header: http.Header{"Date": {"Tue, 07 Jun 2022 20:51:35 GMT"}, "X-Request-ID": {"95126d8f-ae9d-4ac3-ac9e-c357dcd78811"}},
			}
			for _, name := range c.headers {
				msg.Header[name] = []string{"value of " + name}
			}
			got := sign(t, p.Signature, msg)
			if value := header(got, "Signature"); !strings.HasPrefix(value, c.prefix) {
				t.Errorf("Signature\n got %s\nwant %s…", value, c.prefix)
			}
			if value := header(got, "Digest"); value != c.digest {
				t.Errorf("Digest %q, want %q", value, c.digest)
			}
			if err := signer.Verify(credentials(t).Key.Public(), p.Signature, msg); err != nil {
				t.Error(err)
			}
		})
	}
}
