package cli

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// execute runs a subcommand of "caddy tpp" in this process.
func execute(ctx context.Context, args ...string) (string, error) {
	return executeWith(ctx, "", args...)
}

// executeWith is execute with an input.
func executeWith(ctx context.Context, input string, args ...string) (string, error) {
	var output lockedBuffer
	root := &cobra.Command{Use: "tpp", SilenceErrors: true}
	root.AddCommand(commands()...)
	root.SetArgs(args)
	root.SetIn(strings.NewReader(input))
	root.SetOut(&output)
	root.SetErr(&output)
	err := root.ExecuteContext(ctx)
	return output.String(), err
}

func TestHealth(t *testing.T) {
	served := make(chan int, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(<-served)
		_, _ = w.Write([]byte("report"))
	}))
	defer server.Close()
	for status, healthy := range map[int]bool{200: true, 503: false, 404: false, 302: false} {
		served <- status
		output, err := execute(t.Context(), "health", "--url", server.URL)
		if (err == nil) != healthy || !strings.Contains(output, "report") {
			t.Errorf("%d: %v, %q", status, err, output)
		}
	}
	began := time.Now()
	go func() {
		time.Sleep(2 * time.Second)
		served <- 200
	}()
	if _, err := execute(t.Context(), "health", "--url", server.URL, "--timeout", "100ms"); err == nil || time.Since(began) > time.Second {
		t.Errorf("without an answer: %v after %v", err, time.Since(began))
	}
	if _, err := execute(t.Context(), "health", "--url", "http://127.0.0.1:"+freePort(t)); err == nil {
		t.Error("healthy without a server")
	}
}

// TestHealthExitStatus holds what a container's probe sees of the real binary.
func TestHealthExitStatus(t *testing.T) {
	var status atomic.Int64
	status.Store(http.StatusOK)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	defer server.Close()
	if output, exit := run(t, nil, "tpp", "health", "--url", server.URL); exit != 0 {
		t.Errorf("exit status %d: %s", exit, output)
	}
	status.Store(http.StatusServiceUnavailable)
	if output, exit := run(t, nil, "tpp", "health", "--url", server.URL); exit != 1 || !strings.Contains(output, "503") {
		t.Errorf("exit status %d: %s", exit, output)
	}
}

func TestSandboxServesUntilItIsStopped(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	var output lockedBuffer
	cmd := sandboxCommand()
	cmd.SetArgs([]string{"--dir", dir, "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--http2", "--certificate-optional", "--key-id", "client-id"})
	cmd.SetOut(&output)
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	var control string
	for deadline := time.Now().Add(10 * time.Second); control == "" && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		control = strings.TrimSuffix(regexp.MustCompile(`http://\S+/records`).FindString(output.String()), "/records")
	}
	if status, body := get(t, control+"/stats"); status != 200 || !strings.Contains(body, "requests") {
		t.Errorf("%d %s", status, body)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if listening(strings.TrimPrefix(control, "http://")) {
		t.Error("the control plane is still there")
	}
	if _, err := execute(t.Context(), "sandbox", "--dir", dir, "--key-id", "other"); err == nil || !strings.Contains(err.Error(), "serial-issuer") {
		t.Errorf("an unknown form of keyId: %v", err)
	}
}

func TestCert(t *testing.T) {
	dir := t.TempDir()
	people, err := newParties()
	if err != nil {
		t.Fatal(err)
	}
	if err := people.write(dir); err != nil {
		t.Fatal(err)
	}
	expired, err := people.authority.Issue(testpki.Profile{
		CommonName: "late", Key: "p256", IPs: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(0, 0, -1),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := expired.WriteFiles(dir, "expired"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "both.pem"), append(people.qwac.CertPEM, people.qwac.KeyPEM...), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args   []string
		want   []string
		refuse string
	}{
		"QWAC": {[]string{"qwac", "qwac.pem", "qwac-key.pem"}, []string{
			"slot                     QWAC", "PSDFR-ACPR-12345", "PSP_AI PSP_PI PSP_IC", "FR-ACPR", "x5t#S256", "Demo QTSP CA", "\nusable\n"}, ""},
		"QSEAL": {[]string{"qseal", "qseal.pem", "qseal-key.pem"}, []string{
			"slot                     QSEAL", "keyId (SN=,CA=)          SN=" + people.qseal.Certificate.SerialNumber.Text(16) + ",CA=", "\nusable\n"}, ""},
		"one file":      {[]string{"qwac", "both.pem"}, []string{"usable"}, ""},
		"exchanged":     {[]string{"qwac", "qseal.pem", "qseal-key.pem"}, []string{"REFUSED", "QWAC and QSEAL are exchanged"}, "would refuse"},
		"expired":       {[]string{"qwac", "expired.pem", "expired-key.pem"}, []string{"REFUSED", "expired"}, "would refuse"},
		"mismatch":      {[]string{"qwac", "qwac.pem", "qseal-key.pem"}, nil, "does not belong to the certificate"},
		"missing":       {[]string{"qwac", "none.pem", "none-key.pem"}, nil, "none.pem cannot be read"},
		"without key":   {[]string{"qwac", "qwac.pem"}, nil, "qwac.pem"},
		"unknown slot":  {[]string{"tls", "qwac.pem", "qwac-key.pem"}, nil, `"tls" is neither qwac nor qseal`},
		"no file named": {[]string{"qwac"}, nil, "arg"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"cert", test.args[0]}
			for _, file := range test.args[1:] {
				args = append(args, filepath.Join(dir, file))
			}
			output, err := execute(t.Context(), args...)
			if (err == nil) != (test.refuse == "") || err != nil && !strings.Contains(err.Error(), test.refuse) {
				t.Errorf("%v, want %q", err, test.refuse)
			}
			for _, want := range test.want {
				if !strings.Contains(output, want) {
					t.Errorf("%q is not in:\n%s", want, output)
				}
			}
			if strings.Contains(output, "PRIVATE KEY") {
				t.Error("the key was printed")
			}
		})
	}
}
