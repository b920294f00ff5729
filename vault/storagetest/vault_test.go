package storagetest_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

// The vault on CertMagic's FileStorage, Caddy's default. It is tested here
// because packages that import CertMagic are not fuzzed in CI, and vault is.

func fileVault(t testing.TB, folder string) *vault.Vault {
	t.Helper()
	v, err := vault.New(vault.Options{
		Storage: &certmagic.FileStorage{Path: folder},
		Keys:    []vault.Key{{ID: "k1", Secret: bytes.Repeat([]byte("k"), vault.SecretSize)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVaultOnFiles(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	v := fileVault(t, folder)
	if err := v.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := v.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprintf("grants/bpgo/3%d/x", i))
		if err := v.Put(t.Context(), want[i], []byte(want[i])); err != nil {
			t.Fatal(err)
		}
	}
	// What FileStorage leaves behind when it is killed while it writes.
	leftover, err := os.CreateTemp(filepath.Join(folder, "tpp/grants/bpgo/30"), "")
	if err != nil {
		t.Fatal(err)
	}
	leftover.Close()
	names, err := fileVault(t, folder).List(t.Context(), "grants")
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("List = %q, %v; want %q", names, err, want)
	}
	done, err := v.Rotate(t.Context())
	if err != nil || done.Current != 5 || done.Failed != 0 {
		t.Errorf("Rotate = %+v, %v", done, err)
	}
	if err := v.Delete(t.Context(), want[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Get(t.Context(), want[0]); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("after a delete: %v", err)
	}
	if names, err := v.List(t.Context(), "nothing"); err != nil || len(names) != 0 {
		t.Errorf("List of no folder = %q, %v", names, err)
	}
	// Deleting or storing at the place of a folder must not work by accident.
	if err := v.Delete(t.Context(), "grants/bpgo"); err != nil {
		t.Fatal(err)
	}
	if names, err := v.List(t.Context(), "grants"); err != nil || len(names) != 4 {
		t.Errorf("List = %q, %v", names, err)
	}
}

// TestListWhileFilesComeAndGo lists while others write: FileStorage then often
// gives up in the middle.
func TestListWhileFilesComeAndGo(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	v := fileVault(t, folder)
	const records = 40
	for i := range records {
		if err := v.Put(t.Context(), fmt.Sprintf("grants/bpgo/%d", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan struct{})
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				if err := v.Put(t.Context(), fmt.Sprintf("grants/bpgo/%d", i), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	files := &certmagic.FileStorage{Path: folder}
	gaveUp := 0
	for until := time.Now().Add(2 * time.Second); time.Now().Before(until); {
		names, err := v.List(t.Context(), "grants")
		if err != nil || len(names) != records {
			t.Errorf("%d of %d records, %v", len(names), records, err)
		}
		if _, err := files.List(t.Context(), "tpp/grants", true); err != nil {
			gaveUp++
		}
	}
	close(ended)
	wait.Wait()
	t.Logf("FileStorage itself gave up %d times", gaveUp)
}

func TestLockNameIsFileStoragesOwn(t *testing.T) {
	name := fileVault(t, t.TempDir()).LockName("grants/bpgo/3f/3fab")
	if safe := certmagic.StorageKeys.Safe(name); safe != name {
		t.Errorf("FileStorage locks %s as %s", name, safe)
	}
}

// TestLockFileIsWhereTheVaultLooks fails if CertMagic moves its lock files:
// then the vault would wait for ever where a holder was killed (stale.go).
func TestLockFileIsWhereTheVaultLooks(t *testing.T) {
	folder := t.TempDir()
	v := fileVault(t, folder)
	lock, err := v.Lock(t.Context(), "grants/x")
	if err != nil {
		t.Fatal(err)
	}
	data, err := (&certmagic.FileStorage{Path: folder}).Load(t.Context(), "locks/"+v.LockName("grants/x")+".lock")
	if err != nil || !bytes.Contains(data, []byte(`"created":"2`)) {
		t.Errorf("lock file %q, %v", data, err)
	}
	if err := lock.Unlock(); err != nil {
		t.Error(err)
	}
}

func TestUnusableFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "tpp"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	v := fileVault(t, folder)
	if err := v.Check(t.Context()); !errors.Is(err, vault.ErrUnavailable) || !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("Check: %v", err)
	}
	if err := v.Put(t.Context(), "grants/x", nil); !errors.Is(err, vault.ErrUnavailable) || !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("Put: %v", err)
	}
}

func BenchmarkFilePut(b *testing.B) {
	v := fileVault(b, b.TempDir())
	plaintext := bytes.Repeat([]byte("x"), 1536)
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Put(b.Context(), "grants/bpgo/3f/3fab", plaintext); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFileGet(b *testing.B) {
	v := fileVault(b, b.TempDir())
	if err := v.Put(b.Context(), "grants/bpgo/3f/3fab", bytes.Repeat([]byte("x"), 1536)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Get(b.Context(), "grants/bpgo/3f/3fab"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFileLock(b *testing.B) {
	v := fileVault(b, b.TempDir())
	for i := 0; b.Loop(); i++ {
		lock, err := v.Lock(b.Context(), fmt.Sprintf("grants/%d", i))
		if err != nil {
			b.Fatal(err)
		}
		if err := lock.Unlock(); err != nil {
			b.Fatal(err)
		}
	}
}
