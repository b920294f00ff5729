package vault

import "context"

// Storage is the key-value store that records are kept in. It is the part that
// the vault uses of CertMagic's Storage, so any storage module of Caddy fits.
// The methods mean what CertMagic's contract says:
//
//   - Keys are paths with forward slashes, without one at either end.
//   - Load and List answer with [io/fs.ErrNotExist] (wrapped or not) for what
//     is not there. Delete of what is not there succeeds.
//   - Load returns what the last Store of that key wrote, through whichever
//     handle, and never a mixture of two values.
//   - Lock blocks until the named lock is held, whichever process held it
//     before, or the context ends. A lock whose holder vanished is released
//     after a time that the storage documents.
//
// The package storagecheck tries whether a storage keeps to that.
type Storage interface {
	Store(ctx context.Context, key string, value []byte) error
	Load(ctx context.Context, key string) ([]byte, error)
	Delete(ctx context.Context, key string) error
	List(ctx context.Context, path string, recursive bool) ([]string, error)
	Lock(ctx context.Context, name string) error
	Unlock(ctx context.Context, name string) error
}
