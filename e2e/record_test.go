package e2e

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

// record is what the tests want to know of a grant's record.
type record struct {
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Epoch   string `json:"epoch"`
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Thumb   string `json:"thumbprint"`
	Pending *struct {
		Kind   string          `json:"kind"`
		Answer json.RawMessage `json:"answer"`
	} `json:"pending"`
}

// vault opens the storage as a sidecar does, with the first key.
func (w *world) vault() *vault.Vault {
	w.t.Helper()
	text, err := os.ReadFile(w.file("key-1"))
	check(w.t, err)
	secret, err := hex.DecodeString(string(text))
	check(w.t, err)
	v, err := vault.New(vault.Options{Storage: &certmagic.FileStorage{Path: w.storage},
		Keys: []vault.Key{{ID: "k1", Secret: secret}}})
	check(w.t, err)
	return v
}

// record reads the grant's record; there may be none.
func (w *world) record(who person) (r record, found bool) {
	w.t.Helper()
	name := strings.TrimPrefix(w.recordFile(who), w.storage+"/tpp/")
	plaintext, err := w.vault().Get(w.t.Context(), strings.TrimSuffix(name, ".jwe"))
	if errors.Is(err, vault.ErrNotFound) {
		return record{}, false
	}
	check(w.t, err)
	check(w.t, json.Unmarshal(plaintext, &r))
	return r, true
}

// writes waits until a file was replaced that often, for a while.
func writes(t testing.TB, file string, times int) {
	t.Helper()
	last, _ := os.Stat(file)
	for deadline := time.Now().Add(3 * time.Second); times > 0 && time.Now().Before(deadline); {
		now, _ := os.Stat(file)
		if now != nil && (last == nil || !os.SameFile(last, now) || !now.ModTime().Equal(last.ModTime())) {
			last = now
			times--
			continue
		}
		time.Sleep(50 * time.Microsecond)
	}
}
