package vault

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// DefaultMaxHold is how long a lock is believed to be held by one holder.
const DefaultMaxHold = 30 * time.Second

// firstLook is how long a lock is waited for before its holder is looked at.
const firstLook = time.Second

// staleWatch releases a lock file that has no living holder, but is kept from
// going stale. That happens with CertMagic's FileStorage (0.25): Lock starts a
// goroutine that renews the time in the lock file every 5 s for as long as there
// is a file of that name, not as long as it is the same file. Whoever held the
// lock in the last 5 s before another got it goes on renewing the other's file;
// if the other is then killed, nobody gets the lock until the first ends too.
//
// What is not renewed is the time that the file was made. If that stays the same
// for longer than anything is done under a lock, then the holder is gone, or has
// stopped. Storages without such a file are left alone.
type staleWatch struct {
	vault *Vault
	ctx   context.Context
	name  string

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
	made    string
}

// watch looks at the lock's holder until stop is called.
func (v *Vault) watch(ctx context.Context, name string) (stop func()) {
	w := &staleWatch{vault: v, ctx: ctx, name: name}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(firstLook, w.look)
	return w.stop
}

// stop does not wait for a look, unless it is just releasing the lock: nothing
// is released after stop.
func (w *staleWatch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.timer.Stop()
}

func (w *staleWatch) look() {
	made := w.vault.lockFile(w.ctx, w.name)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || w.ctx.Err() != nil {
		return
	}
	if made != "" && made == w.made {
		// The waiting Lock then takes it. An error is one of the storage, which
		// Lock meets as well.
		_ = w.vault.storage.Unlock(w.ctx, w.name)
		made = ""
	}
	w.made = made
	w.timer.Reset(w.vault.maxHold)
}

// lockFile returns when the lock's file was made, in the file's own words, or ""
// if there is none.
func (v *Vault) lockFile(ctx context.Context, name string) string {
	data, err := v.storage.Load(ctx, "locks/"+name+".lock")
	if err != nil {
		return ""
	}
	var file struct {
		Created string `json:"created"`
	}
	_ = json.Unmarshal(data, &file) // half written: look again later
	return file.Created
}
