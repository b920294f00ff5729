package storagetest

import (
	"context"

	"github.com/caddy-tpp/caddy-tpp/vault/storagecheck"
)

// T is the part of *testing.T that Run uses, so that importing this package does
// not bring the package testing along.
type T interface {
	Helper()
	Context() context.Context
	Errorf(format string, arguments ...any)
	Logf(format string, arguments ...any)
}

// Run puts a storage through all checks of storagecheck and reports each that
// fails, or is skipped for want of Options.HolderVanishes, as a failure of t: a
// storage that was not seen to release the lock of a killed process is not
// known to be fit.
func Run(t T, options storagecheck.Options) {
	t.Helper()
	for _, result := range storagecheck.Check(t.Context(), options) {
		switch {
		case !result.OK():
			t.Errorf("%v", result)
		case result.Skipped != "":
			t.Errorf("%v; set Options.HolderVanishes", result)
		default:
			t.Logf("%v", result)
		}
	}
}
