package vault

import (
	"context"
	"sync"
	"time"
)

// unlockTimeout bounds how long a lock's release may take.
const unlockTimeout = 10 * time.Second

// mayBeLost is the age from which a lock may be another's: CertMagic's FileStorage
// takes it from a holder who has given no sign of life for five to ten seconds,
// and its Unlock then removes the other's lock file.
const mayBeLost = 4 * time.Second

// Lock is a held lock of the storage. Locks of storages are not perfect: one
// that was taken over from a holder that seemed to have vanished may have two
// holders for a moment. What is done under it has to bear that.
type Lock struct {
	// Waited is how long it took to get it. A free lock takes milliseconds; more
	// than a few seconds hint at a takeover.
	Waited time.Duration

	vault *Vault
	name  string
	// began and acquired are the times around its getting.
	began, acquired time.Time

	mu       sync.Mutex
	released bool
}

// Lock waits for the lock of a record, whichever process holds it, until ctx
// ends. The name is a record's, which need not exist. It is not to be held
// longer than Options.MaxHold. Errors: ErrName,
// ErrUnavailable (ctx's own error in its chain).
func (v *Vault) Lock(ctx context.Context, name string) (*Lock, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	return v.lock(ctx, name)
}

func (v *Vault) lock(ctx context.Context, name string) (*Lock, error) {
	// The monotonic clock: the wall clock may jump while waiting.
	started := time.Now()
	name = v.LockName(name)
	stop := v.watch(ctx, name)
	err := v.storage.Lock(ctx, name)
	stop()
	if err != nil {
		return nil, unavailable(ctx, "lock a record", err)
	}
	now := time.Now()
	return &Lock{Waited: now.Sub(started), vault: v, name: name, began: started, acquired: now}, nil
}

// Age is how long ago the lock was got, by the clock that is ahead: the monotonic
// one may stand still with the machine, the other can be set.
func (l *Lock) Age() time.Duration {
	now := time.Now()
	return max(now.Sub(l.acquired), now.Round(0).Sub(l.acquired.Round(0)))
}

// Held tells whether Unlock was not called yet. It cannot tell whether the
// storage has given the lock to another meanwhile.
func (l *Lock) Held() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.released
}

// Unlock releases the lock, also when the context it was got with has ended.
// A second call does nothing. A lock whose file another has made meanwhile is left
// to the other. Error: ErrUnavailable; the storage then releases the lock by
// itself after a while.
func (l *Lock) Unlock() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.released {
		return nil
	}
	l.released = true
	ctx, cancel := context.WithTimeout(context.Background(), unlockTimeout)
	defer cancel()
	if l.Age() > mayBeLost && l.taken(ctx) {
		return nil
	}
	if err := l.vault.storage.Unlock(ctx, l.name); err != nil && !missing(err) {
		return unavailable(ctx, "unlock a record", err)
	}
	return nil
}

// taken reports whether the storage's lock file, if it has one, was made by
// another holder.
func (l *Lock) taken(ctx context.Context) bool {
	made, err := time.Parse(time.RFC3339Nano, l.vault.lockFile(ctx, l.name))
	if err != nil {
		return false
	}
	return made.Before(l.began.Round(0)) || made.After(l.acquired.Round(0))
}
