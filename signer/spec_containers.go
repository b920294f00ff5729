package signer

// JWS is the form of a JSON Web Signature over a request.
//
// Values of Members and Claims are texts that stand as they are, or one
// placeholder each ({key_id}, {client_id}, {organization_id}, {subject_dn},
// {x5t#S256}, {x5c}, {x5u}, {unix_time}, {expires}, {time}, {uuid},
// {audience}), or "json:" and any JSON value.
type JWS struct {
	// Header is the header that a detached signature goes into. Default
	// "x-jws-signature".
	Header string `json:"header,omitempty"`

	// Unencoded signs the body as it is instead of its base64url form, and says
	// so with b64 false (RFC 7797): UK Open Banking up to 3.1.3, PolishAPI.
	// Container "http-headers-jws" always does.
	Unencoded bool `json:"unencoded,omitempty"`

	// Members are the members of the protected header beside alg, b64, crit,
	// sigT and sigD.
	Members map[string]string `json:"members,omitempty"`

	// Critical lists the members that crit names (RFC 7515 section 4.1.11), in
	// order. b64 is added where it is false, and container "http-headers-jws"
	// begins with sigT and sigD.
	Critical []string `json:"critical,omitempty"`

	// Claims are the claims that container "jwt" adds to the body.
	Claims map[string]string `json:"claims,omitempty"`

	// Data says where the body's JSON goes in container "jwt": "merge" (default)
	// makes the members of its object claims, another value is the name of the
	// claim that holds it.
	Data string `json:"data,omitempty"`

	// ContentType is the Content-Type of a body that is a JWT. Default
	// "application/jwt".
	ContentType string `json:"content_type,omitempty"`
}

// MessageSignature is the form of an HTTP message signature (RFC 9421).
type MessageSignature struct {
	// Label names the signature in both headers. Default "sig1".
	Label string `json:"label,omitempty"`

	// Parameters are the signature parameters (section 2.3) in order: any of
	// created, expires, nonce, alg, keyid and tag. Default: created, keyid.
	Parameters []string `json:"parameters,omitempty"`

	// Tag is the value of the tag parameter.
	Tag string `json:"tag,omitempty"`
}
