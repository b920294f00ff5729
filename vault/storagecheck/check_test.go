package storagecheck_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagecheck"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// vanisher lets a handle of its own take the lock, as another process would.
func vanisher(m *storagetest.Memory) func(context.Context, string) error {
	return func(ctx context.Context, lock string) error {
		handle := m.Handle()
		if err := handle.Lock(ctx, lock); err != nil {
			return err
		}
		handle.Vanish()
		return nil
	}
}

func TestMemoryPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storagetest.NewMemory()
		storagetest.Run(t, storagecheck.Options{
			Open:           func() (vault.Storage, error) { return m.Handle(), nil },
			HolderVanishes: vanisher(m),
		})
		if left := m.Keys(); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
		if left := m.Locks(); len(left) > 0 {
			t.Errorf("left locked: %q", left)
		}
	})
}

func TestSkipsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storagetest.NewMemory()
		results := storagecheck.Check(t.Context(), storagecheck.Options{
			Open: func() (vault.Storage, error) { return m.Handle(), nil },
		})
		var skipped []string
		for _, result := range results {
			if !result.OK() {
				t.Error(result)
			}
			if result.Skipped != "" {
				skipped = append(skipped, result.Name)
				if !strings.HasPrefix(result.String(), "skip ") {
					t.Errorf("%v does not say that it was skipped", result)
				}
			}
		}
		want := []string{"holder-vanishes", "holder-vanishes-amid", "holder-vanishes-after-use"}
		if !slices.Equal(skipped, want) {
			t.Errorf("skipped %q, want %q", skipped, want)
		}
		counted := &counter{T: t}
		storagetest.Run(counted, storagecheck.Options{Open: func() (vault.Storage, error) { return m.Handle(), nil }})
		if counted.errors != len(want) {
			t.Errorf("Run reported %d skipped checks, want %d", counted.errors, len(want))
		}
	})
}

// counter counts the failures of a test instead of failing.
type counter struct {
	*testing.T
	errors int
}

func (c *counter) Errorf(string, ...any) { c.errors++ }

func TestStorageThatDoesNotOpen(t *testing.T) {
	cause := errors.New("connection refused")
	results := storagecheck.Check(t.Context(), storagecheck.Options{
		Open: func() (vault.Storage, error) { return nil, cause },
	})
	for _, result := range results {
		if !errors.Is(result.Err, cause) {
			t.Errorf("%s: %v", result.Name, result.Err)
		}
	}
}

func TestCheckStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	results := storagecheck.Check(ctx, storagecheck.Options{
		Open: func() (vault.Storage, error) { t.Error("opened"); return nil, nil },
	})
	for _, result := range results {
		if !errors.Is(result.Err, context.Canceled) {
			t.Errorf("%s: %v", result.Name, result.Err)
		}
	}
}

// TestBrokenStoragesAreCaught shows that each kind of fault is found, and which
// checks find it.
func TestBrokenStoragesAreCaught(t *testing.T) {
	anyVanish := []string{"holder-vanishes", "holder-vanishes-amid", "holder-vanishes-after-use"}
	for _, test := range []struct {
		name  string
		open  func(m *storagetest.Memory) vault.Storage
		setup func(m *storagetest.Memory)
		fails []string
		more  bool // others may fail, too, depending on which comes first
	}{
		{name: "no locking", open: func(m *storagetest.Memory) vault.Storage { return noLocking{m} },
			fails: []string{"lock-excludes", "lock-waits", "lock-context", "lock-kept"}},
		{name: "locks within a process only", open: func(m *storagetest.Memory) vault.Storage { return ownLocks{m, storagetest.NewMemory()} },
			fails: []string{"lock-excludes", "lock-waits", "lock-context", "lock-kept"}},
		{name: "unlock does nothing", open: func(m *storagetest.Memory) vault.Storage { return noUnlock{m} },
			fails: append([]string{"lock-excludes", "lock-waits", "lock-context", "holder-vanishes-amid"}, anyVanish[2])},
		{name: "lock ignores its context", open: func(m *storagetest.Memory) vault.Storage { return deaf{m} },
			fails: []string{"lock-context"}},
		{name: "one lock for all names", open: func(m *storagetest.Memory) vault.Storage { return oneLock{m} },
			fails: []string{"lock-names"}, more: true},
		{name: "lock is not renewed", open: func(m *storagetest.Memory) vault.Storage { return notRenewed{m} },
			fails: []string{"lock-kept"}},
		{name: "lock never expires", setup: func(m *storagetest.Memory) { m.SetLockTTL(24 * time.Hour) },
			fails: anyVanish},
		{name: "torn values", open: func(m *storagetest.Memory) vault.Storage { return tearing{m} },
			fails: []string{"no-torn-values"}},
		{name: "values cut at 64 KiB", open: func(m *storagetest.Memory) vault.Storage { return cutting{m} },
			fails: []string{"round-trip"}},
		{name: "overwriting leaves the old end", open: func(m *storagetest.Memory) vault.Storage { return overlaying{m} },
			fails: []string{"overwrite", "no-torn-values"}},
		{name: "reads from a cache of the handle", open: func(m *storagetest.Memory) vault.Storage { return &caching{Memory: m} },
			fails: []string{"handles", "lock-excludes", "holder-vanishes-amid"}},
		{name: "list is empty", open: func(m *storagetest.Memory) vault.Storage { return noList{m} },
			fails: []string{"list", "handles", "list-while-storing"}},
		{name: "list gives relative keys", open: func(m *storagetest.Memory) vault.Storage { return relativeList{m} },
			fails: []string{"list", "handles", "list-while-storing"}},
		{name: "list does not descend", open: func(m *storagetest.Memory) vault.Storage { return flatList{m} },
			fails: []string{"list"}},
		{name: "missing is another error", open: func(m *storagetest.Memory) vault.Storage { return otherMissing{m} },
			fails: []string{"missing", "delete", "failing-load", "handles", "lock-excludes"}},
		{name: "what cannot be loaded is missing", open: func(m *storagetest.Memory) vault.Storage { return silent{m} },
			fails: []string{"failing-load"}},
		{name: "delete takes what begins alike", open: func(m *storagetest.Memory) vault.Storage { return greedy{m} },
			fails: []string{"delete"}},
		{name: "delete does nothing", open: func(m *storagetest.Memory) vault.Storage { return noDelete{m} },
			fails: []string{"delete", "handles", "clean-up"}},
		{name: "disk is full", setup: func(m *storagetest.Memory) { m.SetFull(true) },
			fails: []string{"round-trip", "overwrite", "delete", "list", "failing-load", "handles", "no-torn-values", "list-while-storing",
				"lock-excludes", "holder-vanishes-amid", "clean-up"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := storagetest.NewMemory()
				if test.setup != nil {
					test.setup(m)
				}
				var (
					mu     sync.Mutex
					opened []*storagetest.Memory
				)
				results := storagecheck.Check(t.Context(), storagecheck.Options{
					Open: func() (vault.Storage, error) {
						handle := m.Handle()
						mu.Lock()
						opened = append(opened, handle)
						mu.Unlock()
						if test.open == nil {
							return handle, nil
						}
						return test.open(handle), nil
					},
					HolderVanishes: vanisher(m),
				})
				for _, handle := range opened {
					handle.LoseLocks() // whoever still waits may end
				}
				var failed []string
				for _, result := range results {
					if !result.OK() {
						failed = append(failed, result.Name)
						t.Log(result)
					}
				}
				slices.Sort(failed)
				want := slices.Sorted(slices.Values(test.fails))
				if test.more {
					failed = slices.DeleteFunc(failed, func(name string) bool { return !slices.Contains(want, name) })
				}
				if !slices.Equal(failed, want) {
					t.Errorf("failed: %q\n  want: %q", failed, want)
				}
			})
		})
	}
}
