package testpki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The statements of the OBIE "eIDAS PSD2 CSR Profiles" 2.2 for an eseal with
// PSP_AI at GB-FCA, as whole DER; each must occur in what we encode.
var obie = map[string]string{
	"QcType eseal": "3013060604008e4601063009060704008e46010602",
	"PSD2 PSP_AI":  "30440606040081982702303a301330110607040081982701030c065053505f41490c1b46696e616e6369616c20436f6e6475637420417574686f726974790c0647422d464341",
}

func TestStatementsMatchPublishedEncoding(t *testing.T) {
	p := Profile{Kind: QSEAL, Roles: []string{"PSP_AI"}, NCAName: "Financial Conduct Authority", NCAID: "GB-FCA"}
	got, err := p.encodeStatements()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range obie {
		der, err := hex.DecodeString(want)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(got, der) {
			t.Errorf("%s: %s is not in %x", name, want, got)
		}
	}
}

func TestTPPAuthenticatesOverTLS(t *testing.T) {
	root, err := NewAuthority(AuthorityOptions{CommonName: "Test root", OrganizationIdentifier: "VATFR-12345678901"})
	if err != nil {
		t.Fatal(err)
	}
	issuing, err := NewAuthority(AuthorityOptions{Parent: root})
	if err != nil {
		t.Fatal(err)
	}
	qwac, qseal, err := NewTPP(issuing, time.Now(), "PSDFR-ACPR-12345", []string{"PSP_IC"})
	if err != nil {
		t.Fatal(err)
	}
	if len(qwac.Chain) != 2 {
		t.Errorf("chain has %d certificates, want leaf and intermediate", len(qwac.Chain))
	}
	intermediates := x509.NewCertPool()
	intermediates.AddCert(qwac.Chain[1])
	opts := x509.VerifyOptions{
		Roots: root.Pool(), Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if _, err := qwac.Certificate.Verify(opts); err != nil {
		t.Errorf("QWAC: %v", err)
	}
	if qseal.Certificate.KeyUsage != x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment {
		t.Errorf("QSEAL keyUsage %b", qseal.Certificate.KeyUsage)
	}
	if len(qseal.Certificate.ExtKeyUsage) != 0 {
		t.Errorf("QSEAL has extendedKeyUsage %v", qseal.Certificate.ExtKeyUsage)
	}
	if qwac.Certificate.Subject.Organization[0] != "Example TPP" {
		t.Errorf("subject %v", qwac.Certificate.Subject)
	}
}

func TestWriteFiles(t *testing.T) {
	root, err := NewAuthority(AuthorityOptions{})
	if err != nil {
		t.Fatal(err)
	}
	issued, err := root.Issue(Profile{Kind: Server, DNSNames: []string{"bank.example"}, Key: "p256"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile, err := issued.WriteFiles(dir, "bank")
	if err != nil {
		t.Fatal(err)
	}
	if certFile != filepath.Join(dir, "bank.pem") || keyFile != filepath.Join(dir, "bank-key.pem") {
		t.Errorf("files %s, %s", certFile, keyFile)
	}
	if info, err := os.Stat(keyFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info.Mode(), err)
	}
	if _, err := tls.LoadX509KeyPair(certFile, keyFile); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".testpki-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRefusals(t *testing.T) {
	root, err := NewAuthority(AuthorityOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := root.Issue(Profile{Key: "dsa"}); err == nil {
		t.Error("unknown kind of key accepted")
	}
	if _, err := root.Issue(Profile{Key: "p256", Roles: []string{"PSP_XX"}}); err == nil {
		t.Error("unknown role accepted")
	}
	if _, _, err := NewTPP(root, time.Now(), "VATFR-1", nil); err == nil {
		t.Error("organizationIdentifier without PSD accepted")
	}
}
