//go:build !unix

package certs

// openWithoutWaiting is nothing where no path names a pipe that opening waits for.
const openWithoutWaiting = 0
