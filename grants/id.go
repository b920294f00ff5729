package grants

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
)

// maxName bounds the name of a grant.
const maxName = 128

// ID names a grant. The name is the app's choice and must not be a PSU's data;
// since some will be, an ID is printed and logged as its fingerprint.
type ID struct {
	// ASPSP is the configured name of the bank.
	ASPSP string
	// Name is 1 to 128 visible ASCII characters.
	Name string
}

// Check refuses what cannot name a grant. The error is ErrName and does not
// quote the name.
func (id ID) Check() error {
	switch {
	case id.ASPSP == "":
		return fmt.Errorf("%w: the ASPSP is missing", ErrName)
	case id.Name == "":
		return fmt.Errorf("%w: it is empty", ErrName)
	case len(id.Name) > maxName:
		return fmt.Errorf("%w: it is longer than %d characters", ErrName, maxName)
	}
	for i := range len(id.Name) {
		if id.Name[i] <= ' ' || id.Name[i] >= 0x7f {
			return fmt.Errorf("%w: it has characters other than visible ASCII (spaces count)", ErrName)
		}
	}
	return nil
}

// Fingerprint stands for the name in logs and storage: the first 16 hexadecimal
// digits of its SHA-256.
func (id ID) Fingerprint() string { return id.digest()[:16] }

// digest is the name's SHA-256 in hexadecimal.
func (id ID) digest() string {
	sum := sha256.Sum256([]byte(id.Name))
	return hex.EncodeToString(sum[:])
}

// String gives the ASPSP and the fingerprint.
func (id ID) String() string { return id.ASPSP + "/" + id.Fingerprint() }

// GoString hides the name from %#v.
func (id ID) GoString() string { return id.String() }

// LogValue hides the name from slog.
func (id ID) LogValue() slog.Value { return slog.StringValue(id.String()) }
