package vault_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// marker is in each plaintext, so that it can be searched for.
const marker = "c3VwZXItc2VjcmV0LXJlZnJlc2gtdG9rZW4"

const (
	name      = "grants/bpgo/3f/3fab"
	recordKey = "tpp/grants/bpgo/3f/3fab.jwe"
)

func key(id string) vault.Key {
	return vault.Key{ID: id, Secret: bytes.Repeat([]byte(id+"!"), vault.SecretSize)[:vault.SecretSize]}
}

func open(t testing.TB, s vault.Storage, keys ...vault.Key) *vault.Vault {
	t.Helper()
	return openWith(t, vault.Options{Storage: s, Keys: keys})
}

func openWith(t testing.TB, options vault.Options) *vault.Vault {
	t.Helper()
	v, err := vault.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func put(t testing.TB, v *vault.Vault, name, plaintext string) {
	t.Helper()
	if err := v.Put(t.Context(), name, []byte(plaintext)); err != nil {
		t.Fatal(err)
	}
}

func wantRecord(t testing.TB, v *vault.Vault, name, want string) {
	t.Helper()
	plaintext, err := v.Get(t.Context(), name)
	if err != nil || string(plaintext) != want {
		t.Errorf("Get(%s) = %q, %v; want %q", name, plaintext, err, want)
	}
}

// wantError also looks for secrets in the error's text.
func wantError(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v; want %v", err, want)
	}
	noSecret(t, fmt.Sprintf("%v %+v %#v", err, err, err))
}

func noSecret(t testing.TB, text string) {
	t.Helper()
	for _, id := range []string{"k1", "k2", "k3", "other"} {
		secret := key(id).Secret
		for _, form := range []string{string(secret), hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(secret), fmt.Sprint(secret)} {
			if strings.Contains(text, form[:12]) {
				t.Errorf("the secret of %s is in %q", id, text)
			}
		}
	}
	if strings.Contains(text, marker) {
		t.Errorf("the record is in %q", text)
	}
}

func raw(t testing.TB, m *storagetest.Memory, key string) []byte {
	t.Helper()
	value, err := m.Load(t.Context(), key)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return value
}

func store(t testing.TB, m *storagetest.Memory, key string, value []byte) {
	t.Helper()
	if err := m.Store(t.Context(), key, value); err != nil {
		t.Fatal(err)
	}
}

func TestRecordsAreReadBack(t *testing.T) {
	v := open(t, storagetest.NewMemory(), key("k1"))
	for _, plaintext := range []string{"", marker, strings.Repeat("x", vault.MaxRecord)} {
		put(t, v, name, plaintext)
		wantRecord(t, v, name, plaintext)
	}
	err := v.Put(t.Context(), name, make([]byte, vault.MaxRecord+1))
	wantError(t, err, vault.ErrTooLarge)

	if err := v.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	_, err = v.Get(t.Context(), name)
	wantError(t, err, vault.ErrNotFound)
	if errors.Is(err, vault.ErrUnavailable) {
		t.Error("a missing record looks like an outage")
	}
	if err := v.Delete(t.Context(), name); err != nil {
		t.Error("delete of what is not there:", err)
	}
}

// TestStoredForm decrypts without go-jose, as RFC 7516 section 5.2 says.
func TestStoredForm(t *testing.T) {
	m := storagetest.NewMemory()
	put(t, open(t, m, key("k1"), key("k2")), name, marker)
	if keys := m.Keys(); !slices.Equal(keys, []string{recordKey}) {
		t.Fatalf("stored %q", keys)
	}
	value := raw(t, m, recordKey)
	if bytes.Contains(value, []byte(marker)) || bytes.Contains(value, []byte(base64.RawURLEncoding.EncodeToString([]byte(marker))[:20])) {
		t.Fatal("stored in plaintext")
	}
	var parts [][]byte
	for part := range strings.SplitSeq(string(value), ".") {
		decoded, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, decoded)
	}
	if len(parts) != 5 || len(parts[1]) != 0 {
		t.Fatalf("not compact with dir: %s", value)
	}
	var header map[string]string
	if err := json.Unmarshal(parts[0], &header); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"alg": "dir", "enc": "A256GCM", "kid": "k1", "record": "tpp/" + name}
	if !maps.Equal(header, want) {
		t.Errorf("header %v, want %v", header, want)
	}
	block, err := aes.NewCipher(key("k1").Secret)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	protected, _, _ := bytes.Cut(value, []byte("."))
	plaintext, err := gcm.Open(nil, parts[2], append(parts[3], parts[4]...), protected)
	if err != nil || string(plaintext) != marker {
		t.Errorf("decrypted %q, %v", plaintext, err)
	}
}

func TestSameRecordIsNeverStoredAlike(t *testing.T) {
	m := storagetest.NewMemory()
	v := open(t, m, key("k1"))
	seen := make(map[string]bool)
	for range 100 {
		put(t, v, name, marker)
		seen[string(raw(t, m, recordKey))] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d forms of 100: the initialization vector repeats", len(seen))
	}
}

func TestNames(t *testing.T) {
	v := open(t, storagetest.NewMemory(), key("k1"))
	for _, good := range []string{"a/b", "grants/bpgo/3f/3fab", "A-b_c/d.e.f/0", "clock/2026-01-02/x", "keys2/a", "a/keys"} {
		put(t, v, good, marker)
		wantRecord(t, v, good, marker)
	}
	for _, bad := range []string{
		"", "a", "/a/b", "a/b/", "a//b", "a/../b", "a/./b", "../a/b", "a/.b", "a/b.", "a/b.jwe", "a.jwe/b", "a/b c", "a/bä",
		"a/b\x00", "a\\b/c", "a/b*", "keys/k1", "damaged/x", "a/" + strings.Repeat("x", 201), strings.Repeat("ab/", 140) + "a",
	} {
		wantError(t, v.Put(t.Context(), bad, nil), vault.ErrName)
		_, err := v.Get(t.Context(), bad)
		wantError(t, err, vault.ErrName)
		wantError(t, v.Delete(t.Context(), bad), vault.ErrName)
		_, err = v.Lock(t.Context(), bad)
		wantError(t, err, vault.ErrName)
	}
}

func TestNewRefuses(t *testing.T) {
	short := vault.Key{ID: "k1", Secret: key("k1").Secret[:31]}
	for _, test := range []struct {
		name    string
		options vault.Options
		want    error
	}{
		{"no key", vault.Options{}, vault.ErrNoKey},
		{"short secret", vault.Options{Keys: []vault.Key{short}}, vault.ErrKey},
		{"no secret", vault.Options{Keys: []vault.Key{{ID: "k1"}}}, vault.ErrKey},
		{"bad second key", vault.Options{Keys: []vault.Key{key("k1"), short}}, vault.ErrKey},
		{"one id twice", vault.Options{Keys: []vault.Key{key("k1"), {ID: "k1", Secret: key("k2").Secret}}}, vault.ErrKey},
		{"no id", vault.Options{Keys: []vault.Key{{Secret: key("k1").Secret}}}, vault.ErrKey},
		{"id is a path", vault.Options{Keys: []vault.Key{{ID: "a/b", Secret: key("k1").Secret}}}, vault.ErrKey},
		{"long id", vault.Options{Keys: []vault.Key{{ID: strings.Repeat("k", 65), Secret: key("k1").Secret}}}, vault.ErrKey},
		{"prefix climbs", vault.Options{Keys: []vault.Key{key("k1")}, Prefix: "../x"}, vault.ErrName},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.options.Storage = storagetest.NewMemory()
			_, err := vault.New(test.options)
			wantError(t, err, test.want)
		})
	}
}

func TestPrefixesShareNothing(t *testing.T) {
	m := storagetest.NewMemory()
	first := openWith(t, vault.Options{Storage: m, Keys: []vault.Key{key("k1")}, Prefix: "a"})
	second := openWith(t, vault.Options{Storage: m, Keys: []vault.Key{key("k1")}, Prefix: "a/b"})
	put(t, first, "b/x", "first")
	put(t, second, "x/x", "second")
	_, err := second.Get(t.Context(), "b/x")
	wantError(t, err, vault.ErrNotFound)
	if first.LockName("b/x") == second.LockName("b/x") {
		t.Error("one lock for two records")
	}
}

// TestCallersMayReuseTheirKeys sees that a Vault has its own copy of a secret.
func TestCallersMayReuseTheirKeys(t *testing.T) {
	k := key("k1")
	m := storagetest.NewMemory()
	v := open(t, m, k)
	clear(k.Secret)
	put(t, v, name, marker)
	wantRecord(t, open(t, m, key("k1")), name, marker)
}

func TestStorageErrors(t *testing.T) {
	for _, cause := range []error{storagetest.ErrInjected, context.DeadlineExceeded, context.Canceled, syscall.ENOSPC, syscall.EACCES} {
		m := storagetest.NewMemory()
		v := open(t, m, key("k1"))
		put(t, v, name, marker)
		for _, op := range []storagetest.Op{storagetest.Store, storagetest.Load, storagetest.Delete, storagetest.List, storagetest.Lock} {
			m.Fail(op, -1, cause)
		}
		_, getErr := v.Get(t.Context(), name)
		_, listErr := v.List(t.Context(), "grants")
		_, lockErr := v.Lock(t.Context(), name)
		_, damagedErr := v.Damaged(t.Context())
		_, rotateErr := v.Rotate(t.Context())
		for _, err := range []error{v.Put(t.Context(), name, nil), getErr, v.Delete(t.Context(), name), listErr, lockErr, damagedErr, rotateErr, v.Check(t.Context())} {
			wantError(t, err, vault.ErrUnavailable)
			wantError(t, err, cause)
			if errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrDamaged) {
				t.Errorf("%v looks like a fact about the record", err)
			}
		}
	}
}

func TestFullDisk(t *testing.T) {
	m := storagetest.NewMemory()
	v := open(t, m, key("k1"))
	put(t, v, name, "old")
	m.SetFull(true)
	err := v.Put(t.Context(), name, []byte("new"))
	wantError(t, err, vault.ErrUnavailable)
	wantError(t, err, syscall.ENOSPC)
	wantRecord(t, v, name, "old")
}

// TestContextIsFound covers a storage that fails in its own words when time has
// run out.
func TestContextIsFound(t *testing.T) {
	m := storagetest.NewMemory()
	v := open(t, m, key("k1"))
	ctx, cancel := context.WithCancel(t.Context())
	m.Hook(func(context.Context, storagetest.Op, string) error {
		cancel()
		return errors.New("connection closed")
	})
	_, err := v.Get(ctx, name)
	wantError(t, err, vault.ErrUnavailable)
	wantError(t, err, context.Canceled)
}

func TestManyAtOnce(t *testing.T) {
	m := storagetest.NewMemory()
	var wait sync.WaitGroup
	for i := range 8 {
		v := open(t, m.Handle(), key("k1"))
		wait.Go(func() {
			for round := range 50 {
				name := fmt.Sprintf("grants/%d", i)
				put(t, v, name, fmt.Sprint(round))
				wantRecord(t, v, name, fmt.Sprint(round))
				if _, err := v.List(t.Context(), "grants"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
}
