package vault

import (
	"context"
	"errors"
)

// Rotation is what [Vault.Rotate] did.
type Rotation struct {
	// Rewritten counts records that were encrypted anew, Current those that were
	// encrypted with the first key already.
	Rewritten, Current int
	// Failed counts records that could not be read: damaged, or encrypted with a
	// key that is not configured. Cause is the error of the first.
	Failed int
	Cause  error
	// ByKey counts records by the id of the key that they are encrypted with
	// now. A key whose id is not in it, after a Rotate of all folders, can be
	// removed from the configuration.
	ByKey map[string]int
}

// Rotate encrypts every record below the folders (none: all) with the first
// key, and reads all others on the way. It takes the lock of each record that
// it changes and reads it again, so that it overwrites nothing that was written
// under that lock meanwhile. It may be called again after a failure: what is
// done stays done. Run it when all processes have the new key, and the new key
// first. Errors: ErrName, ErrUnavailable, each with what was done so far.
func (v *Vault) Rotate(ctx context.Context, folders ...string) (Rotation, error) {
	done := Rotation{ByKey: make(map[string]int)}
	if len(folders) == 0 {
		folders = []string{""}
	}
	for _, folder := range folders {
		names, err := v.List(ctx, folder)
		if err != nil {
			return done, err
		}
		for _, name := range names {
			// A storage need not look at the context.
			if err := ctx.Err(); err != nil {
				return done, unavailable(ctx, "rotate", err)
			}
			if err := v.rotate(ctx, name, &done); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

// rotate counts one record and, if need be, rewrites it. Error: ErrUnavailable.
func (v *Vault) rotate(ctx context.Context, name string, done *Rotation) error {
	_, keyID, err := v.read(ctx, name)
	if err != nil || keyID == v.current.ID {
		return done.count(keyID, err, &done.Current)
	}
	lock, err := v.Lock(ctx, name)
	if err != nil {
		return err
	}
	return errors.Join(v.rewrite(ctx, name, done), lock.Unlock())
}

// rewrite needs the record's lock.
func (v *Vault) rewrite(ctx context.Context, name string, done *Rotation) error {
	plaintext, keyID, err := v.read(ctx, name)
	if err != nil || keyID == v.current.ID {
		return done.count(keyID, err, &done.Current)
	}
	if err := v.write(ctx, v.current, name, plaintext); err != nil {
		return err
	}
	return done.count(v.current.ID, nil, &done.Rewritten)
}

// count adds one record, unless it was deleted meanwhile. A storage that fails
// is given back as the error.
func (r *Rotation) count(keyID string, err error, good *int) error {
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case errors.Is(err, ErrUnavailable):
		return err
	case err != nil:
		r.Failed++
		if r.Cause == nil {
			r.Cause = err
		}
	default:
		*good++
	}
	if keyID != "" {
		r.ByKey[keyID]++
	}
	return nil
}
