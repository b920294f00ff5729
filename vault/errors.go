package vault

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"time"
)

// What can go wrong. The texts name records, keys by their id and remedies;
// they never hold a secret or a part of a record.
var (
	// ErrNoKey means that no key was configured. There is no vault without
	// encryption.
	ErrNoKey = errors.New("vault has no key")

	// ErrKey means that a key cannot be used: its id, or its secret's length or
	// spelling, or two keys have one id.
	ErrKey = errors.New("invalid vault key")

	// ErrWrongKey means that a key's secret is not the one that the storage was
	// written with under that key's id. Nothing can be read, and nothing may be
	// written, before the configuration is put right.
	ErrWrongKey = errors.New("wrong vault key")

	// ErrUnknownKey means that what is stored was encrypted with a key whose id
	// is not configured.
	ErrUnknownKey = errors.New("unknown vault key")

	// ErrNotFound means that there is no record of that name.
	ErrNotFound = errors.New("no such record")

	// ErrDamaged is in the chain of each [DamagedError].
	ErrDamaged = errors.New("damaged record")

	// ErrUnavailable means that the storage failed: unreachable, full, not
	// permitted, or out of time. It says nothing about the record. The cause is
	// in the chain: [errors.Is] finds [context.DeadlineExceeded] or
	// [syscall.ENOSPC].
	ErrUnavailable = errors.New("storage unavailable")

	// ErrName means that a name, a folder or the prefix is not one that the
	// vault keeps records under; see [Vault.Put].
	ErrName = errors.New("invalid record name")

	// ErrTooLarge means that a record is larger than [MaxRecord].
	ErrTooLarge = errors.New("record too large")
)

// Damage describes a stored value that is not a record the vault wrote under
// that name. It holds nothing of the value.
type Damage struct {
	// Name is the record's name.
	Name string `json:"name"`
	// Reason says what is wrong, in fixed words.
	Reason string `json:"reason"`
	// KeyID is the key that the value names, or "" if it names none.
	KeyID string `json:"key_id,omitempty"`
	// Size is the value's length in bytes.
	Size int `json:"size"`
	// Found is when it was first seen.
	Found time.Time `json:"found"`
	// Copy is the storage's key of the copy that was kept aside, or "" if it
	// could not be made; the next Get tries again.
	Copy string `json:"copy,omitempty"`
}

// DamagedError means that what is stored under a name is not a record that this
// vault wrote there: torn, altered, moved from another name, or something else.
// The value stays where it is, so that the record goes on being damaged instead
// of missing, until it is overwritten or deleted. errors.Is finds [ErrDamaged].
type DamagedError struct{ Damage Damage }

func (e *DamagedError) Error() string {
	text := ErrDamaged.Error() + " " + strconv.Quote(e.Damage.Name) + ": " + e.Damage.Reason
	if e.Damage.Copy != "" {
		text += " (a copy is kept at " + e.Damage.Copy + ")"
	}
	return text
}

// Unwrap makes [ErrDamaged] found.
func (e *DamagedError) Unwrap() error { return ErrDamaged }

// storageError is ErrUnavailable with what was tried and the cause.
type storageError struct {
	doing string
	cause error
}

func (e *storageError) Error() string {
	return ErrUnavailable.Error() + ": " + e.doing + ": " + e.cause.Error()
}
func (e *storageError) Unwrap() []error { return []error{ErrUnavailable, e.cause} }

// unavailable wraps an error of the storage. A storage need not say that it
// failed because time ran out.
func unavailable(ctx context.Context, doing string, cause error) error {
	if ctxErr := ctx.Err(); ctxErr != nil && !errors.Is(cause, ctxErr) {
		cause = errors.Join(ctxErr, cause)
	}
	return &storageError{doing: doing, cause: cause}
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
