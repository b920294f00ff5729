package caddymodule_test

import (
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

// operator talks to the admin endpoint and remembers all answers.
type operator struct {
	*rig
	heard strings.Builder
}

// ask makes a request with a body and decodes the answer into value, if any.
func (o *operator) ask(method, path, contentType, body string, status int, value any) answer {
	o.t.Helper()
	var a answer
	o.eventually(func() bool { // right after a load the former endpoint may answer that it ends
		req, err := http.NewRequest(method, "http://"+o.admin+path, strings.NewReader(body))
		o.check(err)
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		a = o.do(plain(), req)
		return !strings.Contains(a.body, `"code":"reloading"`)
	})
	o.heard.WriteString(a.body)
	for name, values := range a.header {
		o.heard.WriteString(name + strings.Join(values, ""))
	}
	if a.status != status {
		o.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.body, status)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" && got != "application/x-ndjson" {
		o.t.Errorf("%s %s: Content-Type %q", method, path, got)
	}
	if value != nil {
		o.check(json.Unmarshal([]byte(a.body), value))
	}
	return a
}

// refused wants a refusal of a code, with a reason.
func (o *operator) refused(method, path, contentType, body string, status int, code string) string {
	o.t.Helper()
	var refusal struct{ Error, Code, Remedy string }
	o.ask(method, path, contentType, body, status, &refusal)
	if refusal.Code != code || refusal.Error == "" {
		o.t.Errorf("%s %s: %+v, want %s", method, path, refusal, code)
	}
	return refusal.Error + "; " + refusal.Remedy
}

// silent fails if an answer of the admin endpoint, the log or a file of the
// storage holds one of these.
func (o *operator) silent(secrets ...string) {
	o.t.Helper()
	places := map[string]string{"an answer of the admin endpoint": o.heard.String(), "the log": o.log()}
	_ = filepath.WalkDir(o.file("storage"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			content, _ := os.ReadFile(path)
			places[path] = string(content)
		}
		return nil
	})
	for _, secret := range secrets {
		for place, text := range places {
			if strings.Contains(text, secret) {
				o.t.Errorf("%q is in %s", secret, place)
			}
		}
	}
}

// newKey writes a new vault key to a file of that name.
func (r *rig) newKey(name string) (secret string) {
	r.t.Helper()
	secret = base64.StdEncoding.EncodeToString(vault.NewSecret())
	r.check(os.WriteFile(r.file(name), []byte(secret+"\n"), 0o600))
	return secret
}

// vaultBlock is a vault with these keys, whose files have their names.
func (r *rig) vaultBlock(keys ...string) string {
	block := "vault {\n"
	for _, key := range keys {
		block += "key " + key + " {file." + r.file(key) + "}\n"
	}
	return block + "}\n"
}

type shownVault struct {
	Storage string
	Keys    []struct {
		ID       string
		Encrypts bool
	}
	Damaged []struct {
		Name, Reason, Copy string
	}
	Error, Code, Remedy string
}

func TestAdminShowsVault(t *testing.T) {
	o := &operator{rig: newRig(t)}
	first, second := o.newKey("one"), o.newKey("two")
	o.load(parts{tpp: o.vaultBlock("two", "one")})
	var state shownVault
	o.ask("GET", "/tpp/vault", "", "", 200, &state)
	if state.Storage != "ok" || len(state.Keys) != 2 || state.Keys[0].ID != "two" || !state.Keys[0].Encrypts ||
		state.Keys[1].ID != "one" || state.Keys[1].Encrypts || len(state.Damaged) != 0 || state.Error != "" {
		t.Errorf("%+v", state)
	}
	o.refused("POST", "/tpp/vault", "", "", 405, "request-invalid")

	// A wrong key cannot be told from damage but by its canary.
	o.check(os.WriteFile(o.file("storage/tpp/keys/one.jwe"), []byte("torn"), 0o600))
	o.ask("GET", "/tpp/vault", "", "", 200, &state)
	if state.Storage != "ok" || state.Code != "grant-record-damaged" || !strings.Contains(state.Error, `vault key "one" cannot be checked`) || len(state.Damaged) != 1 || state.Damaged[0].Name != "keys/one" ||
		!strings.Contains(state.Damaged[0].Copy, "tpp/damaged/") {
		t.Errorf("%+v", state)
	}
	o.silent(first, second)
}

// TestAdminShowsLostStorage holds that the state is told while the storage
// fails, and that all is well again once it is back.
func TestAdminShowsLostStorage(t *testing.T) {
	o := &operator{rig: newRig(t)}
	o.newKey("one")
	o.load(parts{tpp: o.vaultBlock("one")})
	o.check(os.Rename(o.file("storage"), o.file("away")))
	o.check(os.WriteFile(o.file("storage"), nil, 0o600)) // a file where the folder was
	var state shownVault
	o.ask("GET", "/tpp/vault", "", "", 200, &state)
	if state.Storage != "unavailable" || state.Code != "vault-unavailable" || state.Remedy == "" {
		t.Errorf("%+v", state)
	}
	o.refused("POST", "/tpp/vault/rotate", "", "", 503, "vault-unavailable")
	o.refused("GET", "/tpp/grants?aspsp=bpgo", "", "", 503, "vault-unavailable")
	o.refused("GET", "/tpp/grants/bpgo/alice", "", "", 503, "vault-unavailable")
	o.refused("POST", "/tpp/grants/bpgo", "application/json", grantToImport("alice", "rt-lost", ""), 503, "vault-unavailable")
	o.silent("rt-lost")
	o.check(os.Remove(o.file("storage")))
	o.check(os.Rename(o.file("away"), o.file("storage")))
	state = shownVault{}
	if o.ask("GET", "/tpp/vault", "", "", 200, &state); state.Storage != "ok" || state.Error != "" {
		t.Errorf("%+v", state)
	}
}

func TestAdminRotatesKeys(t *testing.T) {
	o := &operator{rig: newRig(t)}
	first := o.newKey("one")
	o.load(parts{tpp: o.vaultBlock("one")})
	for _, name := range []string{"alice", "bob", "carol"} {
		o.ask("POST", "/tpp/grants/bpgo", "", grantToImport(name, "rt-"+name, ""), 201, nil)
	}
	second := o.newKey("two")
	o.load(parts{tpp: o.vaultBlock("two", "one")})
	o.ask("POST", "/tpp/grants/bpgo", "", grantToImport("dave", "rt-dave", ""), 201, nil)

	type rotation struct {
		Rewritten, Current, Failed int
		ByKey                      map[string]int `json:"by_key"`
		Unused                     []string       `json:"unused_keys"`
		Error, Code                string
	}
	var done rotation
	o.ask("POST", "/tpp/vault/rotate", "", "", 200, &done)
	// With the records of the consent clock there are more than the grants.
	if done.Rewritten < 3 || done.Current < 1 || done.Failed != 0 || done.ByKey["one"] != 0 || done.ByKey["two"] != done.Rewritten+done.Current ||
		strings.Join(done.Unused, " ") != "one" || done.Error != "" {
		t.Errorf("%+v", done)
	}
	// What the answer says is so: without the former key all is still there.
	o.load(parts{tpp: o.vaultBlock("two")})
	for _, name := range []string{"alice", "dave"} {
		o.ask("GET", "/tpp/grants/bpgo/"+name, "", "", 200, nil)
	}
	// A record that cannot be read leaves its key in use.
	o.tear("alice")
	o.load(parts{tpp: o.vaultBlock("two", "one")})
	done = rotation{}
	o.ask("POST", "/tpp/vault/rotate", "", "", 200, &done)
	if done.Failed != 1 || done.Code != "grant-record-damaged" {
		t.Errorf("%+v", done)
	}
	o.silent(first, second, "rt-alice", "rt-bob", "rt-carol", "rt-dave")
}

func TestAdminWithoutVault(t *testing.T) {
	o := &operator{rig: newRig(t)}
	o.load(parts{})
	for _, request := range []string{
		"GET /tpp/vault", "POST /tpp/vault/rotate", "GET /tpp/grants?aspsp=bpgo", "GET /tpp/grants/bpgo/alice", "POST /tpp/grants/bpgo",
		"POST /tpp/grants/bpgo/alice/refresh", "POST /tpp/grants/bpgo/alice/release", "POST /tpp/grants/bpgo/alice/revoke", "DELETE /tpp/grants/bpgo/alice",
	} {
		method, path, _ := strings.Cut(request, " ")
		if text := o.refused(method, path, "", "", 501, "grants-not-configured"); !strings.Contains(text, "vault") {
			t.Errorf("%s: no remedy in %s", request, text)
		}
	}
}

// TestAdminTellsOfWrongKey holds that a wrong key is told by its id, also where
// the storage was not there when the start would have refused it.
func TestAdminTellsOfWrongKey(t *testing.T) {
	o := &operator{rig: newRig(t)}
	o.newKey("one")
	o.load(parts{tpp: o.vaultBlock("one")})
	o.ask("POST", "/tpp/grants/bpgo", "", grantToImport("alice", "rt-alice", ""), 201, nil)
	stop(t)
	wrong := o.newKey("one")
	o.check(os.Rename(o.file("storage"), o.file("away")))
	o.check(os.WriteFile(o.file("storage"), nil, 0o600))
	o.load(parts{tpp: o.vaultBlock("one")})
	o.check(os.Remove(o.file("storage")))
	o.check(os.Rename(o.file("away"), o.file("storage")))
	var state shownVault
	o.ask("GET", "/tpp/vault", "", "", 200, &state)
	if state.Storage != "ok" || state.Code != "vault-key-missing" || !strings.Contains(state.Error, `wrong vault key "one"`) || state.Remedy == "" {
		t.Errorf("%+v", state)
	}
	o.silent(wrong, "rt-alice")
}
