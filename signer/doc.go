// Package signer makes HTTP message signatures the way banks want them:
// draft-cavage-http-signatures (versions 10 and 12) with every variation that
// PSD2 banks are known to ask for, and the RFC 3230 Digest that goes with it.
//
// A [Spec] is data: it comes from a bank profile. [Compile] binds it to the
// credentials of one identity generation and does everything that does not
// depend on the request (keyId, certificate header, parameter prefixes), so
// that [Signer.Sign] only builds the signing string and signs it.
//
// The package knows neither Caddy nor net/http servers, reads no files and
// holds no state. Private keys are only ever used through [crypto.Signer].
package signer
