package signer

import "net/http"

// Message is the part of an outbound request that signing has to do with,
// exactly as it goes out. The package knows no http.Request, so that nothing
// can be signed that differs from what is sent without the caller saying so.
type Message struct {
	// Method is the HTTP method as on the wire.
	Method string
	// Target is the request-target as on the wire: req.URL.RequestURI().
	Target string
	// Host is the Host header (HTTP/1.1) or :authority (HTTP/2) as on the wire.
	Host string
	// Header holds the outbound headers, with keys in any spelling: look-ups
	// do not mind case. One header under two spellings is refused, because the
	// order of its values on the wire would be anybody's guess. Sign adds to it.
	Header http.Header
	// Body is exactly what is sent; nil or empty means no body.
	Body []byte
	// BodyDigest is the value that [Signer.Digest] gave for Body, so that
	// several attempts hash once. Empty: it is computed.
	BodyDigest string
	// Operation is the profile's name of the operation, which may select a
	// list of its own in [Spec.SignedByOperation].
	Operation string
}
