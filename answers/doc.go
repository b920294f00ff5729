// Package answers verifies what a bank says with its answers' signatures and
// digests: detached JWS of the body (RFC 7515, RFC 7797, UK Open Banking), JWS
// of header lines (ETSI TS 119 182-1, HttpHeaders), a body that is a signed JWT
// (RFC 7519), Signature headers (draft-cavage-http-signatures), HTTP message
// signatures (RFC 9421) and bare digests (RFC 3230, RFC 9530).
//
// A [Policy] is data: it comes from a bank profile. [Compile] binds it to the
// keys that a bank may sign with; [Verifier.Verify] is a function of one answer.
// It changes nothing of the answer.
//
// The package knows neither Caddy nor net/http servers and holds no state. It
// reads files in [ReadCertificates] and [ReadTrust] only, and calls nobody: keys
// that a bank publishes are fetched by the caller.
package answers
