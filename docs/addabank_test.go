//go:build unix

package docs_test

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// exampleSignature is how the made-up bank wants it.
var exampleSignature = regexp.MustCompile(`\r\nSignature: keyId="SN=[0-9A-F]+,CA=[^"]+", algorithm="rsa-sha256", ` +
	`headers="x-request-id date \(request-target\) digest content-type psu-ip-address", signature="[^"]+"\r\n`)

// reader is somebody who follows docs/add-a-bank.md: only the ports are others.
type reader struct {
	dir                    string
	env                    []string
	sidecar, bank, control string // addresses
}

// TestAddABank does what docs/add-a-bank.md says, in its order: it saves the
// files, runs the commands, and makes the mistake that the page speaks of.
func TestAddABank(t *testing.T) {
	home, bin := t.TempDir(), commandDir(t)
	buildCaddy(t, filepath.Join(bin, "caddy"))
	r := &reader{dir: t.TempDir(), sidecar: freeAddress(t), bank: freeAddress(t), control: freeAddress(t)}
	r.env = append(os.Environ(), "PATH="+bin, "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
	ran := 0
	for _, b := range parse(t, addABank).blocks {
		switch {
		case b.attribute("file") != "":
			r.save(t, b.attribute("file"), b.text)
		case b.attribute("was") != "":
			r.mistake(t, b)
		case b.language() == "sh" && slices.Contains(b.words, "background"):
			r.start(t, b.text)
		case b.language() == "sh":
			ran++
			if out, err := r.run(b.text); err != nil {
				t.Fatalf("%s:%d: %v\n%s", addABank, b.line, err, out)
			}
		default:
			t.Errorf("%s:%d: do not know what a reader does with it", addABank, b.line)
		}
	}
	if ran < 5 {
		t.Errorf("only %d commands were run", ran)
	}
	r.checkRecord(t)
	// It is the reader's file that did it, and nothing in this module.
	if out, err := r.run("caddy tpp profiles show example-bank"); err == nil {
		t.Errorf("the made-up bank ships:\n%s", out)
	}
}

// buildCaddy builds the real binary in place of the one that stands in for it
// elsewhere in these tests: that a bank is added without a change of it is what
// the page promises.
func buildCaddy(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-tags", buildTags(t), "-o", file, "./cmd/caddy")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// local puts the test's addresses into what the page says.
func (r *reader) local(text string) string {
	return strings.NewReplacer(
		"127.0.0.1:8443", r.bank, "127.0.0.1:8444", r.control, "127.0.0.1:8080", r.sidecar, ":8080 {", ":"+port(r.sidecar)+" {",
		"caddy tpp sandbox", "caddy tpp sandbox --listen "+r.bank+" --control "+r.control,
	).Replace(text)
}

func (r *reader) save(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, file, r.local(text))
}

func (r *reader) command(script string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", "-eu", "-c", r.local(script))
	cmd.Env, cmd.Dir = r.env, r.dir
	return cmd
}

func (r *reader) run(script string) (string, error) {
	out, err := r.command(script).CombinedOutput()
	return string(out), err
}

// start runs a command in a terminal of its own, and waits until it listens.
func (r *reader) start(t *testing.T, script string) {
	t.Helper()
	cmd := r.command(script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	said := new(output)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-ended
		}
	})
	address := r.sidecar
	if strings.Contains(script, "tpp sandbox") {
		address = r.control
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended:\n%s", script, said)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen at %s:\n%s", script, address, said)
		}
	}
}

// mistake makes a mistake in the profile, and wants the message that is shown.
func (r *reader) mistake(t *testing.T, b block) {
	t.Helper()
	want := strings.TrimSpace(b.text)
	name, _, _ := strings.Cut(want, ":")
	text, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	wrong := strings.Replace(string(text), `"`+b.attribute("was")+`"`, `"`+b.attribute("is")+`"`, 1)
	r.save(t, name, wrong)
	out, err := r.run("caddy tpp profiles validate " + name)
	if err == nil || wrong == string(text) || !strings.HasPrefix(out, want) {
		t.Errorf("%s:%d: the mistake is answered with\n%s", addABank, b.line, out)
	}
	r.save(t, name, string(text))
}

// checkRecord looks at what the bank received, for what the bank's page asks.
func (r *reader) checkRecord(t *testing.T) {
	t.Helper()
	response, err := http.Get("http://" + r.control + "/records")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var records []struct {
		Head          string   `json:"head"`
		Operation     string   `json:"operation"`
		SigningString string   `json:"signing_string"`
		SignatureOK   bool     `json:"signature_ok"`
		Problems      []string `json:"problems"`
	}
	if err := json.NewDecoder(response.Body).Decode(&records); err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, record := range records {
		if record.Operation != "funds-confirmations" {
			continue
		}
		calls++
		if !record.SignatureOK || len(record.Problems) > 0 || !exampleSignature.MatchString(record.Head) ||
			!strings.Contains(record.Head, "\r\nX-Portal-Key: 4711\r\n") || !strings.HasPrefix(record.SigningString, "x-request-id: ") {
			t.Errorf("the bank has to object: %q\n%s\n%s", record.Problems, record.Head, record.SigningString)
		}
	}
	if calls != 1 {
		t.Errorf("%d calls reached the bank", calls)
	}
}
