package vault

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// SecretSize is the length of a key's secret in bytes: AES-256.
const SecretSize = 32

// maxKeyID bounds a key's id; it becomes part of a storage key.
const maxKeyID = 64

// Key is one of the keys that records are encrypted with.
type Key struct {
	// ID names the key in each record: 1 to 64 letters, digits, "-" or "_". An
	// id is never used again for another secret.
	ID string
	// Secret is SecretSize random bytes, from [NewSecret] or [ParseSecret].
	Secret []byte
}

// String gives the id and hides the secret.
func (k Key) String() string { return "vault key " + k.ID }

// Format hides the secret from package fmt, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue hides the secret from slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText hides the secret from encoders such as encoding/json.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// NewSecret returns a new random secret. [ParseSecret] reads its standard
// base64 encoding.
func NewSecret() []byte {
	secret := make([]byte, SecretSize)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	return secret
}

// ParseSecret reads a secret from text: exactly 32 bytes in base64 or base64url,
// with or without padding, or in hexadecimal digits. White space around it is
// ignored, since files end with a newline. An error is ErrKey and says what is
// wrong without quoting the text.
func ParseSecret(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, fmt.Errorf("%w: the secret is empty; is the file or variable it comes from set?", ErrKey)
	}
	// No base64 of 32 bytes has an even number of characters that are all digits
	// of hexadecimal numbers: it has 43, or ends with "=".
	if secret, err := hex.DecodeString(text); err == nil {
		return ofSize(secret)
	}
	bare := strings.TrimRight(text, "=")
	// One alphabet at a time: a text that mixes them is a mistake.
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		secret, err := encoding.Strict().DecodeString(bare)
		if err != nil || strings.ContainsAny(bare, "\r\n") || len(text)-len(bare) > 2 {
			continue
		}
		return ofSize(secret)
	}
	return nil, fmt.Errorf("%w: the secret is neither base64 nor hexadecimal; it must be %d random bytes, such as from: openssl rand -base64 %d",
		ErrKey, SecretSize, SecretSize)
}

func ofSize(secret []byte) ([]byte, error) {
	if len(secret) != SecretSize {
		return nil, fmt.Errorf("%w: the secret has %d bytes, and must have %d", ErrKey, len(secret), SecretSize)
	}
	return secret, nil
}

func checkKeyID(id string) error {
	if id == "" || len(id) > maxKeyID || !spelled(id, false) {
		return fmt.Errorf("%w: the id must be 1 to %d letters, digits, \"-\" or \"_\"", ErrKey, maxKeyID)
	}
	return nil
}
