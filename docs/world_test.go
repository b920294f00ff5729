package docs_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// world is what commands in the documentation run against: a demo, with its
// bank, and a sidecar of its own before the same bank, with admin endpoint and
// metrics. Both are this test binary as Caddy.
type world struct {
	dir       string   // certificates, and the demo's Caddyfile
	caddyfile string   // of the sidecar
	caddy     string   // a command that is Caddy
	env       []string // for commands

	said    *output // of the sidecar's log
	invited string  // calls to go on with, as the demo prints them

	demo, bank, control             string // addresses
	sidecar, admin, metricsListener string
}

// newWorld starts all of it; the test's end stops it.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dir: filepath.Join(t.TempDir(), "tpp"), sidecar: freeAddress(t), admin: freeAddress(t), metricsListener: freeAddress(t)}
	home, bin := t.TempDir(), commandDir(t)
	w.caddy = filepath.Join(bin, "caddy")
	// No other command can be found: none may be needed.
	w.env = append(os.Environ(), "PATH="+bin, "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
	w.startDemo(t)
	w.startSidecar(t)
	return w
}

// startDemo runs the demo on free ports and reads them from what it says.
func (w *world) startDemo(t *testing.T) {
	t.Helper()
	out := w.start(t, nil, "tpp", "demo", "--dir", w.dir, "--listen", "127.0.0.1:0", "--bank", "127.0.0.1:0", "--control", "127.0.0.1:0")
	said := make(chan string, 1)
	go func() {
		var text strings.Builder
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			text.WriteString(lines.Text() + "\n")
			if strings.HasPrefix(lines.Text(), "Ctrl-C") {
				said <- text.String()
			}
		}
		close(said)
	}()
	var text string
	select {
	case text = <-said:
	case <-time.After(30 * time.Second):
	}
	_, invited, _ := strings.Cut(text, "Go on, in another terminal:\n")
	w.invited, _, _ = strings.Cut(invited, "\nCtrl-C")
	for pattern, into := range map[string]*string{
		`sandbox bank +https://(\S+)`:            &w.bank,
		`bank's control +http://([^/\s]+)`:       &w.control,
		`(?m)^  sidecar +http://(\S+) +configur`: &w.demo,
	} {
		found := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("the demo does not say %s:\n%s", pattern, text)
		}
		*into = found[1]
	}
}

func (w *world) startSidecar(t *testing.T) {
	t.Helper()
	w.caddyfile = filepath.Join(t.TempDir(), "Caddyfile")
	write(t, w.caddyfile, fmt.Sprintf(`{
	%[6]s
	admin %[1]s
	persist_config off
	metrics
	storage file_system %[7]s
	tpp {
		explain on
		vault {
			key world {file.%[2]s/vault-key}
		}
		identity acme {
			qwac %[2]s/qwac.pem %[2]s/qwac-key.pem
			qseal %[2]s/qseal.pem %[2]s/qseal-key.pem
		}
		aspsp bpgo {
			profile bpce
			base_url https://%[3]s/stet/psd2/v1.4.2
			identity acme
			trust_pool %[2]s/bank-ca.pem
			responses {
				verify report
				container digest
			}
			rewrite_links on
			links {
				fields _links.*.href
			}
		}
		aspsp bpgo-aisp {
			profile bpce
			base_url https://%[3]s/stet/psd2/v1.4.2
			identity acme
			scope aisp
			trust_pool %[2]s/bank-ca.pem
			redirect_uri http://%[8]s/callback
			return_urls http://%[8]s/-/health
			token {
				grant none
				authorize {
					endpoint http://%[9]s/stet/psd2/oauth/authorize
				}
			}
		}
		aspsp desk {
			profile bpce
			base_url https://%[3]s/desk
			identity acme
			trust_pool %[2]s/bank-ca.pem
			token {
				grant delivered
			}
		}
	}
}
:%[4]s {
	bind 127.0.0.1
	tpp_health /-/health
	tpp_authorize /authorize
	tpp_callback /callback
	tpp_token_inbox /inbox desk
	tpp_proxy /bpgo-aisp/* bpgo-aisp {
		strip_prefix /bpgo-aisp
	}
	tpp_proxy /bpgo/* bpgo {
		strip_prefix /bpgo
	}
	tpp_proxy
}
:%[5]s {
	bind 127.0.0.1
	metrics
}
`, w.admin, w.dir, w.bank, port(w.sidecar), port(w.metricsListener), logRecipe(t), t.TempDir(), w.sidecar, w.control))
	w.said = new(output)
	w.start(t, w.said, "run", "--config", w.caddyfile, "--adapter", "caddyfile")
	w.await(t, "http://"+w.sidecar+"/-/health", "")
}

// start runs Caddy in the background until the test ends, and gives what it prints.
func (w *world) start(t *testing.T, stderr io.Writer, args ...string) io.Reader {
	t.Helper()
	cmd := exec.Command(w.caddy, args...)
	cmd.Env = w.env
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = writer, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		stop := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		stop.Stop()
		reader.Close()
	})
	return reader
}

// run runs a script as a reader would, in a folder with the certificates.
func (w *world) run(t *testing.T, dir, script string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-eu", "-c", script)
	cmd.Env, cmd.Dir = w.env, dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// await waits until an address answers 200.
func (w *world) await(t *testing.T, url, body string) {
	t.Helper()
	var last string
	for range 100 {
		response, err := http.Post(url, "application/json", strings.NewReader(body))
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
			last = response.Status
		} else {
			last = err.Error()
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s does not answer 200: %s", url, last)
}

// settle waits until calls go through: after a failed fetch of a token they
// are refused for a second.
func (w *world) settle(t *testing.T, address string) {
	t.Helper()
	w.await(t, "http://"+address+"/bpgo/funds-confirmations",
		`{"paymentCoverageRequestId":"1","instructedAmount":{"currency":"EUR","amount":"1"},"accountId":{"iban":"FR7613807008043001965405255"}}`)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func port(address string) string {
	_, p, _ := net.SplitHostPort(address)
	return p
}

// output keeps what a process writes, for a test to read meanwhile.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String is what was written so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
