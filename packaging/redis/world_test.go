package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// world is a bank, a Redis, and any number of sidecars on it, each with the
// Caddyfile of this folder.
type world struct {
	t     testing.TB
	dir   string // certificates, keys, sockets
	redis *server
	bank  *sandbox.Bank
	psus  int
}

func newWorld(t testing.TB) *world {
	t.Helper()
	p, err := issued()
	check(t, err)
	dir, err := os.MkdirTemp("", "tpp-redis-") // t.TempDir's names are too long for sockets
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &world{t: t, dir: dir, redis: startServer(t)}
	self, err := os.Executable()
	check(t, err)
	check(t, os.Symlink(self, w.file(command)))
	_, _, err = p.qwac.WriteFiles(dir, "qwac")
	check(t, err)
	_, _, err = p.qseal.WriteFiles(dir, "qseal")
	check(t, err)
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	for name, content := range map[string]string{
		"redis-ca.pem": string(p.authority.PEM()), "redis-password": w.redis.password + "\n",
		"vault-2026a": hex.EncodeToString(key),
	} {
		check(t, os.WriteFile(w.file(name), []byte(content), 0o600))
	}
	w.bank, err = sandbox.New(sandbox.Options{ClientCAs: p.authority.Pool(), Certificate: p.bank.TLSCertificate(),
		QSEALs: []*x509.Certificate{p.qseal.Certificate}})
	check(t, err)
	check(t, w.bank.Start("127.0.0.1:0"))
	t.Cleanup(func() { check(t, w.bank.Close()) })
	return w
}

func (w *world) file(name string) string { return filepath.Join(w.dir, name) }

// recheck is shorter than in the Caddyfile, so that tests do not wait for it.
const recheck = time.Second

// caddyfile is the example for a sidecar of that name, with the test's addresses.
func (w *world) caddyfile(name string, oldAndNew ...string) string {
	w.t.Helper()
	text := replaced(w.t, read(w.t, "Caddyfile"),
		"/run/tpp/", w.dir+"/",
		"redis.acme.example:6379", w.redis.address,
		"https://www.13807.live.api.89c3.com", "https://"+w.bank.Addr().String(),
		"identity acme\n", "identity acme\n\t\t\ttrust_pool "+w.file("redis-ca.pem")+"\n",
		"localhost:2019", "unix/"+w.file(name+".admin"),
		"bind 127.0.0.1", "bind unix/"+w.file(name+".app"),
		"recheck 5s", "recheck "+recheck.String(),
	)
	file := w.file(name + ".caddyfile")
	check(w.t, os.WriteFile(file, []byte(replaced(w.t, text, oldAndNew...)), 0o600))
	return file
}

// caddy prepares the program, with a home of its own.
func (w *world) caddy(args ...string) (*exec.Cmd, *output) {
	home := w.file("home")
	cmd := exec.CommandContext(w.t.Context(), w.file(command), args...)
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
	said := new(output)
	cmd.Stdout, cmd.Stderr = said, said
	return cmd, said
}

// output is what a process prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// sidecar is a running one.
type sidecar struct {
	w          *world
	name       string
	cmd        *exec.Cmd
	said       *output
	app, admin *http.Client
	exited     chan struct{}
}

// start runs a sidecar, with changes to its Caddyfile, and waits until it serves.
func (w *world) start(name string, oldAndNew ...string) *sidecar {
	w.t.Helper()
	cmd, said := w.caddy("run", "--config", w.caddyfile(name, oldAndNew...), "--adapter", "caddyfile")
	s := &sidecar{w: w, name: name, cmd: cmd, said: said, exited: make(chan struct{}),
		app: overSocket(w.file(name + ".app")), admin: overSocket(w.file(name + ".admin"))}
	_, err := cmd.StdinPipe()
	check(w.t, err)
	check(w.t, cmd.Start())
	go func() {
		_ = cmd.Wait()
		close(s.exited)
	}()
	w.t.Cleanup(func() {
		s.end(syscall.SIGKILL)
		if w.t.Failed() {
			w.t.Logf("the end of what %s printed:\n%s", name, tail(said.String()))
		}
	})
	eventually(w.t, name+" serves", func() bool {
		select {
		case <-s.exited:
			w.t.Fatalf("%s ended: %s", name, tail(said.String()))
		default:
		}
		return s.do("GET", "/-/health", "").status == http.StatusOK
	})
	return s
}

// end ends the sidecar with a signal and gives its status.
func (s *sidecar) end(signal syscall.Signal) int {
	_ = s.cmd.Process.Signal(signal)
	<-s.exited
	return s.cmd.ProcessState.ExitCode()
}

func tail(text string) string { return text[max(0, len(text)-4000):] }

func overSocket(path string) *http.Client {
	return &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}
}

// answer is what a client of a sidecar got.
type answer struct {
	status int
	code   string // of a refusal by the sidecar
	body   string
	err    error
}

func (a answer) ok() bool { return a.err == nil && a.status < 300 }

func ask(client *http.Client, method, path, grant, form string) answer {
	request, err := http.NewRequest(method, "http://sidecar"+path, strings.NewReader(form))
	if err != nil {
		return answer{err: err}
	}
	if form != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if grant != "" {
		request.Header.Set("Sidecar-Grant", grant)
	}
	response, err := client.Do(request)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	a := answer{status: response.StatusCode, body: string(body), err: err}
	var problem struct{ Code string }
	if a.status >= 400 && json.Unmarshal(body, &problem) == nil {
		a.code = problem.Code
	}
	return a
}

// do calls as the app does, manage as the operator.
func (s *sidecar) do(method, path, grant string) answer { return ask(s.app, method, path, grant, "") }
func (s *sidecar) manage(method, path string) answer    { return ask(s.admin, method, path, "", "") }

// accounts is a call with a grant.
func (s *sidecar) accounts(grant string) answer { return s.do("GET", "/bpgo/accounts", grant) }

// grant lets a new PSU consent at the bank, and makes the grant, whose name is
// the PSU's login there.
func (s *sidecar) grant() string {
	s.w.t.Helper()
	s.w.psus++
	login := fmt.Sprintf("TEST%d", s.w.psus)
	const callback = "https://pay.acme.example/callback"
	consent := httptest.NewRecorder()
	s.w.bank.Control().ServeHTTP(consent, httptest.NewRequest("GET", "/stet/psd2/oauth/authorize?"+url.Values{
		"response_type": {"code"}, "client_id": {organization}, "scope": {"aisp"}, "redirect_uri": {callback}, "login": {login},
	}.Encode(), nil))
	to, err := url.Parse(consent.Header().Get("Location"))
	check(s.w.t, err)
	form := url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {callback}}
	if a := ask(s.app, "POST", "/bpgo/oauth/token", login, form.Encode()); !a.ok() {
		s.w.t.Fatalf("no grant: %+v", a)
	}
	return login
}

// use wants the bank to honour a call with the grant.
func (s *sidecar) use(grant string) {
	s.w.t.Helper()
	if a := s.accounts(grant); !a.ok() {
		s.w.t.Fatalf("%s does not get through: %+v", s.name, a)
	}
}

// refreshes are what the bank counted for the grant.
func (w *world) refreshes(grant string) sandbox.RefreshStats {
	return w.bank.Stats().Tokens.PSUs[grant]
}

// tokensLive is how long tokens live that the bank gives from now on.
func (w *world) tokensLive(d time.Duration) {
	w.t.Helper()
	rules := w.bank.Rules()
	rules.Tokens.Lifetime = sandbox.Wait(d)
	check(w.t, w.bank.SetRules(rules))
}

// tokenDelay lets the bank act on refreshes at once, and answer that much later.
func (w *world) tokenDelay(d time.Duration) {
	w.t.Helper()
	check(w.t, w.bank.Faults().SetToken(sandbox.Fault{GrantType: "refresh_token", Delay: sandbox.Wait(d), Processed: true}))
}
