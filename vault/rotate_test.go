package vault_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// filled is a storage with ten records of an old key, five of the new one.
func filled(t *testing.T) (*storagetest.Memory, *vault.Vault) {
	m := storagetest.NewMemory()
	before := checked(t, m, key("k1"))
	after := checked(t, m, key("k2"), key("k1"))
	for i := range 10 {
		put(t, before, fmt.Sprintf("grants/old/%d", i), marker)
	}
	for i := range 5 {
		put(t, after, fmt.Sprintf("clock/new/%d", i), marker)
	}
	return m, after
}

func wantRotation(t *testing.T, got vault.Rotation, rewritten, current, failed int, byKey map[string]int) {
	t.Helper()
	if got.Rewritten != rewritten || got.Current != current || got.Failed != failed || !maps.Equal(got.ByKey, byKey) {
		t.Errorf("%+v; want %d rewritten, %d current, %d failed, %v", got, rewritten, current, failed, byKey)
	}
}

func TestRotate(t *testing.T) {
	m, v := filled(t)
	done, err := v.Rotate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantRotation(t, done, 10, 5, 0, map[string]int{"k2": 15})
	if locks := m.Locks(); len(locks) > 0 {
		t.Errorf("left locked: %q", locks)
	}
	// The old key can go.
	v = checked(t, m, key("k2"))
	for i := range 10 {
		wantRecord(t, v, fmt.Sprintf("grants/old/%d", i), marker)
	}
	stored, locks := m.Count(storagetest.Store), m.Count(storagetest.Lock)
	done, err = v.Rotate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantRotation(t, done, 0, 15, 0, map[string]int{"k2": 15})
	if m.Count(storagetest.Store) != stored || m.Count(storagetest.Lock) != locks {
		t.Error("a second rotation writes or locks")
	}
}

func TestRotateFolders(t *testing.T) {
	_, v := filled(t)
	done, err := v.Rotate(t.Context(), "clock", "nothing")
	if err != nil {
		t.Fatal(err)
	}
	wantRotation(t, done, 0, 5, 0, map[string]int{"k2": 5})
	done, err = v.Rotate(t.Context(), "grants", "clock/new")
	if err != nil {
		t.Fatal(err)
	}
	wantRotation(t, done, 10, 5, 0, map[string]int{"k2": 15})
	_, err = v.Rotate(t.Context(), "keys")
	wantError(t, err, vault.ErrName)
}

func TestRotateGoesOnWhereItStopped(t *testing.T) {
	for _, op := range []storagetest.Op{storagetest.Store, storagetest.Load, storagetest.Lock, storagetest.Unlock} {
		t.Run(string(op), func(t *testing.T) {
			m, v := filled(t)
			at := m.Count(op) + 7
			m.Hook(func(_ context.Context, called storagetest.Op, _ string) error {
				if called == op && m.Count(op) == at {
					return storagetest.ErrInjected
				}
				return nil
			})
			stopped, err := v.Rotate(t.Context())
			wantError(t, err, vault.ErrUnavailable)
			wantError(t, err, storagetest.ErrInjected)
			m.Hook(nil)
			m.LoseLocks()
			done, err := v.Rotate(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if stopped.Rewritten+done.Rewritten != 10 || done.ByKey["k2"] != 15 || len(done.ByKey) != 1 {
				t.Errorf("stopped with %+v, done with %+v", stopped, done)
			}
		})
	}
}

func TestRotateCountsWhatItCannotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, v := filled(t)
		put(t, open(t, m, key("k3")), "grants/unknown", marker)
		store(t, m, "tpp/grants/old/3.jwe", []byte("torn"))
		done, err := v.Rotate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantRotation(t, done, 9, 5, 2, map[string]int{"k2": 14, "k3": 1})
		wantError(t, done.Cause, vault.ErrDamaged)
		if all, err := v.Damaged(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("Damaged = %+v, %v", all, err)
		}
	})
}

// TestRotateOverwritesNothing lets another process write, and delete, between
// the first look at a record and its lock.
func TestRotateOverwritesNothing(t *testing.T) {
	m, v := filled(t)
	other := open(t, m.Handle(), key("k1"), key("k2")) // does not write with k2 yet
	deleted := v.LockName("grants/old/5")
	m.Hook(func(ctx context.Context, op storagetest.Op, lock string) error {
		if op != storagetest.Lock {
			return nil
		}
		if lock == deleted {
			return other.Delete(ctx, "grants/old/5")
		}
		for i := range 10 {
			name := fmt.Sprintf("grants/old/%d", i)
			if other.LockName(name) == lock {
				put(t, other, name, "written meanwhile")
			}
		}
		return nil
	})
	done, err := v.Rotate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantRotation(t, done, 9, 5, 0, map[string]int{"k2": 14})
	for i := range 10 {
		if i != 5 {
			wantRecord(t, v, fmt.Sprintf("grants/old/%d", i), "written meanwhile")
		}
	}
	if _, err := m.Load(t.Context(), "tpp/grants/old/5.jwe"); err == nil {
		t.Error("a deleted record is back")
	}
}

// TestRotateWaitsForTheHolder writes under the lock, as all others have to.
func TestRotateWaitsForTheHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, v := filled(t)
		other := open(t, m.Handle(), key("k1"))
		lock, err := other.Lock(t.Context(), "grants/old/4")
		if err != nil {
			t.Fatal(err)
		}
		rotated := make(chan error)
		go func() {
			_, err := v.Rotate(t.Context())
			rotated <- err
		}()
		synctest.Wait()
		put(t, other, "grants/old/4", "under the lock")
		unlock(t, lock)
		if err := <-rotated; err != nil {
			t.Fatal(err)
		}
		wantRecord(t, checked(t, m, key("k2")), "grants/old/4", "under the lock")
	})
}

func TestRotateEndsWithItsContext(t *testing.T) {
	m, v := filled(t)
	ctx, cancel := context.WithCancel(t.Context())
	m.Hook(func(_ context.Context, op storagetest.Op, key string) error {
		if op == storagetest.Store && strings.HasSuffix(key, "/3.jwe") {
			cancel()
		}
		return nil
	})
	done, err := v.Rotate(ctx)
	wantError(t, err, vault.ErrUnavailable)
	wantError(t, err, context.Canceled)
	if done.Rewritten != 4 {
		t.Errorf("%+v", done)
	}
	if locks := m.Locks(); len(locks) > 0 {
		t.Errorf("left locked: %q", locks)
	}
}

// heedless is a storage that does not look at the context, as CertMagic's
// FileStorage does not.
type heedless struct{ *storagetest.Memory }

func (s heedless) Load(ctx context.Context, key string) ([]byte, error) {
	return s.Memory.Load(context.WithoutCancel(ctx), key)
}

func TestRotateEndsOnAStorageThatDoesNot(t *testing.T) {
	m, _ := filled(t)
	ctx, cancel := context.WithCancel(t.Context())
	m.Hook(func(_ context.Context, op storagetest.Op, _ string) error {
		if op == storagetest.Load {
			cancel()
		}
		return nil
	})
	done, err := open(t, heedless{m}, key("k2"), key("k1")).Rotate(ctx)
	wantError(t, err, vault.ErrUnavailable)
	wantError(t, err, context.Canceled)
	if done.Current != 1 {
		t.Errorf("%+v", done)
	}
}
