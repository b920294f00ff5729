package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// buildDir is where the binary goes; TestMain removes it.
var buildDir string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if buildDir, err = os.MkdirTemp("", "caddy-tpp-binary-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(buildDir)
		for _, name := range []string{"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
			os.Setenv(name, buildDir)
		}
		return m.Run()
	}())
}

// home of the Go tool, taken before TestMain points HOME elsewhere.
var goHome = os.Getenv("HOME")

// binary builds cmd/caddy once, with the settings that this test was built
// with, so that what the two have in common is compiled only once.
var binary = sync.OnceValues(func() (string, error) {
	file := filepath.Join(buildDir, "bin", "caddy")
	args := []string{"build", "-o", file}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", errors.New("this test was built without build information")
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "-tags", "-race", "-trimpath":
			args = append(args, setting.Key+"="+setting.Value)
		}
	}
	cmd := exec.Command("go", append(args, "-buildvcs=false", "../../cmd/caddy")...)
	cmd.Env = append(os.Environ(), "HOME="+goHome)
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, output)
	}
	return file, nil
})

// prepare sets up a run of the binary.
func prepare(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	file, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, file, args...)
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// run runs the binary to its end.
func run(t *testing.T, env []string, args ...string) (output string, exit int) {
	t.Helper()
	cmd := prepare(t, env, args...)
	combined, err := cmd.CombinedOutput()
	if exited := new(exec.ExitError); err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	return string(combined), cmd.ProcessState.ExitCode()
}

// process is the binary, running in the background.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	output lockedBuffer
	ended  chan error
}

// lockedBuffer is a buffer that a process writes to while a test reads it.
type lockedBuffer struct {
	mu      sync.Mutex
	content bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.String()
}

// start runs the binary until the test ends.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: prepare(t, env, args...), ended: make(chan error, 1)}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// until waits for a condition while the process runs.
func (p *process) until(what string, condition func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-p.ended:
			p.t.Fatalf("%s: the process ended with %v:\n%s", what, err, &p.output)
		default:
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s: not in time; the output is\n%s", what, &p.output)
		}
	}
}

// terminate ends the process as an orchestrator does and wants status 0.
func (p *process) terminate() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			p.t.Errorf("ended with %v:\n%s", err, &p.output)
		}
	case <-time.After(20 * time.Second):
		p.t.Errorf("does not end:\n%s", &p.output)
	}
}

func listening(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// freePort is a port that nothing listens on.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return port(listener.Addr().String())
}

// get asks an address that answers in plain HTTP.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(must(http.NewRequest("GET", url, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body strings.Builder
	if err := response.Write(&body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body.String()
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
