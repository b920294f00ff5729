package vault_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

func locked(t testing.TB, v *vault.Vault) *vault.Lock {
	t.Helper()
	lock, err := v.Lock(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

func unlock(t testing.TB, lock *vault.Lock) {
	t.Helper()
	if err := lock.Unlock(); err != nil {
		t.Error(err)
	}
}

func TestLockExcludes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storagetest.NewMemory()
		first, second := open(t, m, key("k1")), open(t, m.Handle(), key("k1"))
		lock := locked(t, first)
		if lock.Waited != 0 || !lock.Held() || lock.Age() != 0 {
			t.Errorf("waited %v, held %v, age %v", lock.Waited, lock.Held(), lock.Age())
		}
		time.AfterFunc(3*time.Second, func() {
			if lock.Age() != 3*time.Second {
				t.Errorf("age %v", lock.Age())
			}
			unlock(t, lock)
		})
		other := locked(t, second)
		if other.Waited != 3*time.Second || lock.Held() {
			t.Errorf("waited %v; the first is held: %v", other.Waited, lock.Held())
		}
		unlock(t, lock) // a second time: not the other's
		if locks := m.Locks(); len(locks) != 1 {
			t.Errorf("locked: %q", locks)
		}
		unlock(t, other)
		if locks := m.Locks(); len(locks) != 0 {
			t.Errorf("left locked: %q", locks)
		}
	})
}

func TestUnlockOutlivesTheContext(t *testing.T) {
	m := storagetest.NewMemory()
	ctx, cancel := context.WithCancel(t.Context())
	lock, err := open(t, m, key("k1")).Lock(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	unlock(t, lock)
	if locks := m.Locks(); len(locks) != 0 {
		t.Errorf("left locked: %q", locks)
	}
}

func TestUnlockIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storagetest.NewMemory()
		lock := locked(t, open(t, m, key("k1")))
		m.Slow(time.Hour)
		started := time.Now()
		err := lock.Unlock()
		wantError(t, err, vault.ErrUnavailable)
		wantError(t, err, context.DeadlineExceeded)
		if took := time.Since(started); took != 10*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestLockEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storagetest.NewMemory()
		v := open(t, m, key("k1"))
		lock := locked(t, v)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := open(t, m.Handle(), key("k1")).Lock(ctx, name)
		wantError(t, err, vault.ErrUnavailable)
		wantError(t, err, context.DeadlineExceeded)
		unlock(t, lock)
		unlock(t, locked(t, v))
	})
}

// fileLocks has the lock files of CertMagic's FileStorage, whose Unlock releases
// whoever's lock it is.
type fileLocks struct {
	*storagetest.Memory
	holder   *storagetest.Memory
	released int
}

func (s *fileLocks) Unlock(ctx context.Context, name string) error {
	if err := s.Memory.Unlock(ctx, name); err == nil {
		return nil
	}
	s.released++
	s.holder.LoseLocks()
	return s.Memory.Delete(ctx, "locks/"+name+".lock")
}

func (s *fileLocks) file(t *testing.T, made string) {
	store(t, s.holder, "locks/"+open(t, s.Memory, key("k1")).LockName(name)+".lock", []byte(made))
}

func newFileLocks(t *testing.T) *fileLocks {
	m := storagetest.NewMemory()
	s := &fileLocks{Memory: m, holder: m.Handle()}
	locked(t, open(t, s.holder, key("k1")))
	return s
}

func TestLockFileWithoutHolderIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFileLocks(t)
		s.file(t, `{"created":"2026-01-02T03:04:05Z","updated":"2026-01-02T03:04:05Z"}`)
		// The updated time is all that changes.
		stop := make(chan struct{})
		go func() {
			for i := 0; ; i++ {
				select {
				case <-time.After(5 * time.Second):
					if len(s.holder.Keys()) > 0 {
						s.file(t, fmt.Sprintf(`{"created":"2026-01-02T03:04:05Z","updated":"%d"}`, i))
					}
				case <-stop:
					return
				}
			}
		}()
		defer close(stop)
		lock := locked(t, open(t, s, key("k1")))
		if want := vault.DefaultMaxHold + time.Second; lock.Waited != want {
			t.Errorf("waited %v, want %v", lock.Waited, want)
		}
		time.Sleep(10 * vault.DefaultMaxHold)
		if s.released != 1 {
			t.Errorf("released %d times", s.released)
		}
		unlock(t, lock)
	})
}

func TestLivingLockIsLeftAlone(t *testing.T) {
	for name, file := range map[string]func(i int) string{
		"holders change":  func(i int) string { return fmt.Sprintf(`{"created":"%d"}`, i) },
		"no lock file":    func(int) string { return "" },
		"torn lock file":  func(int) string { return `{"crea` },
		"foreign content": func(int) string { return `{"holder":"x"}` },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newFileLocks(t)
				ctx, cancel := context.WithTimeout(t.Context(), 10*vault.DefaultMaxHold)
				defer cancel()
				var wait sync.WaitGroup
				defer wait.Wait()
				wait.Go(func() {
					for i := 0; ctx.Err() == nil; i++ {
						if content := file(i); content != "" {
							s.file(t, content)
						}
						select {
						case <-time.After(vault.DefaultMaxHold / 2):
						case <-ctx.Done():
						}
					}
				})
				_, err := open(t, s, key("k1")).Lock(ctx, "grants/bpgo/3f/3fab")
				wantError(t, err, context.DeadlineExceeded)
				if s.released != 0 {
					t.Errorf("released %d times", s.released)
				}
			})
		})
	}
}

// TestLockNames sees that names which differ little have locks of their own, and
// that storages which respell names leave them alone.
func TestLockNames(t *testing.T) {
	v := open(t, storagetest.NewMemory(), key("k1"))
	seen := make(map[string]string)
	for _, name := range []string{"a/bc", "ab/c", "a/b/c", "A/bc", "a/b.c", "a/b-c", "a/b_c", name} {
		lock := v.LockName(name)
		if other, twice := seen[strings.ToLower(lock)]; twice {
			t.Errorf("%s and %s are one lock", name, other)
		}
		seen[strings.ToLower(lock)] = name
		if strings.Trim(lock, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("%s may be respelled", lock)
		}
	}
}

// TestLookDoesNotOutliveTheWait gets the lock while the holder is looked at.
func TestLookDoesNotOutliveTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFileLocks(t)
		s.file(t, `{"created":"2026-01-02T03:04:05Z"}`)
		s.Hook(func(_ context.Context, op storagetest.Op, _ string) error {
			if op == storagetest.Load {
				time.Sleep(time.Minute) // a storage that has no eye on the context
			}
			return nil
		})
		time.AfterFunc(1500*time.Millisecond, s.holder.LoseLocks)
		lock := locked(t, open(t, s, key("k1")))
		if lock.Waited != 1500*time.Millisecond {
			t.Errorf("waited %v: for the look", lock.Waited)
		}
		time.Sleep(time.Hour)
		if looks := s.Count(storagetest.Load); looks != 1 || s.released != 0 {
			t.Errorf("looked %d times, released %d times", looks, s.released)
		}
		unlock(t, lock)
	})
}

// A lock that was held for long may have gone to another, whose lock file Unlock
// would remove.
func TestUnlockLeavesAnothersLock(t *testing.T) {
	for _, c := range []struct {
		name     string
		age      time.Duration
		made     func(acquired time.Time) string
		released int
	}{
		{"another's", 11 * time.Second, func(at time.Time) string { return at.Add(10 * time.Second).Format(time.RFC3339Nano) }, 0},
		{"another's, of a clock behind", 11 * time.Second, func(at time.Time) string { return at.Add(-time.Second).Format(time.RFC3339Nano) }, 0},
		{"our own", 11 * time.Second, func(at time.Time) string { return at.Format(time.RFC3339Nano) }, 1},
		{"not to be read", 11 * time.Second, func(time.Time) string { return "" }, 1},
		{"too young to be lost", time.Second, func(at time.Time) string { return at.Add(time.Second).Format(time.RFC3339Nano) }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := storagetest.NewMemory()
				s := &fileLocks{Memory: m, holder: m.Handle()}
				lock := locked(t, open(t, s, key("k1")))
				acquired := time.Now()
				time.Sleep(c.age)
				m.LoseLocks()
				other := locked(t, open(t, s.holder, key("k1")))
				s.file(t, fmt.Sprintf(`{"created":%q}`, c.made(acquired)))
				unlock(t, lock)
				if s.released != c.released {
					t.Errorf("released %d times", s.released)
				}
				_ = other.Unlock() // if it still has it
			})
		})
	}
}
