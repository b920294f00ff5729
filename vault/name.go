package vault

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	// suffix ends the storage key of each record, and of nothing else: storages
	// leave files behind in the folders that they write to (FileStorage's are
	// named by a random number), and list folders among the keys.
	suffix = ".jwe"

	maxName      = 400 // with prefix and suffix below the 512 bytes that some storages allow
	maxComponent = 200 // with suffix below the 255 bytes that file systems allow
)

// The folders below the prefix that are the vault's own.
const (
	keysFolder   = "keys"
	damageFolder = "damaged"
)

// checkName tells whether a record may be kept under name.
func checkName(name string) error {
	if err := checkPath(name); err != nil {
		return err
	}
	first, _, below := strings.Cut(name, "/")
	if first == keysFolder || first == damageFolder {
		return fmt.Errorf("%w: %q is the vault's own folder", ErrName, first)
	}
	if !below {
		return fmt.Errorf("%w: it must be in a folder", ErrName)
	}
	return nil
}

// checkPath does not quote the path, which may be made of what an app chose.
func checkPath(path string) error {
	if len(path) > maxName {
		return fmt.Errorf("%w: longer than %d characters", ErrName, maxName)
	}
	for component := range strings.SplitSeq(path, "/") {
		switch {
		case component == "":
			return fmt.Errorf("%w: a component is empty", ErrName)
		case len(component) > maxComponent:
			return fmt.Errorf("%w: a component is longer than %d characters", ErrName, maxComponent)
		case !spelled(component, true):
			return fmt.Errorf("%w: a component has characters other than letters, digits, \"-\", \"_\" and \".\"", ErrName)
		case component[0] == '.' || component[len(component)-1] == '.' || strings.Contains(component, ".."):
			return fmt.Errorf("%w: a component begins or ends with a dot, or has two in a row", ErrName)
		case strings.HasSuffix(component, suffix):
			return fmt.Errorf("%w: a component ends with %s", ErrName, suffix)
		}
	}
	return nil
}

// spelled tells whether text has letters, digits, "-" and "_" only, which is
// also the alphabet of base64url, and dots if they are allowed.
func spelled[T string | []byte](text T, dots bool) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		case c == '.' && dots:
		default:
			return false
		}
	}
	return true
}

// storageKey is where the record of that name is kept.
func (v *Vault) storageKey(name string) string { return v.path(name) + suffix }

func (v *Vault) path(below string) string { return v.prefix + "/" + below }

// LockName is what the storage calls the lock of that record. It is a digest,
// because storages spell lock names as they like: CertMagic's FileStorage drops
// slashes and case, so that two names that differ in nothing else would be one
// lock, and a holder of both would wait for itself.
func (v *Vault) LockName(name string) string {
	sum := sha256.Sum256([]byte(v.path(name)))
	return "tpp-" + hex.EncodeToString(sum[:16])
}
