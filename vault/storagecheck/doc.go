// Package storagecheck tries whether a storage keeps to what the vault relies
// on (see [vault.Storage]): values, lists, and above all locks between
// processes. It needs no test framework, so that a storage in use can be tried
// where it runs, with its own network and its own settings. In Go tests,
// storagetest.Run wraps it.
//
// It writes below a folder of its own and removes that in the end.
package storagecheck
