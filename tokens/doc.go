// Package tokens obtains the OAuth2 access tokens (RFC 6749) that banks ask for
// beside the QWAC: those of the TPP itself, which it keeps, and those of a PSU's
// authorization, which others store and renew.
//
// A [Cache] answers [Cache.Token] from memory without an allocation. On a miss
// it runs one fetch per [Key], however many callers wait; it renews tokens in
// the background while the old one is still good, and fails fast for a moment
// after a refusal or an outage. A token that is no longer good is never handed
// out, whatever state the bank is in. Who asks under one key again and again
// holds a [Handle].
//
// [Endpoint.Ask] exchanges a code or refreshes a token: it sends one request,
// never repeats it, and gives the [Answer] raw, so that it can be stored before
// anything is made of it. [Answer.Judge] says later, and again after a crash,
// what it amounts to: tokens, a refusal, nothing done, or nobody knows. Only who
// keeps the tokens can decide what to do then.
//
// The parts are kept apart because they change for different reasons:
//
//   - [Source] is all that the rest of the sidecar knows of the cache.
//   - The coordinator (cache.go, handle.go, flight.go) decides when a token is
//     fetched, by whom and who waits. It knows nothing of OAuth2.
//   - The fetch step (fetch.go, request.go, response.go) asks for a token of the
//     TPP itself and turns the answer into a [Token] or one of this package's
//     errors.
//   - The store (memory.go) keeps what was fetched. All changes to it are made
//     under the coordinator's lock.
//   - The client (ask.go, clientauth.go, jwt.go, revoke.go) makes requests under
//     any client authentication; answer.go, salvage.go, judge.go and pair.go
//     take the answers apart.
//   - [Discovery] (RFC 8414) and [KeySet] are documents of the bank's
//     (document.go), for endpoints that are not configured and for
//     [ValidateIDToken].
//
// No error, log form or metric of this package carries a token, a client_id or
// any part of a bank's answer except the OAuth error code and host names of its
// metadata.
package tokens
