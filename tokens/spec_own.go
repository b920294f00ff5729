package tokens

// JWT is the "jwt" part of the token section: how the JWT is made that the bank
// takes in place of a token it would have issued (grant "jwt").
type JWT struct {
	// Algorithm is one of JWS (RFC 7518 section 3.1) that fits the key, such as
	// RS256. Default: PS256 for an RSA key, ES256, ES384 or ES512 by the curve.
	Algorithm string `json:"algorithm,omitempty"`
	// KeyID is the kid that the bank knows the key by. Default: none is sent.
	KeyID string `json:"key_id,omitempty"`
	// Claims are the JWT's claims: plain texts, or one placeholder each, such as
	// {client_id}, {unix_time}, {expires} or {uuid}, or json: and any JSON value.
	// Default: iat {unix_time} and exp {expires}.
	Claims map[string]string `json:"claims,omitempty"`
	// Members are further members of the protected header, with the same values.
	// Default: typ JWT.
	Members map[string]string `json:"members,omitempty"`
	// Lifetime is how long a JWT is good for. It is used again until shortly
	// before that. Default 5m.
	Lifetime Duration `json:"lifetime,omitzero"`
}

// Delivered is the "delivered" part of the token section: how a token comes in
// that the bank posts to the TPP after it was asked (grant "delivered").
type Delivered struct {
	// Parameter is the name of the token in the bank's form. Default "token".
	Parameter string `json:"parameter,omitempty"`
	// Wait is how long the delivery is waited for, once the bank has answered
	// the asking. Default 10s.
	Wait Duration `json:"wait,omitzero"`
	// Lifetime is how long a token is used. Default: default_lifetime.
	Lifetime Duration `json:"lifetime,omitzero"`
	// MinLength and MaxLength bound the token's length in characters. Another is
	// refused. Default 1 and 4096.
	MinLength int `json:"min_length,omitempty"`
	MaxLength int `json:"max_length,omitempty"`
}
