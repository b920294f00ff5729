// Package capture reads an HTTP request as engineers have it at hand: a raw
// HTTP message, a curl command line pasted as it is, or a log in which a
// request is written down. All three give one [Request] that holds what went,
// or would go, over the wire, byte for byte as far as the source tells; where it
// does not, a [Warning] says so.
//
// The package opens no file and no connection by itself. It reads hostile input
// (what a bank sent by mail), so it bounds its sizes and never runs anything.
package capture
