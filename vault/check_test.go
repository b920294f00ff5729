package vault_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

func checked(t testing.TB, m *storagetest.Memory, keys ...vault.Key) *vault.Vault {
	t.Helper()
	v := open(t, m, keys...)
	if err := v.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	return v
}

// impostor is another secret under the id.
func impostor(id string) vault.Key { return vault.Key{ID: id, Secret: key("other").Secret} }

func TestCheckWritesCanaries(t *testing.T) {
	m := storagetest.NewMemory()
	checked(t, m, key("k1"), key("k2"))
	if keys, want := m.Keys(), []string{"tpp/keys/k1.jwe", "tpp/keys/k2.jwe"}; !slices.Equal(keys, want) {
		t.Errorf("stored %q, want %q", keys, want)
	}
	if locks := m.Locks(); len(locks) > 0 {
		t.Errorf("left locked: %q", locks)
	}
	stored, locked := m.Count(storagetest.Store), m.Count(storagetest.Lock)
	checked(t, m, key("k2"), key("k1"))
	if m.Count(storagetest.Store) != stored || m.Count(storagetest.Lock) != locked {
		t.Error("a check of known keys writes or locks")
	}
}

func TestWrongSecretIsRefused(t *testing.T) {
	for _, test := range []struct {
		name string
		keys []vault.Key
	}{
		{"the only key", []vault.Key{impostor("k1")}},
		{"an old key", []vault.Key{key("k3"), impostor("k1")}},
		{"secrets of two ids exchanged", []vault.Key{
			{ID: "k1", Secret: key("k2").Secret}, {ID: "k2", Secret: key("k1").Secret}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := storagetest.NewMemory()
				checked(t, m, key("k1"), key("k2"))
				before := m.Keys()
				told := 0
				v := openWith(t, vault.Options{Storage: m, Keys: test.keys, OnDamage: func(vault.Damage) { told++ }})
				err := v.Check(t.Context())
				wantError(t, err, vault.ErrWrongKey)
				for _, part := range []string{`"k1"`, "tpp/keys/k1.jwe", "configure that one again"} {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%v does not say %s", err, part)
					}
				}
				if told != 0 || errors.Is(err, vault.ErrDamaged) {
					t.Error("a wrong secret is told as damage")
				}
				if after := m.Keys(); !slices.Equal(before, after) {
					t.Errorf("written: %q, before %q", after, before)
				}
			})
		})
	}
}

func TestReplacedKeyIsRefused(t *testing.T) {
	m := storagetest.NewMemory()
	checked(t, m, key("k1"))
	err := open(t, m, key("k2")).Check(t.Context())
	wantError(t, err, vault.ErrUnknownKey)
	for _, part := range []string{"k1", `after "k2"`, `"tpp"`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %s", err, part)
		}
	}
	if keys := m.Keys(); len(keys) != 1 {
		t.Errorf("written: %q", keys)
	}
}

// TestKeysComeAndGo is the way of an installation through its keys.
func TestKeysComeAndGo(t *testing.T) {
	m := storagetest.NewMemory()
	checked(t, m, key("k1"))
	checked(t, m, key("k1"), key("k2")) // everywhere first
	checked(t, m, key("k1"))            // an instance that does not know it yet starts again
	checked(t, m, key("k2"), key("k1"))
	checked(t, m, key("k2"))
	checked(t, m, key("k3"), key("k2"))
	checked(t, m, key("k3"))
	err := open(t, m, impostor("k1"), key("k3")).Check(t.Context())
	wantError(t, err, vault.ErrWrongKey) // an id is not used again
}

func TestTornCanaryIsRefused(t *testing.T) {
	for name, tear := range map[string]func([]byte) []byte{
		"cut":            func(value []byte) []byte { return value[:40] },
		"empty":          func([]byte) []byte { return []byte{} },
		"of another key": nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := storagetest.NewMemory()
				checked(t, m, key("k1"), key("k2"))
				value := raw(t, m, "tpp/keys/k2.jwe")
				if tear != nil {
					value = tear(raw(t, m, "tpp/keys/k1.jwe"))
				}
				store(t, m, "tpp/keys/k1.jwe", value)
				var told []vault.Damage
				v := openWith(t, vault.Options{Storage: m, Keys: []vault.Key{key("k1"), key("k2")}, OnDamage: func(d vault.Damage) { told = append(told, d) }})
				err := v.Check(t.Context())
				wantError(t, err, vault.ErrDamaged)
				if !strings.Contains(err.Error(), "tpp/keys/k1.jwe") || len(told) != 1 {
					t.Errorf("%v, told %+v", err, told)
				}
				if string(raw(t, m, "tpp/keys/k1.jwe")) != string(value) {
					t.Error("the canary was written anew")
				}
			})
		})
	}
}

// TestCanaryMustSayTheRightThing covers a record that a key did write, but not
// as its canary.
func TestCanaryMustSayTheRightThing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storagetest.NewMemory()
		// The storage key of a canary of prefix "a" is one of a record of prefix "x".
		put(t, openWith(t, vault.Options{Storage: m, Keys: []vault.Key{key("k1")}, Prefix: "a"}), "b/x", marker)
		v := openWith(t, vault.Options{Storage: m, Keys: []vault.Key{key("k1")}, Prefix: "p/q"})
		put(t, openWith(t, vault.Options{Storage: m, Keys: []vault.Key{key("k1")}, Prefix: "p"}), "q/keys/k1", marker)
		wantError(t, v.Check(t.Context()), vault.ErrDamaged)
	})
}

func TestCheckWithoutStorage(t *testing.T) {
	for _, op := range []storagetest.Op{storagetest.Load, storagetest.Lock, storagetest.List, storagetest.Store, storagetest.Unlock} {
		m := storagetest.NewMemory()
		m.Fail(op, 1, nil)
		err := open(t, m, key("k1")).Check(t.Context())
		wantError(t, err, vault.ErrUnavailable)
		wantError(t, err, storagetest.ErrInjected)
		if op == storagetest.Unlock {
			continue // it holds the lock, until the process ends
		}
		checked(t, m, key("k1")) // and next time it works
	}
}

// TestCheckReadsBack covers a storage that takes a canary and loses it.
func TestCheckReadsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storagetest.NewMemory()
		m.Tear(10, nil)
		wantError(t, open(t, m, key("k1")).Check(t.Context()), vault.ErrDamaged)
	})
}

// TestFirstStartOfMany lets processes with two different secrets for one id
// start on an empty storage: one secret wins, and all others are refused.
func TestFirstStartOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storagetest.NewMemory()
		var (
			wait sync.WaitGroup
			mu   sync.Mutex
			good = make(map[string]int)
		)
		for i := range 20 {
			k := key("k1")
			if i%2 == 1 {
				k = impostor("k1")
			}
			v := open(t, m.Handle(), k)
			wait.Go(func() {
				err := v.Check(t.Context())
				if err != nil {
					wantError(t, err, vault.ErrWrongKey)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				good[string(k.Secret)]++
			})
		}
		wait.Wait()
		if len(good) != 1 {
			t.Fatalf("%d secrets passed", len(good))
		}
		for _, count := range good {
			if count != 10 {
				t.Errorf("%d of 10 with the right secret passed", count)
			}
		}
	})
}
