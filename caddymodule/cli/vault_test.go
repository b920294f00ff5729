package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "github.com/caddyserver/caddy/v2/modules/filestorage"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

// newTestServer serves until the test ends, and gives its address.
func newTestServer(t *testing.T, handler http.HandlerFunc) (string, error) {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), nil
}

func TestVaultKey(t *testing.T) {
	first, err := execute(t.Context(), "vault", "key")
	if err != nil {
		t.Fatal(err)
	}
	second, err := execute(t.Context(), "vault", "key")
	if err != nil || first == second {
		t.Errorf("%v: one key twice", err)
	}
	for _, key := range []string{first, second} {
		if _, err := vault.ParseSecret(key); err != nil || strings.Count(key, "\n") != 1 {
			t.Errorf("%q: %v", key, err)
		}
	}
	file := filepath.Join(t.TempDir(), "key")
	output, err := execute(t.Context(), "vault", "key", "--output", file)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", err, info.Mode())
	}
	content := must(os.ReadFile(file))
	if _, err := vault.ParseSecret(string(content)); err != nil || strings.Contains(output, strings.TrimSpace(string(content))) ||
		!strings.Contains(output, "{file."+file+"}") {
		t.Errorf("%v: %q", err, output)
	}
	if _, err := execute(t.Context(), "vault", "key", "--output", file); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Error(err)
	}
	if now := must(os.ReadFile(file)); string(now) != string(content) {
		t.Error("a key was overwritten")
	}
	if _, err := execute(t.Context(), "vault", "key", "--output", filepath.Join(file, "x")); err == nil {
		t.Error("no error for a path that cannot be")
	}
}

func TestVaultStatusAndRotate(t *testing.T) {
	w := newSidecar(t, "127.0.0.1:"+freePort(t))
	w.ok("", "vault status", "storage  ok", "key      one", "encrypts and decrypts")
	w.ok(w.grant("alice")+"\n"+w.grant("bob"), "grants import bpgo", "2 imported")
	w.configure("two", "one")
	if output, err := w.reload(); err != nil {
		t.Fatal(err, output)
	}
	w.ok("", "vault status", "key      two              encrypts and decrypts", "key      one              decrypts")
	rotated := w.ok("", "vault rotate", "records encrypted anew", "0 could not be read", "no record needs one")
	if !regexp.MustCompile(`key +two +[1-9]`).MatchString(rotated) {
		t.Error(rotated)
	}
	w.ok("", "vault rotate", "0 records encrypted anew")
	// A record that is torn keeps everything from being called done.
	record := must(filepath.Glob(w.file("storage/tpp/grants/bpgo/*/*.jwe")))[0]
	w.write(must(filepath.Rel(w.dir, record)), "torn")
	w.fails("", "vault rotate", "1 could not be read", "keep all keys", "grant-record-damaged")
	w.ok("", "vault status", "damaged  grants/bpgo/", "copy at tpp/damaged/")
	w.write("storage/tpp/keys/one.jwe", "torn")
	w.fails("", "vault status", "storage  ok", "keys/one", "grant-record-damaged")
	w.silent()
}

// reload does what "caddy reload" does.
func (w *sidecarWorld) reload() (string, error) {
	w.t.Helper()
	output, exit := run(w.t, nil, "reload", "--config", w.file("Caddyfile"), "--address", w.admin)
	if exit != 0 {
		return output, os.ErrInvalid
	}
	return output, nil
}

// TestVaultCheck puts Caddy's own storage through all checks, in the real
// binary, which kills processes of itself.
func TestVaultCheck(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	caddyfile := write("Caddyfile", "{\n\tstorage file_system \""+dir+"/storage\"\n}\n:1 {\n}\n")
	output, exit := run(t, nil, "tpp", "vault", "check", "--config", caddyfile, "--hold", "1s")
	checks := len(regexp.MustCompile(`(?m)^ok    `).FindAllString(output, -1))
	if exit != 0 || checks < 10 || !strings.Contains(output, "holder-vanishes (taken over after") || strings.Contains(output, "\nskip") ||
		!regexp.MustCompile(`all \d+ checks passed`).MatchString(output) {
		t.Errorf("exit status %d:\n%s", exit, output)
	}
	if left := must(filepath.Glob(dir + "/storage/*")); len(left) > 1 || len(left) == 1 && filepath.Base(left[0]) != "locks" {
		t.Errorf("left behind: %q", left)
	}
	if locks := must(filepath.Glob(dir + "/storage/locks/*")); len(locks) > 0 {
		t.Errorf("left behind: %q", locks)
	}
	// A storage that cannot be written to fails, and the status says so.
	write("file", "")
	broken := write("broken.json", `{"storage": {"module": "file_system", "root": "`+dir+`/file"}, "apps": {"never": {"looked": "at"}}}`)
	output, exit = run(t, nil, "tpp", "vault", "check", "--config", broken, "--hold", "1s", "--lock-ttl", "1s")
	if exit != 1 || !strings.Contains(output, "FAIL  round-trip") || !strings.Contains(output, "do not keep grants in this storage") {
		t.Errorf("exit status %d:\n%s", exit, output)
	}
	for file, want := range map[string]string{
		write("unknown.json", `{"storage": {"module": "nonesuch"}}`): "nonesuch",
		write("no.json", `"text"`):                                   "not Caddy's JSON",
		filepath.Join(dir, "none.json"):                              "no such file",
	} {
		if output, exit := run(t, nil, "tpp", "vault", "check", "--config", file); exit != 1 || !strings.Contains(output, want) {
			t.Errorf("%s: exit status %d:\n%s", file, exit, output)
		}
	}
}

// TestVaultHold holds that the process that is killed holds what it says.
func TestVaultHold(t *testing.T) {
	dir := t.TempDir()
	s, err := storageOf([]byte(`{"storage": {"module": "file_system", "root": "` + dir + `"}}`))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.close() }()
	output, err := executeWith(t.Context(), string(compact(s.raw))+"\n", "vault", "hold", "a-lock")
	if err != nil || output != held+"\n" {
		t.Errorf("%v: %q", err, output)
	}
	if locks := must(filepath.Glob(dir + "/locks/*")); len(locks) != 0 {
		t.Errorf("left behind: %q", locks)
	}
	if _, err := executeWith(t.Context(), "", "vault", "hold", "a-lock"); err == nil {
		t.Error("held a lock of no storage")
	}
	first, second := must(s.open()), must(s.open())
	if first == second {
		t.Error("two handles are one")
	}
}
