// Package sidecar is the core of caddy-tpp, without Caddy: it turns an
// application's plain HTTP call into the call a bank (ASPSP) accepts.
//
// A call goes through an [Exchange]:
//
//	received → identified (ASPSP, operation) → PSU checked → body owned and
//	digested → token ready → [attempt: injected → signed → sent] → answered | refused
//
// [ASPSP.Prepare] does everything that is local and can fail; a failure is a
// [Refusal] and nothing has been sent. [ASPSP.RoundTrip] makes the attempts: it
// injects, signs and sends, so that what is signed is what is on the wire. A
// request leaves from there only.
//
// Everything that belongs to one generation of an identity's certificates (TLS
// connections, signer, keyId, token key) hangs on one link and changes together.
package sidecar
