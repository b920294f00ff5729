// Package e2e holds the tests with real processes: sidecars that share a storage,
// are killed, stopped, reloaded and cut off from their disk, before a sandbox bank
// that counts what it was asked. The test binary is the sidecar, too.
package e2e
