package vault

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// MaxRecord is the largest plaintext of a record, in bytes.
const MaxRecord = 512 << 10

// maxStored bounds what is parsed: base64 of the largest record, header and tag.
const maxStored = MaxRecord*4/3 + 4096

// nameHeader is the protected header parameter (RFC 7516 section 4.3) that holds
// the record's own path, so that a record moved to another name is no record.
const nameHeader jose.HeaderKey = "record"

var (
	keyAlgorithms      = []jose.KeyAlgorithm{jose.DIRECT}
	contentEncryptions = []jose.ContentEncryption{jose.A256GCM}
)

// damage is the reason that a stored value is not a record, in fixed words: the
// value itself is never quoted, nor go-jose's errors, which do.
type damage string

func (d damage) Error() string { return string(d) }

const (
	damageEmpty     damage = "it is empty"
	damageSize      damage = "it is larger than any record"
	damageForm      damage = "it is not a JWE in compact form with dir and A256GCM, or is cut short"
	damageHeader    damage = "its header is not one that the vault writes"
	damageMoved     damage = "it was written under another name"
	damageIntegrity damage = "it does not decrypt: altered, or encrypted with another secret of the same key id"
)

// sealed is a parsed, not yet decrypted record. Its fields are not yet
// authenticated.
type sealed struct {
	jwe   *jose.JSONWebEncryption
	keyID string
	path  string
}

// parse reads a stored value. Its only errors are of type damage.
func parse(value []byte) (*sealed, error) {
	switch {
	case len(value) == 0:
		return nil, damageEmpty
	case len(value) > maxStored:
		return nil, damageSize
	case !spelled(value, true):
		// Go's base64 decoder would skip line breaks.
		return nil, damageForm
	}
	text := string(value)
	parts := strings.Split(text, ".")
	if len(parts) != 5 || parts[1] != "" || slices.ContainsFunc(parts, inexact) {
		return nil, damageForm // dir has no encrypted key: RFC 7518 section 4.5
	}
	jwe, err := jose.ParseEncryptedCompact(text, keyAlgorithms, contentEncryptions)
	if err != nil {
		return nil, damageForm
	}
	header := jwe.Header
	path, ok := header.ExtraHeaders[nameHeader].(string)
	// alg and kid are apart; enc and the name are all that is left.
	if !ok || len(header.ExtraHeaders) != 2 || header.JSONWebKey != nil || header.Nonce != "" || checkKeyID(header.KeyID) != nil {
		return nil, damageHeader
	}
	return &sealed{jwe: jwe, keyID: header.KeyID, path: path}, nil
}

// inexact tells base64url that ends in bits which mean nothing, and which Go's
// decoder does not look at: then not every altered record would be found.
func inexact(part string) bool {
	_, err := base64.RawURLEncoding.Strict().DecodeString(part[len(part)/4*4:])
	return err != nil
}

// seal encrypts plaintext for that path.
func seal(key Key, path string, plaintext []byte) ([]byte, error) {
	if len(plaintext) > MaxRecord {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(plaintext), MaxRecord)
	}
	options := (&jose.EncrypterOptions{}).WithHeader(nameHeader, path)
	encrypter, err := jose.NewEncrypter(jose.A256GCM,
		jose.Recipient{Algorithm: jose.DIRECT, Key: key.Secret, KeyID: key.ID}, options)
	if err != nil {
		return nil, errors.New("vault: encrypter: " + err.Error())
	}
	jwe, err := encrypter.Encrypt(plaintext)
	if err != nil {
		return nil, errors.New("vault: encrypt: " + err.Error())
	}
	text, err := jwe.CompactSerialize()
	if err != nil {
		return nil, errors.New("vault: serialize: " + err.Error())
	}
	return []byte(text), nil
}

// open decrypts a stored value that is kept at path. Its errors are of type
// damage, or ErrUnknownKey.
func (v *Vault) open(path string, value []byte) (plaintext []byte, keyID string, err error) {
	record, err := parse(value)
	if err != nil {
		return nil, "", err
	}
	if record.path != path {
		return nil, record.keyID, damageMoved
	}
	secret, ok := v.secrets[record.keyID]
	if !ok {
		return nil, record.keyID, v.unknownKey(record.keyID)
	}
	plaintext, err = record.jwe.Decrypt(secret)
	if err != nil {
		return nil, record.keyID, damageIntegrity
	}
	return plaintext, record.keyID, nil
}

func (v *Vault) unknownKey(id string) error {
	return fmt.Errorf("%w %q: it is not configured; add it, after %q which encrypts, and keep it until a rotation counts no record under it",
		ErrUnknownKey, id, v.current.ID)
}
