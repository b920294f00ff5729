package vault_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// wantDamaged gets a record that is damaged.
func wantDamaged(t testing.TB, v *vault.Vault, name string) vault.Damage {
	t.Helper()
	plaintext, err := v.Get(t.Context(), name)
	wantError(t, err, vault.ErrDamaged)
	if plaintext != nil {
		t.Errorf("plaintext of a damaged record: %q", plaintext)
	}
	if errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrUnavailable) {
		t.Errorf("damage looks like something else: %v", err)
	}
	damaged, ok := errors.AsType[*vault.DamagedError](err)
	if !ok {
		t.Fatalf("%T is no DamagedError", err)
	}
	return damaged.Damage
}

// jwe is a record as others might write it.
func jwe(t testing.TB, alg jose.KeyAlgorithm, enc jose.ContentEncryption, k vault.Key, options *jose.EncrypterOptions) *jose.JSONWebEncryption {
	t.Helper()
	encrypter, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: k.Secret, KeyID: k.ID}, options)
	if err != nil {
		t.Fatal(err)
	}
	object, err := encrypter.Encrypt([]byte(marker))
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func compact(t testing.TB, object *jose.JSONWebEncryption) []byte {
	t.Helper()
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return []byte(text)
}

func named() *jose.EncrypterOptions {
	return (&jose.EncrypterOptions{}).WithHeader("record", "tpp/"+name)
}

func TestWhatIsNoRecordIsDamaged(t *testing.T) {
	m := storagetest.NewMemory()
	v := open(t, m, key("k1"))
	put(t, v, name, marker)
	put(t, v, "grants/other", marker)
	good := raw(t, m, recordKey)
	other := key("k1")
	other.Secret = key("other").Secret
	wrapped := named()
	wrapped.Compression = jose.DEFLATE
	for _, test := range []struct {
		name   string
		value  []byte
		reason string
	}{
		{"empty", []byte{}, "empty"},
		{"cut in the header", good[:20], "cut short"},
		{"cut in the ciphertext", good[:len(good)-40], "cut short"},
		{"cut by one", good[:len(good)-1], "cut short"},
		{"tag cut by a whole quantum", good[:len(good)-4], ""},
		{"zeros, as after a loss of power", make([]byte, len(good)), "compact form"},
		{"padded with zeros", append(slices.Clone(good), 0, 0), "compact form"},
		{"with a line break", append(slices.Clone(good), '\n'), "compact form"},
		{"two records", append(slices.Clone(good), good...), "compact form"},
		{"two records with a dot", append(append(slices.Clone(good), '.'), good...), "compact form"},
		{"plaintext", []byte(marker), "compact form"},
		{"plaintext JSON", []byte(`{"refresh_token":"` + marker + `"}`), "compact form"},
		{"huge", bytes.Repeat([]byte("a"), 2<<20), "larger"},
		{"of another record", raw(t, m, "tpp/grants/other.jwe"), "another name"},
		{"another secret", compact(t, jwe(t, jose.DIRECT, jose.A256GCM, other, named())), "does not decrypt"},
		{"JSON serialization", []byte(jwe(t, jose.DIRECT, jose.A256GCM, key("k1"), named()).FullSerialize()), "compact form"},
		{"A256GCMKW", compact(t, jwe(t, jose.A256GCMKW, jose.A256GCM, key("k1"), named())), "compact form"},
		{"A256KW", compact(t, jwe(t, jose.A256KW, jose.A256GCM, key("k1"), named())), "compact form"},
		{"A128CBC-HS256", compact(t, jwe(t, jose.DIRECT, jose.A128CBC_HS256, key("k1"), named())), "compact form"},
		{"compressed", compact(t, jwe(t, jose.DIRECT, jose.A256GCM, key("k1"), wrapped)), "header"},
		{"more in the header", compact(t, jwe(t, jose.DIRECT, jose.A256GCM, key("k1"), named().WithHeader("x", 1))), "header"},
		{"nameless", compact(t, jwe(t, jose.DIRECT, jose.A256GCM, key("k1"), nil)), "header"},
		{"keyless", compact(t, jwe(t, jose.DIRECT, jose.A256GCM, vault.Key{Secret: key("k1").Secret}, named())), "header"},
		{"name is no string", compact(t, jwe(t, jose.DIRECT, jose.A256GCM, key("k1"), (&jose.EncrypterOptions{}).WithHeader("record", 1))), "header"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store(t, m, recordKey, test.value)
				damage := wantDamaged(t, v, name)
				if !strings.Contains(damage.Reason, test.reason) {
					t.Errorf("reason %q, want %q", damage.Reason, test.reason)
				}
				if damage.Name != name || damage.Size != len(test.value) || damage.Copy == "" {
					t.Errorf("damage %+v", damage)
				}
				if !bytes.Equal(raw(t, m, recordKey), test.value) {
					t.Error("the original is gone")
				}
				var kept struct{ Value []byte }
				if err := json.Unmarshal(raw(t, m, damage.Copy), &kept); err != nil {
					t.Fatal(err)
				}
				if !bytes.HasPrefix(test.value, kept.Value) || len(kept.Value) < min(len(test.value), vault.MaxRecord) {
					t.Errorf("the copy holds %d bytes of %d", len(kept.Value), len(test.value))
				}
			})
		})
	}
	names, err := v.List(t.Context(), "grants")
	if want := []string{name, "grants/other"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("List = %q, %v; want %q: what is damaged is not missing", names, err, want)
	}
}

// TestEveryAlterationIsFound changes each character of a record, and cuts it at
// each length.
func TestEveryAlterationIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storagetest.NewMemory()
		v := open(t, m, key("k1"))
		put(t, v, name, marker)
		good := raw(t, m, recordKey)
		for i := range good {
			for _, value := range [][]byte{good[:i], altered(good, i)} {
				store(t, m, recordKey, value)
				plaintext, err := v.Get(t.Context(), name)
				if err == nil || plaintext != nil {
					t.Fatalf("character %d: %q, %v", i, plaintext, err)
				}
				if !errors.Is(err, vault.ErrDamaged) && !errors.Is(err, vault.ErrUnknownKey) {
					t.Fatalf("character %d: %v", i, err)
				}
			}
		}
		store(t, m, recordKey, good)
		wantRecord(t, v, name, marker)
	})
}

// altered changes the lowest bits of one character of base64url.
func altered(value []byte, i int) []byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	value = slices.Clone(value)
	at := strings.IndexByte(alphabet, value[i])
	value[i] = alphabet[(at+65)%64]
	return value
}

func TestDamageIsReportedOnceAndKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storagetest.NewMemory()
		var told []vault.Damage
		v := openWith(t, vault.Options{Storage: m, Keys: []vault.Key{key("k1")}, OnDamage: func(d vault.Damage) { told = append(told, d) }})
		put(t, v, name, marker)
		torn := raw(t, m, recordKey)[:50]
		store(t, m, recordKey, torn)

		first := wantDamaged(t, v, name)
		stored := m.Count(storagetest.Store)
		time.Sleep(time.Hour)
		started := time.Now()
		if again := wantDamaged(t, v, name); again != first {
			t.Errorf("%+v, then %+v", first, again)
		}
		if time.Since(started) > 0 {
			t.Error("it is waited for what is known to be damaged")
		}
		if m.Count(storagetest.Store) != stored {
			t.Error("copied twice")
		}
		if len(told) != 1 || told[0] != first {
			t.Errorf("told %+v, want %+v once", told, first)
		}
		// Another process tells it for itself, and keeps the copy there is.
		wantDamaged(t, openWith(t, vault.Options{Storage: m, Keys: []vault.Key{key("k1")}, OnDamage: func(d vault.Damage) { told = append(told, d) }}), name)
		if m.Count(storagetest.Store) != stored || len(told) != 2 || told[1] != first {
			t.Errorf("another process told %+v", told)
		}
		// Other content is another damage.
		store(t, m, recordKey, torn[:40])
		second := wantDamaged(t, v, name)
		all, err := v.Damaged(t.Context())
		if want := []vault.Damage{first, second}; err != nil || !slices.Equal(all, want) || len(told) != 3 {
			t.Errorf("Damaged = %+v, %v; want %+v", all, err, want)
		}
		// What an operator left there is no copy.
		store(t, m, "tpp/damaged/note.json", []byte(`{"name":"x"}`))
		store(t, m, "tpp/damaged/note.txt", []byte("x"))
		// A new record heals, and what was kept stays.
		put(t, v, name, "new")
		wantRecord(t, v, name, "new")
		if all, err := v.Damaged(t.Context()); err != nil || len(all) != 2 {
			t.Errorf("Damaged = %+v, %v after a new record", all, err)
		}
		names, err := v.List(t.Context(), "")
		if err != nil || !slices.Equal(names, []string{name}) {
			t.Errorf("List = %q, %v", names, err)
		}
	})
}

func TestDamageIsToldWithoutACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storagetest.NewMemory()
		told := 0
		v := openWith(t, vault.Options{Storage: m, Keys: []vault.Key{key("k1")}, OnDamage: func(vault.Damage) { told++ }})
		store(t, m, recordKey, []byte("torn"))
		m.SetFull(true)
		first := wantDamaged(t, v, name)
		if first.Copy != "" || told != 1 {
			t.Errorf("%+v, told %d times", first, told)
		}
		m.SetFull(false)
		m.Tear(30, nil) // and the copy gets torn
		time.Sleep(time.Minute)
		torn := wantDamaged(t, v, name)
		if torn.Copy == "" || torn.Found != first.Found || told != 1 {
			t.Errorf("%+v, told %d times", torn, told)
		}
		all, err := v.Damaged(t.Context())
		if err != nil || len(all) != 0 {
			t.Errorf("a torn copy is listed: %+v, %v", all, err)
		}
		// The next process sees that it is torn, and makes it anew.
		wantDamaged(t, open(t, m, key("k1")), name)
		if all, err := v.Damaged(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("Damaged = %+v, %v", all, err)
		}
	})
}

func TestNoDamageWithoutCopyWhenTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storagetest.NewMemory()
		v := open(t, m, key("k1"))
		store(t, m, recordKey, []byte("torn"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := v.Get(ctx, name)
		wantError(t, err, vault.ErrDamaged)
		if damage := wantDamaged(t, v, name); damage.Copy == "" {
			t.Error("no copy later either")
		}
	})
}

// TestWriteInProgressIsNoDamage covers storages that do not write atomically.
func TestWriteInProgressIsNoDamage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storagetest.NewMemory()
		told := 0
		v := openWith(t, vault.Options{Storage: m, Keys: []vault.Key{key("k1")}, OnDamage: func(vault.Damage) { told++ }})
		put(t, v, name, marker)
		good := raw(t, m, recordKey)
		store(t, m, recordKey, good[:30])
		time.AfterFunc(50*time.Millisecond, func() { _ = m.Store(context.Background(), recordKey, good) })
		wantRecord(t, v, name, marker)

		store(t, m, recordKey, good[:31])
		time.AfterFunc(50*time.Millisecond, func() { _ = m.Delete(context.Background(), recordKey) })
		_, err := v.Get(t.Context(), name)
		wantError(t, err, vault.ErrNotFound)

		store(t, m, recordKey, good[:32])
		time.AfterFunc(50*time.Millisecond, func() { m.Fail(storagetest.Load, 1, nil) })
		_, err = v.Get(t.Context(), name)
		wantError(t, err, vault.ErrUnavailable)
		if told != 0 {
			t.Errorf("told of %d damages", told)
		}
	})
}

func TestUnknownKey(t *testing.T) {
	m := storagetest.NewMemory()
	put(t, open(t, m, key("k1")), name, marker)
	told := 0
	v := openWith(t, vault.Options{Storage: m, Keys: []vault.Key{key("k2")}, OnDamage: func(vault.Damage) { told++ }})
	_, err := v.Get(t.Context(), name)
	wantError(t, err, vault.ErrUnknownKey)
	if errors.Is(err, vault.ErrDamaged) || told != 0 {
		t.Error("a record of an unknown key is told as damaged")
	}
	for _, part := range []string{`"k1"`, `after "k2"`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %s", err, part)
		}
	}
	wantRecord(t, open(t, m, key("k2"), key("k1")), name, marker)
}
