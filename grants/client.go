package grants

import (
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// defaultCallTimeout is that of [tokens.Endpoint.Timeout].
const defaultCallTimeout = 10 * time.Second

// Client is the way to the bank, for one generation of the TPP's certificate.
// It must not be changed once it is in use. Grants are served fastest if every
// call about an ASPSP passes the same pointer, until the certificate or the
// configuration changes.
type Client struct {
	// Identity is the configured name of the TPP identity.
	Identity string
	// Thumbprint is the x5t#S256 of the QWAC that Endpoint.Do shows. Unless
	// [tokens.Spec.Unbound] says otherwise, tokens that were fetched under another
	// are not sent, but refreshed.
	Thumbprint string
	// ClientID is the TPP's client_id at this bank.
	ClientID string
	// Scope is what grants are asked for when a code or an import does not say.
	Scope string
	// Endpoint is the bank's authorization server.
	Endpoint *tokens.Endpoint
}

// check tells whether there is a way to the bank at all.
func (c *Client) check() error {
	if c == nil || c.Endpoint == nil {
		return ErrNoClient
	}
	return nil
}

// endpoint tells authorization servers apart without asking anybody: where the
// token endpoint is only known from metadata, by where the metadata is.
func (c *Client) endpoint() string {
	ep := c.Endpoint
	if ep.URL == "" && ep.Discovery != nil {
		return ep.Discovery.URL
	}
	return ep.URL
}

func (c *Client) spec() *tokens.Spec { return &c.Endpoint.Spec }

func (c *Client) timeout() time.Duration {
	if c.Endpoint.Timeout > 0 {
		return c.Endpoint.Timeout
	}
	return defaultCallTimeout
}
