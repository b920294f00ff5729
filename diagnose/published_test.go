package diagnose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/capture"
)

// The published examples are kept with the signer; its README files name their
// origin.
const published = "../signer/testdata/"

func load(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(published + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// publicKey reads a private key's public half; crypto/x509 knows no keys that
// bind themselves to RSA-PSS (RFC 4055), so that wrapping is taken off here.
func publicKey(t *testing.T, name string) crypto.PublicKey {
	t.Helper()
	block, _ := pem.Decode(load(t, name))
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key.Public()
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key.Public()
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return key.(crypto.Signer).Public()
	}
	var info struct {
		Version   int
		Algorithm asn1.RawValue
		Key       []byte
	}
	_ = must(asn1.Unmarshal(block.Bytes, &info))
	return must(x509.ParsePKCS1PrivateKey(info.Key)).Public()
}

func TestRFC9421(t *testing.T) {
	var list []struct {
		ID, KeyID, Message, Signature string
		Base                          string `json:"signature_base"`
		Input                         string `json:"signature_input"`
	}
	if err := json.Unmarshal(load(t, "rfc9421/rfc9421-appendix-b.json"), &list); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, test := range list {
		if test.Message != "test-request.http" || strings.Contains(test.KeyID, "secret") {
			continue
		}
		checked++
		r, err := capture.ParseRaw(load(t, "rfc9421/test-request.http"))
		if err != nil {
			t.Fatal(err)
		}
		r.Fields = append(r.Fields, capture.Field{Name: "Signature-Input", Raw: " " + test.Input}, capture.Field{Name: "Signature", Raw: " " + test.Signature})
		key := publicKey(t, "rfc9421/"+test.KeyID+".priv.pem")
		got := Check(Input{Request: r, PublicKeys: []crypto.PublicKey{key}})
		if !got.Valid || got.SigningString != test.Base {
			t.Errorf("%s: %s %s\n%q\n%q", test.ID, got.Code, got.Sentence, got.SigningString, test.Base)
		}
	}
	if checked < 4 {
		t.Errorf("only %d examples", checked)
	}
}

func TestCavageAppendixC(t *testing.T) {
	var drafts []struct {
		Version string
		Tests   []struct {
			Name, Signature, Algorithm, KeyID string
			Text                              string  `json:"signing_string"`
			Headers                           *string `json:"headers_param_as_printed"`
		}
	}
	if err := json.Unmarshal(load(t, "cavage/cavage.json"), &drafts); err != nil {
		t.Fatal(err)
	}
	const request = "POST /foo?param=value&pet=dog HTTP/1.1\r\nHost: example.com\r\nDate: Sun, 05 Jan 2014 21:31:40 GMT\r\nContent-Type: application/json\r\n" +
		"Digest: SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=\r\nContent-Length: 18\r\n"
	key := publicKey(t, "cavage/rsa-test-priv.pem")
	for _, draft := range drafts {
		for _, test := range draft.Tests {
			list := ""
			if test.Headers != nil {
				list = `headers="` + strings.NewReplacer("(created) ", "", "(expires) ", "").Replace(*test.Headers) + `",`
			}
			r, err := capture.ParseRaw([]byte(request + `Signature: keyId="Test",` + list + `signature="` + test.Signature + "\"\r\n\r\n{\"hello\": \"world\"}"))
			if err != nil {
				t.Fatal(err)
			}
			got := Check(Input{Request: r, PublicKeys: []crypto.PublicKey{key}})
			missing := test.Headers == nil && got.Code == ParameterMissing && got.Algorithm == "rsa-sha256"
			if !got.Valid && !missing || got.SigningString != test.Text && test.Headers != nil && !strings.Contains(*test.Headers, "(created)") {
				t.Errorf("%s %s: %s %s", draft.Version, test.Name, got.Code, got.Sentence)
			}
		}
	}
}

// message is a request after RFC 9421, made by hand.
func message(t *testing.T, change func(base string) string, input string, headers ...string) Result {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	digest := sha256.Sum256([]byte("{}"))
	content := "sha-256=:" + base64.StdEncoding.EncodeToString(digest[:]) + ":"
	params := strings.TrimPrefix(input, "sig1=")
	base := "\"@method\": POST\n\"@target-uri\": https://bank.example/v1/a?b=c\n\"content-digest\": " + content + "\n\"x-request-id\": 1\n\"@signature-params\": " + params
	if change != nil {
		base = change(base)
	}
	hashed := sha256.Sum256([]byte(base))
	r, s, err := ecdsa.Sign(rand.Reader, key, hashed[:])
	if err != nil {
		t.Fatal(err)
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	if strings.Contains(strings.Join(headers, ""), "DER") {
		sig = must(asn1.Marshal(struct{ R, S *big.Int }{r, s}))
	}
	raw := "POST /v1/a?b=c HTTP/1.1\r\nHost: bank.example\r\nContent-Digest: " + content + "\r\nX-Request-ID: 1\r\nContent-Length: 2\r\n" + strings.Join(headers, "") +
		"Signature-Input: " + input + "\r\nSignature: sig1=:" + base64.StdEncoding.EncodeToString(sig) + ":\r\n\r\n{}"
	request, err := capture.ParseRaw([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return Check(Input{Request: request, PublicKeys: []crypto.PublicKey{key.Public()}, At: now})
}

func TestMessageSignature(t *testing.T) {
	const input = `sig1=("@method" "@target-uri" "content-digest" "x-request-id");created=1772600767;keyid="k";alg="ecdsa-p256-sha256"`
	replace := func(old, with string) func(string) string {
		return func(base string) string { return strings.Replace(base, old, with, 1) }
	}
	for name, test := range map[string]struct {
		change func(string) string
		input  string
		header string
		code   Code
		says   string
	}{
		"right":            {code: Valid},
		"method in lower":  {change: replace("POST", "post"), code: MethodForm, says: "in lower case"},
		"path for URL":     {change: replace("https://bank.example/v1", "/v1"), code: TargetForm, says: "without scheme and host"},
		"http":             {change: replace("https://", "http://"), code: TargetForm, says: "http, not https"},
		"with the port":    {change: replace("bank.example/", "bank.example:443/"), code: TargetForm, says: "the port, which is the usual one"},
		"no query":         {change: replace("?b=c", ""), code: TargetForm, says: "without the query"},
		"id changed":       {change: replace("id\": 1", "id\": 9"), code: NotVerified, says: "x-request-id"},
		"no parameters":    {change: func(base string) string { at := strings.LastIndex(base, "\n"); return base[:at] }, code: HeaderDropped, says: "@signature-params"},
		"line end":         {change: func(base string) string { return base + "\n" }, code: TextForm, says: "ended in a line end"},
		"alg":              {input: strings.Replace(input, "ecdsa-p256-sha256", "rsa-pss-sha512", 1), code: AlgorithmLabel, says: "says rsa-pss-sha512"},
		"DER":              {header: "X-Note: DER\r\n", code: ECDSAEncoding, says: "RFC 9421"},
		"absent":           {input: strings.Replace(input, "x-request-id", "x-nothing", 1), code: HeaderAbsent, says: "x-nothing"},
		"expired":          {input: input + ";expires=1772600000", code: TimePast, says: "expired"},
		"created too late": {input: strings.Replace(input, "1772600767", "1872600767", 1), code: TimeFuture, says: "created"},
		"no list":          {input: `sig1="x"`, code: SignatureMalformed, says: "no list in brackets"},
		"another label":    {input: strings.Replace(input, "sig1", "sig2", 1), code: SignatureMalformed, says: "no member sig2"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.input == "" {
				test.input = input
			}
			got := message(t, test.change, test.input, test.header)
			if got.Code != test.code || !strings.Contains(got.Sentence, test.says) || got.Valid != (test.code == Valid) {
				t.Errorf("got %s: %s\nwant %s: %s\nalso %v", got.Code, got.Sentence, test.code, test.says, got.Also)
			}
		})
	}
}
