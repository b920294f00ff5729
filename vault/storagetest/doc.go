// Package storagetest helps to test what keeps records on a storage: [Memory]
// is a storage in memory with faults to inject, and [Run] puts any storage
// through the checks of the package storagecheck in a Go test.
package storagetest
