// Package jws holds what all JSON Web Signatures of the sidecar have in common:
// signing with keys that may be in an HSM, and the members of headers and claims
// that are configured rather than written in code.
//
// Signing is go-jose's; this package only hands it keys and values. It is a leaf
// that knows neither banks nor HTTP.
package jws
