package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

func passphrase(text string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(text), nil }
}

func testdata(name string) string { return filepath.Join("testdata", name) }

func TestLoadPair(t *testing.T) {
	issued := issue(t, newAuthority(t), tpp(testpki.QSEAL))
	src := store(t, t.TempDir(), "qseal", issued)
	pair := load(t, QSEAL, src)
	if !pair.Leaf().Equal(issued.Certificate) || len(pair.Chain) != 2 {
		t.Errorf("chain of %d, leaf %v", len(pair.Chain), pair.Leaf().Subject)
	}
	sum := sha256.Sum256(issued.Certificate.Raw)
	if want := base64.RawURLEncoding.EncodeToString(sum[:]); pair.Thumbprint != want {
		t.Errorf("thumbprint %s, want %s", pair.Thumbprint, want)
	}
	if pair.Info.OrganizationIdentifier != "PSDFR-ACPR-12345" || pair.Slot != QSEAL {
		t.Errorf("slot %v, info %+v", pair.Slot, pair.Info)
	}
	tlsCertificate := pair.TLSCertificate()
	if len(tlsCertificate.Certificate) != 2 || !bytes.Equal(tlsCertificate.Certificate[0], issued.Certificate.Raw) {
		t.Error("TLS certificate has another chain")
	}
	if findings := Check(pair, Requirements{Now: noon}); len(findings) > 0 {
		t.Errorf("findings %v", findings)
	}
}

func TestKeyFormats(t *testing.T) {
	cert := testdata("openssl.pem")
	tests := []struct {
		name string
		src  Source
	}{
		{"PKCS#8", Source{CertFile: cert, KeyFile: testdata("plain-key.pem")}},
		{"PKCS#8 encrypted with PBKDF2", Source{cert, testdata("pbkdf2-key.pem"), passphrase("correct horse")}},
		{"PKCS#8 encrypted with scrypt", Source{cert, testdata("scrypt-key.pem"), passphrase("correct horse")}},
		{"PKCS#1", ing("example_client_tls")},
		{"SEC 1 with parameters", sec1(t)},
		{"one file", Source{CertFile: oneFile(t)}},
		{"one file named twice", Source{CertFile: oneFile(t), KeyFile: oneFile(t)}},
		{"byte order mark and CRLF", windows(t)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pair := load(t, QWAC, test.src)
			if pair.Key == nil || len(pair.Chain) != 1 {
				t.Errorf("key %T, chain of %d", pair.Key, len(pair.Chain))
			}
		})
	}
}

func sec1(t *testing.T) Source {
	block, _ := pem.Decode(read(t, testdata("plain-key.pem")))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	parameters := []byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n")
	name := write(t, filepath.Join(t.TempDir(), "key.pem"), parameters,
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	return Source{CertFile: testdata("openssl.pem"), KeyFile: name}
}

func oneFile(t *testing.T) string {
	return write(t, filepath.Join(t.TempDir(), "both.pem"),
		read(t, testdata("plain-key.pem")), read(t, testdata("openssl.pem")))
}

func windows(t *testing.T) Source {
	crlf := bytes.ReplaceAll(read(t, testdata("openssl.pem")), []byte("\n"), []byte("\r\n"))
	name := write(t, filepath.Join(t.TempDir(), "cert.pem"), []byte("\xef\xbb\xbf"), crlf)
	return Source{CertFile: name, KeyFile: testdata("plain-key.pem")}
}

func TestLoadErrors(t *testing.T) {
	cert, key := testdata("openssl.pem"), testdata("plain-key.pem")
	dir := t.TempDir()
	file := func(name string, parts ...[]byte) string { return write(t, filepath.Join(dir, name), parts...) }
	der := func(name string) []byte {
		block, _ := pem.Decode(read(t, name))
		return block.Bytes
	}
	certPEM, keyPEM := read(t, cert), read(t, key)
	tests := []struct {
		name string
		src  Source
		kind error
		want string // part of the message, besides the slot
	}{
		{"not configured", Source{}, ErrLoad, "certificate  is not configured"},
		{"no such file", Source{CertFile: dir + "/none.pem", KeyFile: key}, ErrLoad, "certificate " + dir + "/none.pem cannot be read (no such file or directory)"},
		{"no such key", Source{CertFile: cert, KeyFile: dir + "/none.pem"}, ErrLoad, "key " + dir + "/none.pem cannot be read"},
		{"directory", Source{CertFile: dir, KeyFile: key}, ErrLoad, "is a directory"},
		{"empty", Source{CertFile: file("empty.pem"), KeyFile: key}, ErrFormat, "is empty"},
		{"too large", Source{CertFile: file("large.pem", make([]byte, maxFileSize+1)), KeyFile: key}, ErrFormat, "is larger than"},
		{"text", Source{CertFile: file("text.pem", []byte("hello")), KeyFile: key}, ErrFormat, "holds no PEM"},
		{"DER certificate", Source{CertFile: file("cert.der", der(cert)), KeyFile: key}, ErrFormat, "is a DER certificate"},
		{"DER key", Source{CertFile: cert, KeyFile: file("key.der", der(key))}, ErrFormat, "is a DER key"},
		{"PKCS#12", Source{CertFile: testdata("openssl.p12"), KeyFile: key}, ErrFormat, "is PKCS#12"},
		{"request", Source{CertFile: testdata("request.pem"), KeyFile: key}, ErrFormat, "is a certificate request"},
		{"PKCS#7", Source{CertFile: file("p7.pem", block("PKCS7", nil)), KeyFile: key}, ErrFormat, "is PKCS#7"},
		{"trusted", Source{CertFile: file("trusted.pem", block("TRUSTED CERTIFICATE", nil)), KeyFile: key}, ErrFormat, "trusted form"},
		{"other PEM", Source{CertFile: file("dh.pem", block("DH PARAMETERS", nil)), KeyFile: key}, ErrFormat, "holds no certificate"},
		{"exchanged", Source{CertFile: key, KeyFile: cert}, ErrFormat, "holds a key and no certificate"},
		{"exchanged, the key", Source{CertFile: cert, KeyFile: cert}, ErrFormat, "holds a certificate and no key"},
		{"no key", Source{CertFile: cert, KeyFile: testdata("request.pem")}, ErrFormat, "holds no private key"},
		{"broken certificate", Source{CertFile: file("broken.pem", block("CERTIFICATE", []byte{1, 2, 3})), KeyFile: key}, ErrFormat, "cannot be parsed"},
		{"broken key", Source{CertFile: cert, KeyFile: file("broken-key.pem", block("PRIVATE KEY", []byte{1, 2, 3}))}, ErrFormat, "cannot be parsed"},
		{"cut off", Source{CertFile: file("cut.pem", certPEM[:len(certPEM)-20]), KeyFile: key}, ErrFormat, "only partly written"},
		{"second one cut off", Source{CertFile: file("cut2.pem", certPEM, certPEM[:100]), KeyFile: key}, ErrFormat, "only partly written"},
		{"key cut off", Source{CertFile: cert, KeyFile: file("cut-key.pem", keyPEM[:100])}, ErrFormat, "only partly written"},
		{"mismatch", Source{CertFile: cert, KeyFile: ing("example_client_tls").KeyFile}, ErrMismatch, "does not belong to the certificate " + cert},
		{"X25519", Source{CertFile: cert, KeyFile: file("x25519.pem", x25519)}, ErrFormat, "cannot sign"},
		{"no passphrase", Source{CertFile: cert, KeyFile: testdata("pbkdf2-key.pem")}, ErrEncrypted,
			"key testdata/pbkdf2-key.pem is encrypted: configure its passphrase"},
		{"empty passphrase", Source{cert, testdata("pbkdf2-key.pem"), passphrase("")}, ErrEncrypted, "passphrase is empty"},
		{"wrong passphrase", Source{cert, testdata("pbkdf2-key.pem"), passphrase("hunter2")}, ErrEncrypted, "check its passphrase"},
		{"PBES1", Source{cert, testdata("pbes1-key.pem"), passphrase("correct horse")}, ErrEncrypted, "PBES2"},
		{"old encryption", Source{cert, testdata("legacy-key.pem"), passphrase("correct horse")}, ErrEncrypted, "old PEM way"},
		{"malformed encryption", Source{cert, file("iv.pem", block("ENCRYPTED PRIVATE KEY", shortIV(t))), passphrase("correct horse")}, ErrEncrypted, "malformed encrypted key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pair, err := LoadPair(QSEAL, test.src)
			if pair != nil || err == nil {
				t.Fatalf("loaded %v, error %v", pair, err)
			}
			if !errors.Is(err, test.kind) || !errors.Is(err, ErrLoad) {
				t.Errorf("error %v is not %v", err, test.kind)
			}
			if !strings.HasPrefix(err.Error(), "QSEAL ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want %q in it", err, test.want)
			}
			var detail *Error
			if !errors.As(err, &detail) || detail.Remedy == "" {
				t.Errorf("error without remedy: %v", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error tells the passphrase: %v", err)
			}
		})
	}
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// x25519 is the key of RFC 8410 section 10.3's form with another algorithm: it
// can agree on keys but not sign.
var x25519 = []byte(`-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VuBCIEIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g
-----END PRIVATE KEY-----
`)

// shortIV is an encrypted key whose initialisation vector has 15 bytes.
func shortIV(t *testing.T) []byte {
	decoded, _ := pem.Decode(read(t, testdata("pbkdf2-key.pem")))
	aes256CBC := []byte{0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a, 0x04, 0x10}
	at := bytes.Index(decoded.Bytes, aes256CBC)
	if at < 0 {
		t.Fatal("aes256-CBC not found")
	}
	// The vector's last byte becomes a NULL of its own kind: 04 0e … 05 00.
	der := bytes.Clone(decoded.Bytes)
	iv := at + len(aes256CBC)
	der[iv-1] = 0x0e
	der[iv+14], der[iv+15] = 0x05, 0x00
	return der
}

func TestBothFilesAtFault(t *testing.T) {
	_, err := LoadPair(QWAC, Source{CertFile: "/nonexistent/a.pem", KeyFile: "/nonexistent/b.pem"})
	if err == nil || !strings.Contains(err.Error(), "a.pem") || !strings.Contains(err.Error(), "b.pem") {
		t.Errorf("error %v", err)
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("cause is lost: %v", err)
	}
}

func TestPassphraseSourceFails(t *testing.T) {
	cause := errors.New("vault is sealed")
	src := Source{testdata("openssl.pem"), testdata("scrypt-key.pem"), func() ([]byte, error) { return nil, cause }}
	if _, err := LoadPair(QWAC, src); !errors.Is(err, cause) || !errors.Is(err, ErrEncrypted) {
		t.Errorf("error %v", err)
	}
}

func TestChainOrder(t *testing.T) {
	root := newAuthority(t)
	newIntermediate := func(name string, parent *testpki.Authority) *testpki.Authority {
		a, err := testpki.NewAuthority(testpki.AuthorityOptions{CommonName: name, Now: noon, Parent: parent})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	upper := newIntermediate("upper", root)
	lower := newIntermediate("lower", upper)
	other := newIntermediate("other", nil)
	issued := issue(t, lower, tpp(testpki.QWAC))
	leaf := block("CERTIFICATE", issued.Certificate.Raw)
	tests := []struct {
		name  string
		file  [][]byte
		want  []string // common names
		codes []string
	}{
		{"in order", [][]byte{leaf, lower.PEM(), upper.PEM()}, []string{"tpp.example", "lower", "upper"}, []string{}},
		{"with root", [][]byte{leaf, lower.PEM(), upper.PEM(), root.PEM()}, []string{"tpp.example", "lower", "upper", "Test QTSP CA"}, []string{}},
		{"leaf last", [][]byte{upper.PEM(), lower.PEM(), leaf}, []string{"tpp.example", "lower", "upper"}, []string{CodeChainOrder}},
		{"issuers exchanged", [][]byte{leaf, upper.PEM(), lower.PEM()}, []string{"tpp.example", "lower", "upper"}, []string{CodeChainOrder}},
		{"stranger between", [][]byte{leaf, other.PEM(), lower.PEM()}, []string{"tpp.example", "lower", "other"}, []string{CodeChainOrder, CodeChainUnrelated}},
		{"stranger behind", [][]byte{leaf, lower.PEM(), other.PEM()}, []string{"tpp.example", "lower", "other"}, []string{CodeChainUnrelated}},
		{"leaf alone", [][]byte{leaf}, []string{"tpp.example"}, []string{CodeChainIncomplete}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			pair := load(t, QWAC, Source{
				CertFile: write(t, filepath.Join(dir, "cert.pem"), test.file...),
				KeyFile:  write(t, filepath.Join(dir, "key.pem"), issued.KeyPEM),
			})
			var names []string
			for _, c := range pair.Chain {
				names = append(names, c.Subject.CommonName)
			}
			if !slices.Equal(names, test.want) {
				t.Errorf("chain %v, want %v", names, test.want)
			}
			if got := codes(Check(pair, Requirements{Now: noon})); !slices.Equal(got, test.codes) {
				t.Errorf("findings %v, want %v", got, test.codes)
			}
		})
	}
}

func TestSelfSignedTwice(t *testing.T) {
	cert := read(t, testdata("openssl.pem"))
	src := Source{CertFile: write(t, filepath.Join(t.TempDir(), "twice.pem"), cert, cert), KeyFile: testdata("plain-key.pem")}
	if got := codes(load(t, QWAC, src).loadFindings); !slices.Equal(got, []string{CodeChainUnrelated}) {
		t.Errorf("findings %v", got)
	}
}

// FuzzParsePair feeds the bytes of both files. No passphrase is given, since the
// cost of deriving a key is the file's to choose.
func FuzzParsePair(f *testing.F) {
	for _, name := range []string{"plain", "pbkdf2", "legacy"} {
		f.Add(read(f, testdata("openssl.pem")), read(f, testdata(name+"-key.pem")))
	}
	f.Add(read(f, testdata("openssl.p12")), []byte(nil))
	f.Add(read(f, ing("psd2_example_client_tls").CertFile), read(f, ing("psd2_example_client_tls").KeyFile))
	f.Fuzz(func(t *testing.T, cert, key []byte) {
		pair, err := parsePair(QWAC, Source{CertFile: "cert.pem", KeyFile: "key.pem"}, content{cert, key})
		if err != nil {
			if !errors.Is(err, ErrLoad) {
				t.Errorf("error of another kind: %v", err)
			}
			return
		}
		public, ok := pair.Key.Public().(interface{ Equal(crypto.PublicKey) bool })
		if !ok || !public.Equal(pair.Leaf().PublicKey) {
			t.Error("the key does not belong to the certificate")
		}
		Check(pair, Requirements{Now: noon})
	})
}
