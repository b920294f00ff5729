package tokens

import "time"

// Spec is the "token" section of a bank profile and of an ASPSP's
// configuration: how access tokens are obtained, kept and renewed.
type Spec struct {
	// Endpoint is the token endpoint: an absolute https URL, or a path on the
	// host of base_url.
	Endpoint string `json:"endpoint,omitempty"`

	// Grant is how a token is obtained without a PSU's authorization:
	// "client_credentials"; "basic" (client_id and client_secret go along with
	// every call, RFC 7617); "jwt" (the TPP signs one itself); "delivered" (the
	// bank posts it to the TPP when asked at Endpoint); or "none" (default) where
	// the bank has no such tokens, so that a request names a grant or the app
	// brings its own.
	Grant string `json:"grant,omitempty"`

	// JWT says how the JWT of grant "jwt" is made.
	JWT JWT `json:"jwt,omitzero"`

	// Delivered says how the token of grant "delivered" comes in.
	Delivered Delivered `json:"delivered,omitzero"`

	// Header is the header that carries the token by itself, in the spelling to
	// be used on the wire. Default: Authorization, after "Bearer ".
	Header string `json:"header,omitempty"`

	// NoRepeat hands a 401 to the app: the call is never sent a second time, and
	// the next one gets a new token. Default false: the sidecar tries once more
	// with a new token.
	NoRepeat bool `json:"no_repeat,omitempty"`

	// Optional lets a call go out without any token where none is to be had: for
	// banks that know the TPP by its certificate, or by fixed headers, alone.
	// Default false: such a call is a refusal.
	Optional bool `json:"optional,omitempty"`

	// FromApp lets an Authorization header of the app pass to the bank, and
	// the app reach the token endpoint itself. Default false: such a header is
	// a refusal.
	FromApp bool `json:"from_app,omitempty"`

	// ClientAuth is the client authentication at the token endpoint:
	// "tls_client_auth" (default, RFC 8705 section 2.1: client_id in the body),
	// "client_secret_basic" or "client_secret_post" (RFC 6749 section 2.3.1), or
	// "private_key_jwt" (RFC 7523 section 2.2, OpenID Connect Core section 9).
	// Mutual TLS with the QWAC is there in any case.
	ClientAuth string `json:"client_auth,omitempty"`

	// Assertion says how the assertion of private_key_jwt is made.
	Assertion Assertion `json:"assertion,omitzero"`

	// Sign signs token requests like any other (operation "token").
	Sign bool `json:"sign,omitempty"`

	// ApplicationToken makes requests about a PSU's authorization (code,
	// refresh) in two steps, as ING wants it: a token of the TPP itself is
	// fetched first with client_credentials, and goes along as Bearer. Only with
	// grant client_credentials.
	ApplicationToken bool `json:"application_token,omitempty"`

	// ClientIDFromAnswer takes the client_id from the answer with the
	// application token: later requests are made, and signed, under it.
	ClientIDFromAnswer bool `json:"client_id_from_answer,omitempty"`

	// NoScope leaves the scope out of client_credentials requests.
	NoScope bool `json:"no_scope,omitempty"`

	// CodeScope and RefreshScope repeat the scope when a code is exchanged or a
	// token refreshed. Default false: STET part I section 3.4.3.2 forbids it.
	CodeScope    bool `json:"code_scope,omitempty"`
	RefreshScope bool `json:"refresh_scope,omitempty"`

	// NoClientID leaves the client_id out of token requests, for banks that
	// take it from the certificate alone.
	NoClientID bool `json:"no_client_id,omitempty"`

	// Authorize says how a PSU is sent to the bank to authorize.
	Authorize Authorize `json:"authorize,omitzero"`

	// RefreshSurvives says that the refresh token sent stays valid when the
	// bank has answered, because the bank returns the old one or lets several
	// live. Only then is a refresh repeated (once) whose answer was lost.
	// Default false: the grant is quarantined instead.
	RefreshSurvives bool `json:"refresh_survives,omitempty"`

	// NotProcessed lists the HTTP statuses with which the bank's token endpoint
	// says that it has done nothing with a request. After any other status of 500
	// and above it may have. Default 429.
	NotProcessed []int `json:"not_processed,omitempty"`

	// ConsentDays is how long the PSU's strong authentication counts, in days.
	// Default 180 (RTS article 10a). Refreshing does not prolong it.
	ConsentDays int `json:"consent_days,omitempty"`

	// Unbound says that the bank's tokens are not bound to the certificate they
	// were fetched with (RFC 8705 section 3), so that they are kept when the QWAC
	// is renewed. Default false: they are fetched anew.
	Unbound bool `json:"unbound,omitempty"`

	// Revocation is the revocation endpoint (RFC 7009): a URL, or a path on the
	// host of base_url. Default: none, or what the metadata says.
	Revocation string `json:"revocation,omitempty"`

	// Metadata is where the authorization server describes itself (RFC 8414 or
	// OpenID Connect Discovery): a URL, or a path on the host of base_url.
	// Endpoints that are not configured are taken from it, those in
	// mtls_endpoint_aliases (RFC 8705 section 5) first. Default: not asked for.
	Metadata string `json:"metadata,omitempty"`

	// Hosts lists further hosts that the metadata may name. Default: those of
	// base_url, token endpoint and metadata only, for the QWAC is shown there.
	Hosts []string `json:"hosts,omitempty"`

	// Issuer is the authorization server's identifier. It is compared with the
	// metadata, with iss in the answer to an authorization (RFC 9207) and with
	// iss in an id_token. Default: the metadata's.
	Issuer string `json:"issuer,omitempty"`

	// IDToken says how an id_token is judged, once the tokens are stored.
	IDToken IDToken `json:"id_token,omitzero"`

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

// Assertion is how the TPP proves who it is with private_key_jwt.
type Assertion struct {
	// Algorithm is PS256 (default for an RSA key), PS384, PS512, RS256, RS384,
	// RS512, ES256 (default for P-256) or ES384.
	Algorithm string `json:"algorithm,omitempty"`
	// KeyID is the kid that the bank knows the key by. Default: none is sent.
	KeyID string `json:"key_id,omitempty"`
	// Audience is the assertion's aud. Default: the token endpoint's URL.
	Audience string `json:"audience,omitempty"`
	// Lifetime is how long an assertion is good for. Default 60s.
	Lifetime Duration `json:"lifetime,omitzero"`
}

// Authorize says how a PSU is sent to the bank (RFC 6749 section 4.1.1).
type Authorize struct {
	// Endpoint is the authorization endpoint: a URL, or a path on the host of
	// base_url. The PSU's browser goes there, without the TPP's certificate.
	Endpoint string `json:"endpoint,omitempty"`
	// PKCE sends a code challenge with S256 (RFC 7636).
	PKCE bool `json:"pkce,omitempty"`
	// Pushed is the endpoint to push the request to (RFC 9126): a URL, or a path
	// on the host of base_url. Default: the request is in the PSU's URL.
	Pushed string `json:"pushed,omitempty"`
	// RequestObject signs the request (RFC 9101) with the key, algorithm and kid
	// of the assertion section.
	RequestObject bool `json:"request_object,omitempty"`
	// Audience is the request object's aud. Default: the issuer, else the
	// authorization endpoint's URL.
	Audience string `json:"audience,omitempty"`
	// Nonce sends a nonce, which the id_token must repeat. Default: with
	// "openid" in the scope.
	Nonce bool `json:"nonce,omitempty"`
	// Consent is where the id of a consent goes that the app has made at the bank
	// before: ConsentClaims, or else the name of a parameter. Default: none, and
	// the app must give none.
	Consent string `json:"consent,omitempty"`
	// Parameters are further parameters, as they are.
	Parameters map[string]string `json:"parameters,omitempty"`
}

// ConsentClaims puts the id of a consent into the claims of the request, as the
// essential openbanking_intent_id of the id_token (UK Open Banking Security
// Profile).
const ConsentClaims = "claims"

// IDToken says how an id_token is validated (OpenID Connect Core section
// 3.1.3.7).
type IDToken struct {
	// Check is "off" (default), "report" (a bad one is logged and counted), or
	// "enforce": after a code exchange a bad one quarantines the grant until
	// someone has looked at it. A bad one in the answer to a refresh is never
	// more than reported: the tokens are good, and lost if they are not used.
	Check string `json:"check,omitempty"`
	// Keys is the bank's JSON Web Key Set: a URL, or a path on the host of
	// base_url. Default: jwks_uri of the metadata.
	Keys string `json:"keys,omitempty"`
	// Algorithms are those accepted. Default: PS256, ES256, RS256.
	Algorithms []string `json:"algorithms,omitempty"`
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
