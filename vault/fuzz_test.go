package vault_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// FuzzGet puts arbitrary bytes where a record is. What is read without an error
// must be what this vault sealed under that name.
func FuzzGet(f *testing.F) {
	m := storagetest.NewMemory()
	v := open(f, m, key("k1"), key("k2"))
	plaintexts := []string{"", marker, `{"aspsp":"bpgo","refresh_token":"` + marker + `"}`}
	for _, plaintext := range plaintexts {
		put(f, v, name, plaintext)
		good := raw(f, m, recordKey)
		f.Add(good)
		f.Add(good[:len(good)/2])
		f.Add(altered(good, len(good)-5))
	}
	put(f, v, "grants/other", marker)
	f.Add(raw(f, m, "tpp/grants/other.jwe"))
	f.Add(compact(f, jwe(f, jose.A256GCMKW, jose.A256GCM, key("k1"), named())))
	f.Add(compact(f, jwe(f, jose.DIRECT, jose.A256GCM, vault.Key{ID: "k1", Secret: key("other").Secret}, named())))
	f.Add([]byte(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"dir","enc":"A256GCM","kid":"k1","record":"tpp/`+name+`"}`)) + "...."))
	f.Add([]byte(`{"protected":"e30"}`))
	f.Add([]byte("...."))
	f.Fuzz(func(t *testing.T, value []byte) {
		synctest.Test(t, func(t *testing.T) {
			m := storagetest.NewMemory()
			v := open(t, m, key("k1"), key("k2"))
			store(t, m, recordKey, value)
			plaintext, err := v.Get(t.Context(), name)
			switch {
			case err == nil:
				if !slices.Contains(plaintexts, string(plaintext)) {
					t.Errorf("read what was never written: %q", plaintext)
				}
			case plaintext != nil:
				t.Errorf("plaintext with the error %v", err)
			case !errors.Is(err, vault.ErrDamaged) && !errors.Is(err, vault.ErrUnknownKey):
				t.Errorf("neither damaged nor an unknown key: %v", err)
			default:
				noSecret(t, err.Error())
			}
		})
	})
}

func FuzzParseSecret(f *testing.F) {
	secret := key("k1").Secret
	for _, text := range []string{
		base64.StdEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret),
		hex.EncodeToString(secret), "", "=", "{env.KEY}", strings.Repeat("=", 44), strings.Repeat("A", 43) + "\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		secret, err := vault.ParseSecret(text)
		if err != nil {
			if !errors.Is(err, vault.ErrKey) || secret != nil {
				t.Errorf("%x, %v", secret, err)
			}
			if len(text) > 20 && strings.Contains(err.Error(), text[:20]) {
				t.Errorf("%v quotes the text", err)
			}
			return
		}
		if len(secret) != vault.SecretSize {
			t.Fatalf("%d bytes", len(secret))
		}
		// Whatever spelling it was, it stands for the same bytes in each other.
		for _, again := range []string{base64.StdEncoding.EncodeToString(secret), base64.URLEncoding.EncodeToString(secret), hex.EncodeToString(secret)} {
			if same, err := vault.ParseSecret(again); err != nil || !slices.Equal(same, secret) {
				t.Errorf("%q: %x, %v", again, same, err)
			}
		}
	})
}

// FuzzNames sees that a name that is taken for a record stays within the prefix,
// is listed, and is no other's.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"grants/bpgo/3f/3fab", "a", "a/../b", "keys/k1", "a/b.jwe", "a//b", "a/\x00", "a/b.json", "0/0..0"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		m := storagetest.NewMemory()
		v := open(t, m, key("k1"))
		if err := v.Put(t.Context(), name, []byte(marker)); err != nil {
			wantError(t, err, vault.ErrName)
			if len(m.Keys()) != 0 {
				t.Errorf("stored %q", m.Keys())
			}
			return
		}
		wantRecord(t, v, name, marker)
		wantList(t, v, "", name)
		stored := m.Keys()
		if len(stored) != 1 || !strings.HasPrefix(stored[0], "tpp/") || strings.Contains(stored[0], "..") {
			t.Errorf("stored %q", stored)
		}
	})
}
