package profiles

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/signer"
)

// vector is one request that testdata/vectors/regenerate.py signed with OpenSSL
// after a recipe of its own.
type vector struct {
	// Profile is bank or bank/variant; Settings are what an ASPSP's
	// configuration has to say beside it.
	Profile, Name string
	Settings      Overrides
	Section       string // "application_signature", or empty
	Container     string
	Identity      string
	ClientID      string `json:"client_id"`
	Request       struct {
		Method, Base, Path, Host, Operation, Body string
		Time                                      int64
		Headers                                   map[string]string
	}
	// SigningString is what OpenSSL signed.
	SigningString string `json:"signing_string"`
	// Deterministic says that a second signature is the same byte for byte.
	Deterministic bool
	// Expect are the headers that signing sets.
	Expect map[string]string
	// Charset is how the signature header is written, if not in UTF-8.
	Charset string
	// Protected, Payload and Claims are what a JWS holds. Body is OpenSSL's, for a
	// body that becomes a JWT.
	Protected     map[string]any
	Payload, Body string
	Claims        map[string]any
}

// loadVectors reads all vectors.
func loadVectors(t testing.TB) []*vector {
	t.Helper()
	files, err := filepath.Glob("testdata/vectors/*.json")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d files with vectors, %v", len(files), err)
	}
	var all []*vector
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var vectors []*vector
		if err := json.Unmarshal(data, &vectors); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, v := range vectors {
			v.encode(t)
		}
		all = append(all, vectors...)
	}
	return all
}

// encode writes the signature header as the wire has it, which JSON cannot.
func (v *vector) encode(t testing.TB) {
	t.Helper()
	if v.Charset == "" {
		return
	}
	if v.Charset != "iso-8859-1" {
		t.Fatalf("charset %q", v.Charset)
	}
	var latin1 []byte
	for _, r := range v.Expect["Signature"] {
		latin1 = append(latin1, byte(r))
	}
	v.Expect["Signature"] = string(latin1)
}

// message is the request before it is signed, as the profile's operations see it.
func (v *vector) message(t testing.TB, p *Profile) *signer.Message {
	t.Helper()
	m, err := CompileOperations(p.Operations)
	if err != nil {
		t.Fatal(err)
	}
	r := &v.Request
	msg := &signer.Message{Method: r.Method, Target: r.Base + r.Path, Host: r.Host, Body: []byte(r.Body),
		Header: make(http.Header), Operation: r.Operation}
	if msg.Operation == "" {
		path, _, _ := strings.Cut(r.Path, "?")
		msg.Operation = m.Match(r.Method, path)
	}
	for name, value := range r.Headers {
		msg.Header[name] = []string{value}
	}
	return msg
}

func (v *vector) now() time.Time { return time.Unix(v.Request.Time, 0) }

// profile gives the profile as an ASPSP's configuration would alter it.
func (v *vector) profile(t testing.TB) *Profile {
	t.Helper()
	p, err := get(t, v.Profile).With(v.Settings)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// spec is the section of the profile that the request is signed after.
func (v *vector) spec(t testing.TB, p *Profile) signer.Spec {
	t.Helper()
	switch v.Section {
	case "":
		return p.Signature
	case "application_signature":
		return p.ApplicationSignature
	}
	t.Fatalf("section %q", v.Section)
	panic("unreachable")
}

// identityFiles are the keys of the identities of testdata/vectors/keys.
var identityFiles = map[string]string{"rsa": "rsa-key.pem", "nordic": "rsa-key.pem", "mail": "rsa-key.pem", "p256": "p256-key.pem"}

// vectorCredentials are an identity of testdata/vectors/keys.
func vectorCredentials(t testing.TB, identity, clientID string) signer.Credentials {
	t.Helper()
	block := func(file string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", "vectors", "keys", file))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := pem.Decode(data)
		return b.Bytes
	}
	key, err := x509.ParsePKCS8PrivateKey(block(identityFiles[identity]))
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(block(identity + ".pem"))
	if err != nil {
		t.Fatal(err)
	}
	return signer.Credentials{Key: key.(crypto.Signer), Certificate: certificate, ClientID: clientID}
}
