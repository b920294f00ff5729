package vault

import "context"

// List returns the names of the records below folder, at any depth, in order.
// The empty folder means all. A folder that is not there has none. Errors:
// ErrName, ErrUnavailable.
func (v *Vault) List(ctx context.Context, folder string) ([]string, error) { panic("soon") }
