package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"testing"
)

func TestCompileAlgorithm(t *testing.T) {
	for _, test := range []struct{ key, spec, algorithm, label string }{
		{"rsa", "", "rsa-sha256", "rsa-sha256"},
		{"rsa", "rsa-sha512", "rsa-sha512", "rsa-sha512"},
		{"rsa", "rsa-pss-sha256", "rsa-pss-sha256", "hs2019"},
		{"p256", "auto", "ecdsa-sha256", "ecdsa-sha256"},
		{"p384", "", "ecdsa-sha384", "ecdsa-sha384"},
	} {
		s := mustCompile(t, Spec{Signed: []string{"date"}, Algorithm: test.spec}, testCredentials(t, test.key))
		if s.Algorithm() != test.algorithm || s.AlgorithmLabel() != test.label || !s.SignsAnything() {
			t.Errorf("%v: %s, %s", test, s.Algorithm(), s.AlgorithmLabel())
		}
	}
	s := mustCompile(t, Spec{Signed: []string{"date"}, AlgorithmLabel: "none"}, testCredentials(t, "rsa"))
	if s.AlgorithmLabel() != "" || s.Algorithm() != "rsa-sha256" {
		t.Errorf("%s, %s", s.Algorithm(), s.AlgorithmLabel())
	}
}

// publicOnly is a key that has nothing but its public half.
type publicOnly struct {
	crypto.Signer
	pub crypto.PublicKey
}

func (k publicOnly) Public() crypto.PublicKey { return k.pub }

func TestCompileRefusesKeys(t *testing.T) {
	good := testCredentials(t, "rsa")
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	small := *good.Key.Public().(*rsa.PublicKey)
	n := *small.N
	small.N = n.Rsh(&n, 1)
	literal := KeyID{Form: "literal", Value: "k"}
	for name, test := range map[string]struct {
		spec Spec
		cred Credentials
	}{
		"none":                       {Spec{KeyID: literal}, Credentials{}},
		"2047 bits":                  {Spec{KeyID: literal}, Credentials{Key: publicOnly{pub: &small}}},
		"P-224":                      {Spec{KeyID: literal}, Credentials{Key: p224}},
		"ECDSA algorithm, Ed25519":   {Spec{KeyID: literal, Algorithm: "ecdsa-sha256"}, Credentials{Key: ed}},
		"RSA algorithm, ECDSA key":   {Spec{KeyID: literal, Algorithm: "rsa-sha256"}, Credentials{Key: other}},
		"ECDSA algorithm, RSA key":   {Spec{KeyID: literal, Algorithm: "ecdsa-sha256"}, Credentials{Key: good.Key}},
		"P-384 algorithm, P-256 key": {Spec{KeyID: literal, Algorithm: "ecdsa-sha384"}, Credentials{Key: other}},
		"another's certificate":      {Spec{}, Credentials{Key: other, Certificate: good.Certificate}},
		"no certificate for keyId":   {Spec{}, Credentials{Key: good.Key}},
		"no certificate for header":  {Spec{KeyID: literal, Certificate: CertificateHeader{Header: "TPP-Signature-Certificate"}}, Credentials{Key: good.Key}},
	} {
		test.spec.Signed = []string{"date"}
		if _, err := Compile(test.spec, test.cred); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestContainerNone(t *testing.T) {
	s := mustCompile(t, Spec{Container: "none"}, Credentials{})
	msg := &Message{Method: "POST", Target: "/", Body: []byte("x")}
	if err := s.Sign(msg, testTime); err != nil || msg.Header != nil {
		t.Errorf("%v, %v", err, msg.Header)
	}
	text, signed, err := s.SigningString(msg, testTime)
	if text != "" || signed != nil || err != nil || s.SignsAnything() || s.KeyID() != "" || s.Algorithm() != "" || s.Digest(msg.Body) != "" || s.Digest(nil) != "" {
		t.Errorf("%q %v %v %q %q %q", text, signed, err, s.KeyID(), s.Algorithm(), s.Digest(msg.Body))
	}
	if err := Verify(nil, Spec{Container: "none"}, msg); err != nil {
		t.Error(err)
	}
}
