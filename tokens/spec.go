package tokens

import "time"

// Spec is the "token" section of a bank profile and of an ASPSP's
// configuration: how access tokens are obtained.
type Spec struct {
	// Endpoint is the token endpoint: an absolute https URL, or a path on the
	// host of base_url.
	Endpoint string `json:"endpoint,omitempty"`

	// Grant is how a token is obtained without a PSU's authorization:
	// "client_credentials", or "none" (default) where the bank has no such
	// tokens, so that the app brings its own.
	Grant string `json:"grant,omitempty"`

	// FromApp lets an Authorization header of the app pass to the bank, and
	// the app reach the token endpoint itself. Default false: such a header is
	// a refusal.
	FromApp bool `json:"from_app,omitempty"`

	// ClientAuth is the client authentication at the token endpoint:
	// "tls_client_auth" (default, RFC 8705 section 2.1: client_id in the body).
	ClientAuth string `json:"client_auth,omitempty"`

	// Sign signs token requests like any other (operation "token").
	Sign bool `json:"sign,omitempty"`

	// NoScope leaves the scope out of client_credentials requests.
	NoScope bool `json:"no_scope,omitempty"`

	// NoClientID leaves the client_id out of token requests, for banks that
	// take it from the certificate alone.
	NoClientID bool `json:"no_client_id,omitempty"`

	// DefaultLifetime is used when the bank's answer has no expires_in. Default 5m.
	DefaultLifetime Duration `json:"default_lifetime,omitzero"`

	// MaxLifetime bounds what the bank's expires_in may claim. Default 24h. A
	// token whose expires_in is zero or negative serves only the requests that
	// wait for it.
	MaxLifetime Duration `json:"max_lifetime,omitzero"`

	// ExpiryMargin is how long before its expiry a token is no longer used.
	// Default 30s, never more than a fifth of the token's lifetime.
	ExpiryMargin Duration `json:"expiry_margin,omitzero"`
}

// Duration is a time.Duration written as text ("90s", "5m") in JSON.
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}
