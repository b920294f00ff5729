package signer

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

func loadFile(t testing.TB, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{"testdata"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func loadPEM(t testing.TB, path ...string) []byte {
	t.Helper()
	block, _ := pem.Decode(loadFile(t, path...))
	if block == nil {
		t.Fatalf("%v: no PEM", path)
	}
	return block.Bytes
}

func loadKey(t testing.TB, path ...string) crypto.Signer {
	t.Helper()
	der := loadPEM(t, path...)
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return k
	}
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	return k.(crypto.Signer)
}

func loadCertificate(t testing.TB, path ...string) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(loadPEM(t, path...))
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// testCredentials are the identity "rsa", "p256" or "p384".
func testCredentials(t testing.TB, name string) Credentials {
	t.Helper()
	return Credentials{
		Key:         loadKey(t, "openssl", name+"-key.pem"),
		Certificate: loadCertificate(t, "openssl", name+"-cert.pem"),
		ClientID:    "PSDXX-NCA-12345",
	}
}

func parseSpec(t testing.TB, text string) Spec {
	t.Helper()
	var spec Spec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		t.Fatal(err)
	}
	return spec
}

func mustCompile(t testing.TB, spec Spec, cred Credentials) *Signer {
	t.Helper()
	s, err := Compile(spec, cred)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
