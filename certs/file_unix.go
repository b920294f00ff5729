//go:build unix

package certs

import "syscall"

// openWithoutWaiting makes opening a named pipe return at once. Regular files do
// not heed it.
const openWithoutWaiting = syscall.O_NONBLOCK
