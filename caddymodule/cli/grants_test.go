package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/vault"
)

// sidecarWorld is a sidecar with a vault, in the real binary, and all that
// commands said about it.
type sidecarWorld struct {
	t       *testing.T
	dir     string
	admin   string
	server  *process
	secrets []string
	said    strings.Builder
}

// newSidecar runs a sidecar whose admin endpoint is at an address, without a
// bank: what is tested here needs none.
func newSidecar(t *testing.T, admin string) *sidecarWorld {
	t.Helper()
	w := &sidecarWorld{t: t, dir: t.TempDir(), admin: admin}
	people, err := newParties()
	if err == nil {
		err = people.write(w.dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.newKey("one")
	w.newKey("two")
	w.configure("one")
	w.server = start(t, nil, "run", "--config", w.file("Caddyfile"))
	w.server.until("admin endpoint", func() bool {
		_, err := execute(t.Context(), "vault", "status", "--address", admin)
		return err == nil
	})
	return w
}

func (w *sidecarWorld) file(name string) string { return filepath.Join(w.dir, name) }

func (w *sidecarWorld) write(name, content string) string {
	w.t.Helper()
	if err := os.WriteFile(w.file(name), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return w.file(name)
}

func (w *sidecarWorld) newKey(name string) {
	w.t.Helper()
	secret := base64.StdEncoding.EncodeToString(vault.NewSecret())
	w.secrets = append(w.secrets, secret)
	w.write(name, secret)
}

// configure writes the configuration, with these keys of the vault.
func (w *sidecarWorld) configure(keys ...string) {
	block := ""
	for _, key := range keys {
		block += fmt.Sprintf("key %s {file.%s}\n", key, w.file(key))
	}
	w.write("Caddyfile", fmt.Sprintf(`{
	admin %[1]s
	persist_config off
	storage file_system "%[2]s/storage"
	tpp {
		identity acme {
			qwac "%[2]s/qwac.pem" "%[2]s/qwac-key.pem"
			qseal "%[2]s/qseal.pem" "%[2]s/qseal-key.pem"
		}
		aspsp bpgo {
			profile bpce
			base_url https://127.0.0.1:1/stet/psd2/v1.4.2
			identity acme
		}
		vault {
			%[3]s
		}
	}
}
`, w.admin, w.dir, block))
}

// run runs a command about the sidecar. An error's text counts as output.
func (w *sidecarWorld) run(input string, args ...string) (string, error) {
	w.t.Helper()
	output, err := executeWith(w.t.Context(), input, append(args, "--address", w.admin)...)
	w.said.WriteString(output)
	if err != nil {
		w.said.WriteString(err.Error())
	}
	return output, err
}

// ok wants a command to succeed and its output to hold all of these.
func (w *sidecarWorld) ok(input, command string, want ...string) string {
	w.t.Helper()
	output, err := w.run(input, strings.Fields(command)...)
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", command, err, output)
	}
	w.holds(command, output, want)
	return output
}

// fails wants a command to fail, and its output with the error to hold all of these.
func (w *sidecarWorld) fails(input, command string, want ...string) {
	w.t.Helper()
	output, err := w.run(input, strings.Fields(command)...)
	if err == nil {
		w.t.Fatalf("%s: no error\n%s", command, output)
	}
	w.holds(command, output+"\n"+err.Error(), want)
}

func (w *sidecarWorld) holds(command, text string, want []string) {
	w.t.Helper()
	for _, want := range want {
		if !strings.Contains(text, want) {
			w.t.Errorf("%s: %q is not in:\n%s", command, want, text)
		}
	}
}

// silent fails if a secret was printed or logged.
func (w *sidecarWorld) silent() {
	w.t.Helper()
	for _, secret := range w.secrets {
		if strings.Contains(w.said.String(), secret) {
			w.t.Errorf("%q was printed:\n%s", secret, &w.said)
		}
		if strings.Contains(w.server.output.String(), secret) {
			w.t.Errorf("%q was logged:\n%s", secret, &w.server.output)
		}
	}
}

// grant is a line to import.
func (w *sidecarWorld) grant(name string, more ...string) string {
	token := "rt-" + fmt.Sprint(len(w.secrets)) + "-secret"
	w.secrets = append(w.secrets, token)
	return fmt.Sprintf(`{"grant": %q, "refresh_token": %q, "authorized_at": %q%s}`,
		name, token, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), strings.Join(more, ""))
}

func TestGrants(t *testing.T) {
	w := newSidecar(t, "127.0.0.1:"+freePort(t))
	w.ok("", "grants list", "FINGERPRINT")
	w.ok(w.grant("alice"), "grants import bpgo", "1 imported, 0 not")
	// One object over several lines, from a file.
	var spread strings.Builder
	if err := json.NewEncoder(&spread).Encode(json.RawMessage(w.grant("a/b"))); err != nil {
		t.Fatal(err)
	}
	file := w.write("one.json", strings.ReplaceAll(spread.String(), ",", ",\n  "))
	w.ok("", "grants import bpgo --file "+file, "1 imported, 0 not")

	alice := grants.ID{ASPSP: "bpgo", Name: "alice"}.Fingerprint()
	until := time.Now().Add(-time.Hour).AddDate(0, 0, 180).UTC().Format(time.DateOnly)
	table := w.ok("", "grants list bpgo", "ASPSP", "CONSENT UNTIL", alice, "alice", "a/b", "active", until)
	if lines := strings.Count(table, "\n"); lines != 3 {
		t.Errorf("%d lines:\n%s", lines, table)
	}
	for line := range strings.Lines(w.ok("", "grants list --json")) {
		var state grants.State
		if err := json.Unmarshal([]byte(line), &state); err != nil || state.Fingerprint == "" {
			t.Errorf("%v: %s", err, line)
		}
	}
	w.ok("", "grants show bpgo alice", "status             active", "refresh token      yes", "fingerprint        "+alice)
	var state grants.State
	if err := json.Unmarshal([]byte(w.ok("", "grants show bpgo a/b --json")), &state); err != nil || state.Name != "a/b" {
		t.Errorf("%v, %+v", err, state)
	}
	w.fails("", "grants refresh bpgo alice", "bank-unreachable", "cannot be reached")
	w.fails("", "grants refresh other alice", "unknown-aspsp")
	w.fails("", "grants release bpgo alice", "grant-not-held")
	w.fails("", "grants forget bpgo alice", "grant-active", "revoke it first")
	w.ok("", "grants revoke bpgo a/b", "revoked here")
	w.ok("", "grants forget bpgo a/b", "forgotten")
	w.fails("", "grants show bpgo a/b", "grant-unknown")
	w.fails("", "grants show bpgo ..", "grant-unknown")
	w.fails("", "grants show bpgo", "accepts 2 arg")
	w.silent()
	w.server.terminate()
	w.fails("", "grants list", "does not answer", "is the sidecar running?")
}

// TestGrantsImportManyLines holds that each line that is not imported is named
// by its number in the input, over several requests, and stops none.
func TestGrantsImportManyLines(t *testing.T) {
	w := newSidecar(t, "unix//"+filepath.Join(shortDir(t), "admin.sock"))
	var input strings.Builder
	line := 0
	add := func(text string) int {
		line++
		input.WriteString(text + "\n")
		return line
	}
	var wrong []int
	for n := range 700 {
		switch n {
		case 100, 600:
			wrong = append(wrong, add(`{"grant": "x", "refresh_token": `))
		case 300:
			add("")
		case 550:
			w.secrets = append(w.secrets, "rt-much-too-long")
			wrong = append(wrong, add(`{"grant": "x", "refresh_token": "`+strings.Repeat("rt-much-too-long", 10_000)+`"}`))
		}
		add(w.grant(fmt.Sprintf("psu-%d", n)))
	}
	want := []string{"700 imported, 3 not", "3 grants were not imported"}
	for _, number := range wrong {
		want = append(want, fmt.Sprintf("line %d: import-invalid: ", number))
	}
	w.fails(input.String(), "grants import bpgo", want...)
	if lines := strings.Count(w.ok("", "grants list --json"), "\n"); lines != 700 {
		t.Errorf("%d grants are listed", lines)
	}
	// Again: nothing is overwritten, and that is said.
	w.fails(w.grant("psu-0")+"\n"+w.grant("new"), "grants import bpgo", "line 1: grant-exists", "1 imported, 1 not")
	w.ok(w.grant("psu-0", `, "replace": true`), "grants import bpgo", "1 imported, 0 not")
	for _, nothing := range []string{"", "\n\n", " "} {
		w.fails(nothing, "grants import bpgo", "holds no grant")
	}
	w.fails(w.grant("x"), "grants import other", "unknown-aspsp", "stopped after 0 imported")
	w.fails("", "grants import bpgo --file "+w.file("none"), "no such file")
	w.silent()
}

// shortDir is a folder whose path is short enough for a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tpp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestAdminAddresses(t *testing.T) {
	other := must(newTestServer(t, func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("hello")) }))
	for address, want := range map[string]string{
		"127.0.0.1:" + freePort(t):              "is the sidecar running?",
		"unix//" + shortDir(t) + "/none.sock":   "is the sidecar running?",
		"unix//" + shortDir(t) + "/n.sock|0220": "is the sidecar running?",
		"127.0.0.1:1-2":                         "is not one address",
		"127.0.0.1:x":                           "is not one address",
		other:                                   "no sidecar of this version",
	} {
		_, err := execute(t.Context(), "vault", "status", "--address", address)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "/tpp/vault") {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	stuck := must(newTestServer(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	if _, err := execute(ctx, "grants", "show", "bpgo", "the-name", "--address", stuck); err == nil || strings.Contains(err.Error(), "the-name") {
		t.Error(err)
	}
	if _, err := execute(t.Context(), "grants", "lits"); err == nil || !strings.Contains(err.Error(), "unknown command") {
		t.Error(err)
	}
}
