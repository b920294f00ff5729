package vault_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// With CheckFirst nothing is read or written before the keys are known to be
// right, however late the storage comes.
func TestCheckFirst(t *testing.T) {
	storage := storagetest.NewMemory()
	open := func(secret []byte) *vault.Vault {
		v, err := vault.New(vault.Options{Storage: storage, Keys: []vault.Key{{ID: "1", Secret: secret}}, CheckFirst: true})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	right := vault.NewSecret()
	v := open(right)
	if err := v.Check(t.Context()); err != nil || !v.Fresh() {
		t.Fatalf("%v, fresh: %t", err, v.Fresh())
	}
	if again := open(right); again.Check(t.Context()) != nil || again.Fresh() {
		t.Error("fresh a second time")
	}
	if err := v.Put(t.Context(), "grants/a", []byte("token")); err != nil {
		t.Fatal(err)
	}
	wrong := open(vault.NewSecret())
	storage.Fail(storagetest.Load, 1, errors.New("down"))
	if err := wrong.Check(t.Context()); !errors.Is(err, vault.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	before := storage.Count(storagetest.Store)
	_, got := wrong.Get(t.Context(), "grants/a")
	_, listed := wrong.List(t.Context(), "grants")
	_, rotated := wrong.Rotate(t.Context())
	for what, err := range map[string]error{
		"get": got, "list": listed, "rotate": rotated,
		"put": wrong.Put(t.Context(), "grants/a", []byte("other")), "delete": wrong.Delete(t.Context(), "grants/a"),
	} {
		if !errors.Is(err, vault.ErrWrongKey) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if storage.Count(storagetest.Store) != before {
		t.Error("something was written with the wrong key")
	}
	if plaintext, err := open(right).Get(t.Context(), "grants/a"); err != nil || string(plaintext) != "token" {
		t.Errorf("%q %v", plaintext, err)
	}
}

// A storage that answers "not there" when it cannot be reached is not believed.
func TestLostStorage(t *testing.T) {
	storage := storagetest.NewMemory()
	v, err := vault.New(vault.Options{Storage: storage, Keys: []vault.Key{{ID: "1", Secret: vault.NewSecret()}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Get(t.Context(), "grants/a"); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	storage.Fail(storagetest.Load, 2, fs.ErrNotExist)
	if _, err := v.Get(t.Context(), "grants/a"); !errors.Is(err, vault.ErrUnavailable) || errors.Is(err, vault.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := v.Get(t.Context(), "grants/a"); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
