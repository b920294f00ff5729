package vault_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

func TestKeysAreNotPrinted(t *testing.T) {
	k := key("k1")
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("key", "key", k, "keys", []vault.Key{k})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "key", k, "keys", []vault.Key{k})
	encoded, err := json.Marshal(map[string]any{"key": k, "keys": []vault.Key{k}})
	if err != nil {
		t.Fatal(err)
	}
	text := log.String() + string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%o"} {
		text += fmt.Sprintf(verb+verb+verb, k, &k, []vault.Key{k})
	}
	noSecret(t, text)
	if !strings.Contains(text, "vault key k1") {
		t.Errorf("the id is not shown: %s", text)
	}
}

func TestParseSecret(t *testing.T) {
	secret := key("k1").Secret
	secret[0], secret[1], secret[2] = 0xfb, 0xff, 0xbf // "+" and "/", or "-" and "_"
	for _, text := range []string{
		base64.StdEncoding.EncodeToString(secret), base64.RawStdEncoding.EncodeToString(secret),
		base64.URLEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret),
		hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)),
		" " + base64.StdEncoding.EncodeToString(secret) + "\r\n",
	} {
		if got, err := vault.ParseSecret(text); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("%q: %x, %v", text, got, err)
		}
	}
	standard := base64.StdEncoding.EncodeToString(secret)
	for text, says := range map[string]string{
		"":                               "empty",
		" \n":                            "empty",
		"{env.VAULT_KEY}":                "neither",
		"a correct horse battery staple": "neither",
		standard[:40]:                    "30 bytes",
		standard + "AAAA":                "neither",
		base64.StdEncoding.EncodeToString(append(secret, 1)): "33 bytes",
		hex.EncodeToString(secret[:31]):                      "31 bytes",
		strings.Replace(standard, "/", "_", 1):               "neither",
		standard[:20] + "\n" + standard[20:]:                 "neither",
		strings.Repeat("A", 42) + "B=":                       "neither", // bits that mean nothing
		standard + "==":                                      "neither",
	} {
		got, err := vault.ParseSecret(text)
		if err == nil {
			t.Errorf("%q: read as %x", text, got)
			continue
		}
		wantError(t, err, vault.ErrKey)
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
		if len(text) > 8 && strings.Contains(err.Error(), strings.TrimSpace(text)[:8]) {
			t.Errorf("%v quotes the text", err)
		}
	}
	if first, second := vault.NewSecret(), vault.NewSecret(); len(first) != vault.SecretSize || bytes.Equal(first, second) {
		t.Error("NewSecret is not random")
	}
}
