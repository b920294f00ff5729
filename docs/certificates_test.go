package docs_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
	"github.com/caddy-tpp/caddy-tpp/vault"
)

// certificateDir is where documents have the certificates.
const certificateDir = "/run/tpp"

// writeCertificates makes a folder that can stand for certificateDir.
func writeCertificates(t *testing.T) string {
	t.Helper()
	authority, err := testpki.NewAuthority(testpki.AuthorityOptions{})
	if err != nil {
		t.Fatal(err)
	}
	qwac, qseal, err := testpki.NewTPP(authority, time.Now(), "PSDFR-ACPR-12345", []string{"PSP_AI", "PSP_PI", "PSP_IC"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, issued := range map[string]*testpki.Issued{"qwac": qwac, "qseal": qseal} {
		if _, _, err := issued.WriteFiles(dir, name); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "bank-ca.pem"), string(authority.PEM()))
	write(t, filepath.Join(dir, "passphrase"), "secret\n")
	write(t, filepath.Join(dir, "vault-2026a"), base64.StdEncoding.EncodeToString(vault.NewSecret())+"\n")
	return dir
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

var (
	// defaulted is {$NAME:default}, for which Caddy puts the default here too.
	defaulted       = regexp.MustCompile(`\{\$\w+:([^}]*)\}`)
	certificateFile = regexp.MustCompile(certificateDir + `/[^\s"'}]+\.(pem|crt|key)`)
)

// provide makes every certificate file that a text names, and returns the text
// with dir in the place of certificateDir. What a file is to hold shows in its name.
func provide(t *testing.T, dir, text string) string {
	t.Helper()
	text = defaulted.ReplaceAllString(text, "$1")
	text = strings.ReplaceAll(text, "/etc/caddy/profiles", t.TempDir())
	for _, named := range certificateFile.FindAllString(text, -1) {
		target := filepath.Join(dir, strings.TrimPrefix(named, certificateDir))
		if _, err := os.Stat(target); err == nil {
			continue
		}
		source := "bank-ca.pem"
		if strings.Contains(filepath.Base(named), "key") {
			source = "qseal-key.pem"
		}
		for _, slot := range []string{"qwac", "qseal"} {
			if strings.Contains(named, slot) {
				source = slot + ".pem"
				if strings.Contains(filepath.Base(named), "key") {
					source = slot + "-key.pem"
				}
			}
		}
		content, err := os.ReadFile(filepath.Join(dir, source))
		if err == nil {
			err = os.MkdirAll(filepath.Dir(target), 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
		write(t, target, string(content))
	}
	return strings.ReplaceAll(text, certificateDir, dir)
}
