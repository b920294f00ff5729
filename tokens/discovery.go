package tokens

import (
	"context"
)

// Discovery is the metadata of one authorization server (RFC 8414, OpenID
// Connect Discovery): fetched when first needed and hourly since, by one caller
// at a time. When it cannot be fetched again, what was known stays. It must not
// be copied.
type Discovery struct {
	// URL is where the metadata is.
	URL string
	// Hosts are those that the metadata may name, beside the URL's own: host, or
	// host:port if it is not 443. Elsewhere the QWAC must not be shown.
	Hosts []string
}

// Metadata is what is used of a server's metadata, with mtls_endpoint_aliases
// (RFC 8705 section 5) in place of what they are for.
type Metadata struct {
	Issuer                string
	TokenEndpoint         string
	AuthorizationEndpoint string
	PushedEndpoint        string
	RevocationEndpoint    string
	KeysURL               string
	// IssParameter says that answers to authorizations name the issuer (RFC 9207).
	IssParameter bool
}

// Get gives the metadata, fetched through ep if need be. Errors are
// [ErrUnavailable] and [ErrMetadata].
func (d *Discovery) Get(ctx context.Context, ep *Endpoint) (*Metadata, error) {
	return nil, ErrMetadata
}

// TokenEndpoint is where tokens are asked for: configured, or of the metadata.
func (ep *Endpoint) TokenEndpoint(ctx context.Context) (string, error) { return ep.URL, nil }

// AuthorizationEndpoint is where the PSU is sent.
func (ep *Endpoint) AuthorizationEndpoint(ctx context.Context) (string, error) {
	return ep.AuthorizationURL, nil
}

// PushedEndpoint is where authorization requests are pushed to.
func (ep *Endpoint) PushedEndpoint(ctx context.Context) (string, error) { return ep.PushedURL, nil }

// RevocationEndpoint is where tokens are revoked, "" if the bank has none.
func (ep *Endpoint) RevocationEndpoint(ctx context.Context) (string, error) {
	return ep.RevocationURL, nil
}

// IssuerID is the authorization server's identifier, "" if it is neither
// configured nor to be asked for.
func (ep *Endpoint) IssuerID(ctx context.Context) (string, error) { return ep.Issuer, nil }

// KeySet holds the keys that a bank signs id_tokens with. Its zero value is
// ready for use. It must not be copied.
type KeySet struct{}

// Expect is what an id_token is held against.
type Expect struct {
	// ClientID must be in aud.
	ClientID string
	// Nonce must be repeated; "" if none was sent.
	Nonce string
	// AccessToken must agree with at_hash, where there is one.
	AccessToken string
}

// ValidateIDToken validates an id_token (OpenID Connect Core section 3.1.3.7):
// signature, iss, aud and azp, exp and iat with a minute of skew, nonce,
// at_hash. Errors wrap [ErrIDToken] if it does not hold; [ErrUnavailable],
// [ErrMetadata] or [ErrSpec] if that could not be found out.
func ValidateIDToken(ctx context.Context, ep *Endpoint, raw string, expect Expect) error {
	return ErrIDToken
}
