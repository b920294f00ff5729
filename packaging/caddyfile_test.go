package packaging

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// binaryDir takes the binary that the tests share.
var binaryDir string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if binaryDir, err = os.MkdirTemp("", "caddy-tpp-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binaryDir)
	return m.Run()
}

// buildCaddy builds cmd/caddy once, under the GOFLAGS of the test.
var buildCaddy = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(binaryDir, "caddy")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "../cmd/caddy").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
})

// caddy runs the real binary, with a home of its own, and returns what it says.
func caddy(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	binary, err := buildCaddy()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
	var outBuf, errBuf strings.Builder
	cmd.Stdout, cmd.Stderr = &outBuf, &errBuf
	err = cmd.Run()
	return outBuf.String(), errBuf.String(), err
}

// caddyfileFor writes the recipe's Caddyfile with the certificates in dir.
func caddyfileFor(t *testing.T, dir string) string {
	t.Helper()
	text := strings.ReplaceAll(readText(t, "Caddyfile"), certificateDir+"/", dir+"/")
	name := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func writeCertificates(t *testing.T) string {
	t.Helper()
	authority, err := testpki.NewAuthority(testpki.AuthorityOptions{})
	if err != nil {
		t.Fatal(err)
	}
	qwac, qseal, err := testpki.NewTPP(authority, time.Now(), "PSDFR-ACPR-12345", []string{"PSP_IC"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, issued := range map[string]*testpki.Issued{"qwac": qwac, "qseal": qseal} {
		if _, _, err := issued.WriteFiles(dir, name); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCaddyfileAdapts(t *testing.T) {
	stdout, stderr, err := caddy(t, "adapt", "--adapter", "caddyfile", "--config", "Caddyfile")
	if err != nil {
		t.Fatalf("adapt: %v\n%s", err, stderr)
	}
	// A directive that was misspelled would be an error, a block that was
	// ignored would not.
	var config struct {
		Apps map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(stdout), &config); err != nil {
		t.Fatal(err)
	}
	for app, want := range map[string]string{"tpp": "bpgo", "http": `"transport":`} {
		if !strings.Contains(string(config.Apps[app]), want) {
			t.Errorf("app %s of the adapted configuration lacks %s:\n%s", app, want, config.Apps[app])
		}
	}
	if strings.Contains(stderr, "not formatted") {
		t.Errorf("not formatted: run caddy fmt\n%s", stderr)
	}
}

func TestCaddyfileValidates(t *testing.T) {
	name := caddyfileFor(t, writeCertificates(t))
	if _, stderr, err := caddy(t, "validate", "--adapter", "caddyfile", "--config", name); err != nil {
		t.Errorf("validate: %v\n%s", err, stderr)
	}
}

// A sidecar without its certificates must not start, and must say which one.
func TestCaddyfileNeedsEachCertificate(t *testing.T) {
	for _, missing := range certificateFiles(t) {
		t.Run(missing, func(t *testing.T) {
			dir := writeCertificates(t)
			if err := os.Remove(filepath.Join(dir, missing)); err != nil {
				t.Fatal(err)
			}
			_, stderr, err := caddy(t, "validate", "--adapter", "caddyfile", "--config", caddyfileFor(t, dir))
			if err == nil {
				t.Fatal("validates without the file")
			}
			if !strings.Contains(stderr, missing) {
				t.Errorf("the error does not name the file:\n%s", stderr)
			}
		})
	}
}
