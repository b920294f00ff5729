// Package diagnose verifies a captured request as a bank would, and says in one
// sentence what is wrong first.
//
// A plain verifier can only say no. This one asks what would have made the
// signature valid. An RSA signature tells by itself which key, scheme and hash
// made it (RFC 8017 sections 8.1.2 and 8.2.2), so a wrong key is told apart from
// changed content; then texts that clients and gateways are known to sign by
// mistake are tried until one fits. It knows all containers: Signature and
// Authorization: Signature (draft-cavage-http-signatures), detached JWS, JWS over
// HTTP headers (ETSI TS 119 182-1), a body that is a JWT, and RFC 9421.
//
// Nothing here trusts or fetches a key: the caller says whose certificates
// count. Results hold no header value that can be a token or personal data.
package diagnose
