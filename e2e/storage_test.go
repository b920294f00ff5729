package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// cutOff takes the storage away: there is a file in its place.
func (w *world) cutOff() (restore func()) {
	w.t.Helper()
	away := w.storage + "-away"
	check(w.t, os.Rename(w.storage, away))
	check(w.t, os.WriteFile(w.storage, nil, 0o600))
	return func() {
		w.t.Helper()
		check(w.t, os.Remove(w.storage))
		check(w.t, os.Rename(away, w.storage))
	}
}

// TestStorageAwayAtStart: the sidecar starts without its storage. Calls without a
// grant go out, calls with one are refused until it is back.
func TestStorageAwayAtStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.TokenRules{}, parts{})
	maker := w.start("maker")
	who := maker.grant()
	maker.stop()
	restore := w.cutOff()
	p := w.start("alone")
	if !p.logged(`"level":"error"`, "the storage of the vault cannot be used") {
		t.Error("the log does not say it")
	}
	if a := p.funds(); !a.ok() {
		t.Errorf("a call without a grant: %+v", a)
	}
	if a := p.refused(who, "vault-unavailable"); a.status != 503 {
		t.Errorf("status %d", a.status)
	}
	restore()
	eventually(t, "the grant is back", func() bool { return p.accounts(who).ok() })
	w.onceEach([]person{who}, 0)
}

// TestStorageAwayAtRunTime: a token in memory goes on, nothing is refreshed, and
// everything is as before once the storage is back.
func TestStorageAwayAtRunTime(t *testing.T) {
	t.Parallel()
	w := newRotating(t)
	p := w.start("cut-off")
	who, cold := p.grant(), p.grant()
	p.use(who)
	restore := w.cutOff()
	for began := time.Now(); time.Since(began) < 2500*time.Millisecond; time.Sleep(100 * time.Millisecond) {
		p.use(who) // also when it would have to be looked up again, after recheck
	}
	if !p.logged(`"level":"error"`, "grant storage_unavailable") {
		t.Error("the log does not say it")
	}
	p.refused(cold, "vault-unavailable")
	w.bank.ExpireTokens()
	p.refused(who, "vault-unavailable")
	w.onceEach([]person{who, cold}, 0)
	restore()
	for _, one := range []person{who, cold} {
		if a := p.settled(one); !a.ok() {
			t.Errorf("%s: %+v", one.login, a)
		}
	}
	w.onceEach([]person{who, cold}, 1)
}

// TestWrongKey: another secret under a known id ends the start, with the id and
// the remedy, and harms nothing.
func TestWrongKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.TokenRules{}, parts{})
	maker := w.start("maker")
	who := maker.grant()
	maker.stop()
	w.newKey("key-2")
	wrong := w.launch("wrong", func(c *parts) { c.vault = fmt.Sprintf("key k1 {file.%s}", w.file("key-2")) })
	wrong.doomed()
	if status := wrong.wait(); status == 0 {
		t.Error("it started")
	}
	if !wrong.saidAll(`key`, `k1`, "configure that one again", "give the new secret an id of its own") {
		t.Errorf("it said: %s", wrong.said)
	}
	stranger := w.launch("stranger", func(c *parts) { c.vault = fmt.Sprintf("key k9 {file.%s}", w.file("key-2")) })
	stranger.doomed()
	if status := stranger.wait(); status == 0 || !stranger.saidAll("k1", "k9", "add the last one in use") {
		t.Errorf("status %d, it said: %s", status, stranger.said)
	}
	w.start("right").use(who)
	w.onceEach([]person{who}, 0)
}

func (p *process) saidAll(texts ...string) bool {
	said := p.said.String()
	for _, text := range texts {
		if !strings.Contains(said, text) {
			return false
		}
	}
	return true
}

// TestTornRecord: a record that is torn is not taken for missing. A copy is kept,
// and the record is as before when it was restored.
func TestTornRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.TokenRules{}, parts{})
	maker := w.start("maker")
	who, other := maker.grant(), maker.grant()
	maker.stop()
	file := w.recordFile(who)
	whole, err := os.ReadFile(file)
	check(t, err)
	torn := whole[:len(whole)*2/3]
	check(t, os.WriteFile(file, torn, 0o600))
	p := w.start("reader")
	p.refused(who, "grant-record-damaged")
	p.use(other)
	copies, err := filepath.Glob(filepath.Join(w.storage, "tpp", "damaged", "*"))
	check(t, err)
	if len(copies) != 1 || !p.logged(`"level":"error"`, "a copy was kept aside", filepath.Base(copies[0])) {
		t.Errorf("copies %q, or the log does not name them", copies)
	}
	if metrics := p.ask("GET", "/metrics", nil); !strings.Contains(metrics.body, "caddy_tpp_vault_damaged_records_total 1") {
		t.Error("it was not counted")
	}
	if state := p.ask("GET", "/tpp/vault", nil); !strings.Contains(state.body, strings.TrimSuffix(filepath.Base(file), ".jwe")) {
		t.Errorf("the vault's state does not list it: %s", state.body)
	}
	if left, err := os.ReadFile(file); err != nil || string(left) != string(torn) {
		t.Errorf("the record was touched: %v", err)
	}
	check(t, os.WriteFile(file, whole, 0o600))
	eventually(t, "the restored record is used", func() bool { return p.accounts(who).ok() })
	w.onceEach([]person{who}, 0)
}
