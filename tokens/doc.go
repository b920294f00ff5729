// Package tokens obtains and keeps the OAuth2 access tokens (RFC 6749) that
// banks ask for beside the QWAC.
//
// A [Cache] answers [Cache.Token] from memory without an allocation. On a miss
// it runs one fetch per [Key], however many callers wait; it renews tokens in
// the background while the old one is still good, and fails fast for a moment
// after a refusal or an outage. A token that is no longer good is never handed
// out, whatever state the bank is in.
//
// The parts are kept apart because they change for different reasons:
//
//   - [Source] is all that the rest of the sidecar knows of this package.
//   - The coordinator (cache.go, flight.go) decides when a token is fetched,
//     by whom and who waits. It knows nothing of OAuth2.
//   - The fetch step (fetch.go, request.go, response.go) speaks to one token
//     endpoint and turns its answer into a [Token] or one of this package's
//     errors. The coordinator calls it through one function value: other
//     grants, a shared store with its lock and a record written ahead of the
//     request wrap or replace that function.
//   - The store (memory.go) keeps what was fetched. All changes to it are made
//     under the coordinator's lock.
//
// No error, log form or metric of this package carries a token, a client_id or
// any part of a bank's answer except the OAuth error code.
package tokens
