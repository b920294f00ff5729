package vault_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

func wantList(t *testing.T, v *vault.Vault, folder string, want ...string) {
	t.Helper()
	names, err := v.List(t.Context(), folder)
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("List(%q) = %q, %v; want %q", folder, names, err, want)
	}
}

func TestListNamesRecordsOnly(t *testing.T) {
	m := storagetest.NewMemory()
	v := checked(t, m, key("k1"))
	for _, name := range []string{"grants/bpgo/3f/2", "grants/bpgo/3f/1", "grants/bpgo/40/3", "grants/bpgo2/x", "grants/other/x", "clock/x"} {
		put(t, v, name, marker)
	}
	for _, leftover := range []string{
		"tpp/grants/bpgo/3f/1872312398",       // FileStorage, after kill -9
		"tpp/grants/bpgo/3f/1.jwe.lock",       // a lock beside what it locks
		"tpp/grants/bpgo/3f/.nfs0001.jwe",     // NFS
		"tpp/grants/bpgo/3f/with space.jwe",   // an operator's copy
		"tpp/grants/bpgo/3f/1.jwe.bak",        //
		"other/grants/bpgo/3f/1.jwe",          // another's
		"locks/tpp-0123456789abcdef.lock",     //
		"tpp/damaged/aa.json", "tpp/tpp/.jwe", //
	} {
		store(t, m, leftover, []byte("x"))
	}
	wantList(t, v, "grants/bpgo", "grants/bpgo/3f/1", "grants/bpgo/3f/2", "grants/bpgo/40/3")
	wantList(t, v, "grants/bpgo/40", "grants/bpgo/40/3")
	wantList(t, v, "grants", "grants/bpgo/3f/1", "grants/bpgo/3f/2", "grants/bpgo/40/3", "grants/bpgo2/x", "grants/other/x")
	wantList(t, v, "", "clock/x", "grants/bpgo/3f/1", "grants/bpgo/3f/2", "grants/bpgo/40/3", "grants/bpgo2/x", "grants/other/x")
	wantList(t, v, "nothing")
	for _, bad := range []string{"keys", "damaged", "../x", "grants/", "/grants", "a//b"} {
		_, err := v.List(t.Context(), bad)
		wantError(t, err, vault.ErrName)
	}
}

func TestListOfAnEmptyStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := open(t, storagetest.NewMemory(), key("k1"))
		wantList(t, v, "")
		if all, err := v.Damaged(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("Damaged = %+v, %v", all, err)
		}
	})
}

// restless lists as CertMagic's FileStorage does while files come and go: it
// gives up with what it has so far. Every folder rests after a while.
type restless struct {
	*storagetest.Memory
	unrest map[string]int // by path: how often it still fails
}

func (s *restless) List(ctx context.Context, path string, recursive bool) ([]string, error) {
	keys, err := s.Memory.List(ctx, path, recursive)
	if err == nil && (recursive || s.unrest[path] > 0) {
		s.unrest[path]--
		return keys[:len(keys)/2], fs.ErrNotExist
	}
	return keys, err
}

func TestListOfAFolderThatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &restless{storagetest.NewMemory(), map[string]int{"tpp/grants/bpgo": 3, "tpp/grants/bpgo/3f": 2}}
		v := open(t, s, key("k1"))
		put(t, v, "grants/bpgo/3f/1", marker)
		put(t, v, "grants/bpgo/3f/2", marker)
		put(t, v, "grants/bpgo/40/3", marker)
		store(t, s.Memory, "tpp/grants/bpgo/40/123", nil)
		wantList(t, v, "grants/bpgo", "grants/bpgo/3f/1", "grants/bpgo/3f/2", "grants/bpgo/40/3")

		s.unrest["tpp/grants/bpgo/3f"] = 1000
		_, err := v.List(t.Context(), "grants/bpgo")
		wantError(t, err, vault.ErrUnavailable)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = v.List(ctx, "grants")
		wantError(t, err, context.Canceled)
	})
}

// ofStrings lists as a storage does that compares strings and gives no error for
// what is not there.
type ofStrings struct{ *storagetest.Memory }

func (s ofStrings) List(_ context.Context, path string, _ bool) ([]string, error) {
	return slices.DeleteFunc(s.Keys(), func(key string) bool { return len(key) < len(path) || key[:len(path)] != path }), nil
}

func TestListOfStorageThatComparesStrings(t *testing.T) {
	s := ofStrings{storagetest.NewMemory()}
	v := open(t, s, key("k1"))
	put(t, v, "grants/bpgo/1", marker)
	put(t, v, "grants/bpgo2/1", marker)
	wantList(t, v, "grants/bpgo", "grants/bpgo/1")
	wantList(t, v, "nothing")
}

func TestListFailsWhereItCannotSee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &restless{storagetest.NewMemory(), map[string]int{}}
		v := open(t, s, key("k1"))
		put(t, v, "grants/bpgo/1", marker)
		denied := errors.New("permission denied")
		s.Hook(func(_ context.Context, op storagetest.Op, key string) error {
			if op == storagetest.List && key == "tpp/grants/bpgo" {
				return denied
			}
			return nil
		})
		_, err := v.List(t.Context(), "grants")
		wantError(t, err, vault.ErrUnavailable)
		wantError(t, err, denied)
	})
}
