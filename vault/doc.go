// Package vault keeps small encrypted records on a key-value storage that
// several processes may share.
package vault
