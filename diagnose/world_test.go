package diagnose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/capture"
	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/signer"
)

// now is when the bank of these tests looks at requests.
var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// seal is a certificate with its key.
type seal struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// seals are made once: RSA keys take their time.
var seals = sync.OnceValue(func() map[string]seal {
	rsaKey := func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, 2048)) }
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	tpp := rsaKey()
	return map[string]seal{
		"tpp":     issue(tpp, 0x0abcdef1, now.AddDate(1, 0, 0)),
		"renewed": issue(tpp, 0x77, now.AddDate(2, 0, 0)),
		"expired": issue(tpp, 0x0abcdef1, now.AddDate(0, 0, -3)),
		"other":   issue(rsaKey(), 0x1234, now.AddDate(1, 0, 0)),
		"p256":    issue(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), 0x0abcdef2, now.AddDate(1, 0, 0)),
		"ed25519": issue(edKey, 0x0abcdef3, now.AddDate(1, 0, 0)),
	}
})

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// issue makes a certificate whose issuer's name has spaces and an
// organizationIdentifier, so that all renderings differ.
func issue(key crypto.Signer, serial int64, until time.Time) seal {
	name := func(cn, id string) pkix.Name {
		return pkix.Name{CommonName: cn, ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier{2, 5, 4, 6}, Value: "DE"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: cn + " GmbH"},
			{Type: asn1.ObjectIdentifier{2, 5, 4, 97}, Value: id}, {Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: cn}}}
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: name("Acme Payments", "PSDDE-BAFIN-123456"), NotBefore: now.AddDate(-1, 0, 0), NotAfter: until}
	issuer := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: name("Demo QTSP CA 1", "NTRDE-HRB1")}
	der := must(x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), must(rsaOrSame(key))))
	return seal{must(x509.ParseCertificate(der)), key}
}

// rsaOrSame lets a certificate be signed by its own key: nobody checks chains here.
func rsaOrSame(key crypto.Signer) (crypto.Signer, error) { return key, nil }

var dialects = sync.OnceValue(func() []Dialect {
	set := must(profiles.Builtin())
	var list []Dialect
	for _, name := range set.Names() {
		list = append(list, Dialect{name, must(set.Get(name)).Signature})
	}
	return list
})

func spec(profile string) signer.Spec {
	for _, d := range dialects() {
		if d.Name == profile {
			return d.Spec
		}
	}
	panic(profile)
}

// craft is a request with an HTTP signature, made without the project's signer.
type craft struct {
	method, target string
	headers        [][2]string
	body           string

	seal      seal
	list      []string
	keyID     string
	label     string
	separator string
	sign      func(text string) []byte
	encode    func([]byte) string
	join      func([]string) string
	signedAs  map[string]string // what the client put into the signing string instead
	lines     map[string]string // the same, for the whole line; "-" drops it
	parameter string            // more parameters before the signature
	header    string            // default Signature
}

func digestOf(body string) string {
	h := sha256.Sum256([]byte(body))
	return "SHA-256=" + base64.StdEncoding.EncodeToString(h[:])
}

// berlin is a correctly signed request of the profile berlin-group.
func berlin() *craft {
	s := seals()["tpp"]
	return &craft{
		method: "POST", target: "/v1/payments/sepa?a=b%20c&d=e", body: `{"amount": "1.00"}`,
		headers: [][2]string{{"Host", "bank.example"}, {"Digest", digestOf(`{"amount": "1.00"}`)}, {"X-Request-ID", "95126D8f-ae9d"}, {"Date", "Wed, 04 Mar 2026 05:06:07 GMT"},
			{"PSU-IP-Address", "192.0.2.1"}, {"TPP-Signature-Certificate", base64.StdEncoding.EncodeToString(s.cert.Raw)}, {"Content-Type", "application/json"}, {"Content-Length", "18"}},
		seal: s, list: strings.Fields("digest x-request-id date"), label: "rsa-sha256", separator: ",",
		keyID: must(signer.KeyIDFor(spec("berlin-group").KeyID, signer.Credentials{Certificate: s.cert})),
		join:  func(l []string) string { return strings.Join(l, "\n") }, encode: base64.StdEncoding.EncodeToString,
		signedAs: map[string]string{}, lines: map[string]string{}, header: "Signature",
	}
}

// bpce is one of the profile bpce, with (request-target).
func bpce() *craft {
	c := berlin()
	c.list = strings.Fields("(request-target) date x-request-id digest content-type psu-ip-address")
	c.keyID = must(signer.KeyIDFor(spec("bpce").KeyID, signer.Credentials{Certificate: c.seal.cert}))
	c.drop("TPP-Signature-Certificate")
	return c
}

func (c *craft) get(name string) string {
	for _, h := range c.headers {
		if strings.EqualFold(h[0], name) {
			return h[1]
		}
	}
	return ""
}

func (c *craft) set(name, value string) {
	for i, h := range c.headers {
		if strings.EqualFold(h[0], name) {
			c.headers[i][1] = value
			return
		}
	}
	c.headers = append(c.headers, [2]string{name, value})
}

func (c *craft) drop(name string) {
	for i, h := range c.headers {
		if strings.EqualFold(h[0], name) {
			c.headers = append(c.headers[:i:i], c.headers[i+1:]...)
			return
		}
	}
}

func (c *craft) setBody(body string) {
	c.body = body
	c.set("Content-Length", fmt.Sprint(len(body)))
}

// text is what the client signs.
func (c *craft) text() string {
	var lines []string
	for _, listed := range c.list {
		name := strings.ToLower(listed)
		value := c.get(name)
		if name == "(request-target)" {
			value = strings.ToLower(c.method) + " " + c.target
		}
		if other, ok := c.signedAs[name]; ok {
			value = other
		}
		line := name + ": " + value
		if other, ok := c.lines[name]; ok {
			line = other
		}
		if line != "-" {
			lines = append(lines, line)
		}
	}
	return c.join(lines)
}

func pkcs1(key crypto.Signer, h crypto.Hash) func(string) []byte {
	return func(text string) []byte { return must(key.Sign(rand.Reader, sum(h, []byte(text)), h)) }
}

func pss(key crypto.Signer, h crypto.Hash, salt int) func(string) []byte {
	return func(text string) []byte {
		return must(key.Sign(rand.Reader, sum(h, []byte(text)), &rsa.PSSOptions{SaltLength: salt, Hash: h}))
	}
}

// seals the request, then lets it be changed on its way, and gives it as captured.
func (c *craft) finish(t *testing.T, send func(*craft)) *capture.Request {
	t.Helper()
	sign := c.sign
	if sign == nil {
		sign = pkcs1(c.seal.key, crypto.SHA256)
	}
	parameters := []string{`keyId="` + strings.ReplaceAll(c.keyID, `\`, `\\`) + `"`}
	if c.label != "" {
		parameters = append(parameters, `algorithm="`+c.label+`"`)
	}
	if c.parameter != "" {
		parameters = append(parameters, c.parameter)
	}
	parameters = append(parameters, `headers="`+strings.Join(c.list, " ")+`"`, `signature="`+c.encode(sign(c.text()))+`"`)
	c.headers = append(c.headers, [2]string{c.header, map[bool]string{true: "Signature "}[c.header == "Authorization"] + strings.Join(parameters, c.separator)})
	if send != nil {
		send(c)
	}
	return c.raw(t)
}

func (c *craft) raw(t *testing.T) *capture.Request {
	t.Helper()
	var out strings.Builder
	out.WriteString(c.method + " " + c.target + " HTTP/1.1\r\n")
	for _, h := range c.headers {
		out.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	out.WriteString("\r\n" + c.body)
	r, err := capture.ParseRaw([]byte(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// judge checks a request as a bank that knows the TPP's certificate.
func judge(r *capture.Request, profile string, certs ...*x509.Certificate) Result {
	in := Input{Request: r, Dialects: dialects(), Profile: profile, At: now}
	for _, cert := range certs {
		in.Certificates = append(in.Certificates, Certificate{"qseal.pem", cert})
	}
	return Check(in)
}
