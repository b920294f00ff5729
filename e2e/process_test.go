package e2e

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a sidecar.
type process struct {
	t          testing.TB
	world      *world
	name       string
	config     parts
	cmd        *exec.Cmd
	alive      io.Closer // the process ends with it
	said       *output
	app, admin *http.Client

	exited chan struct{}
	killed bool // on purpose; guarded by world.mu
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

// launch runs a sidecar, and does not wait for it.
func (w *world) launch(name string, change ...func(*parts)) *process {
	w.t.Helper()
	config := w.config
	for _, c := range change {
		c(&config)
	}
	caddyfile := w.file(name + ".caddyfile")
	check(w.t, os.WriteFile(caddyfile, []byte(w.caddyfile(name, config)), 0o600))
	p := &process{t: w.t, world: w, name: name, config: config, said: new(output), exited: make(chan struct{}),
		app: overSocket(w.file(name + ".app")), admin: overSocket(w.file(name + ".admin"))}
	p.cmd = exec.Command(w.file(command), "run", "--config", caddyfile, "--adapter", "caddyfile")
	// Without the race detector's pause at each exit; a crash shows all it knows.
	p.cmd.Env = append(os.Environ(), "HOME="+w.dir, "XDG_DATA_HOME="+w.dir, "XDG_CONFIG_HOME="+w.dir,
		"GORACE=atexit_sleep_ms=0", "GOTRACEBACK=all")
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	alive, err := p.cmd.StdinPipe()
	check(w.t, err)
	p.alive = alive
	check(w.t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.processes = append(w.processes, p)
	return p
}

// start runs a sidecar and waits until it serves.
func (w *world) start(name string, change ...func(*parts)) *process {
	w.t.Helper()
	p := w.launch(name, change...)
	p.serving()
	return p
}

// serving waits until the sidecar serves.
func (p *process) serving() {
	p.t.Helper()
	eventually(p.t, p.name+" serves", func() bool {
		if !p.running() {
			p.t.Fatalf("%s ended: %s", p.name, p.said)
		}
		response, err := p.app.Get("http://sidecar/-/health")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

func overSocket(path string) *http.Client {
	return &http.Client{
		Timeout: 40 * time.Second,
		Transport: &http.Transport{
			DisableCompression: true, DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", path)
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (p *process) signal(sig os.Signal) {
	p.t.Helper()
	check(p.t, p.cmd.Process.Signal(sig))
}

// wait waits for the end of the process and gives its status.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(within):
		p.t.Fatalf("%s does not end: %s", p.name, p.said)
	}
	p.alive.Close()
	return p.cmd.ProcessState.ExitCode()
}

// kill is kill -9.
func (p *process) kill() {
	p.t.Helper()
	p.doomed()
	p.signal(syscall.SIGKILL)
	p.wait()
}

// doomed says that the process will not end well, and is not to.
func (p *process) doomed() {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	p.killed = true
}

// stop is kill, as an init system does it. The process has to end well.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if status := p.wait(); status != 0 {
		p.t.Errorf("%s ended with status %d: %s", p.name, status, tail(p.said.String()))
	}
}

func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// tail is the end of a long text.
func tail(text string) string { return text[max(0, len(text)-4000):] }

// logged reports whether a line of the log has all of the texts.
func (p *process) logged(texts ...string) bool {
	for line := range strings.Lines(p.said.String()) {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			return true
		}
	}
	return false
}
