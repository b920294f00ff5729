package vault

import "context"

// Rotation is what [Vault.Rotate] did.
type Rotation struct {
	// Rewritten counts records that were encrypted anew, Current those that were
	// already encrypted with the first key.
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
// key. It takes each record's lock, so that it overwrites nothing that another
// wrote meanwhile under that lock. It may be called again after a failure, and
// goes on where it stopped. Errors: ErrName, ErrUnavailable, with what was done
// so far.
func (v *Vault) Rotate(ctx context.Context, folders ...string) (Rotation, error) { panic("soon") }
