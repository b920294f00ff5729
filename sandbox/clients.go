package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// Ways of client authentication, as in Client.Auth.
const (
	// AuthTLS is tls_client_auth: the QWAC, and client_id in the body (RFC 8705
	// section 2.1).
	AuthTLS = "tls_client_auth"
	// AuthBasic and AuthPost send a secret (RFC 6749 section 2.3.1).
	AuthBasic = "client_secret_basic"
	AuthPost  = "client_secret_post"
	// AuthJWT sends a signed assertion (RFC 7523 section 2.2).
	AuthJWT = "private_key_jwt"
	// AuthCertificate knows the client by its QWAC alone: no client_id is sent.
	AuthCertificate = "certificate"
)

// Client is a TPP registered at the authorization server. One that is not
// registered is known by its QWAC's organizationIdentifier and AuthTLS. The
// QWAC is demanded in any case.
type Client struct {
	// ID is the client_id. Default Organization.
	ID string `json:"client_id"`
	// Organization is the organizationIdentifier of its QWACs. Required.
	Organization string `json:"organization"`
	// Auth is how it authenticates, and nothing else is taken. Default AuthTLS.
	Auth string `json:"auth"`
	// Secret is that of AuthBasic and AuthPost.
	Secret string `json:"secret,omitempty"`
	// Keys verify assertions and request objects. A key with a kid fits only JWTs
	// that name it. Default: the QSEALs registered for the organization.
	Keys *jose.JSONWebKeySet `json:"jwks,omitempty"`
	// Algorithms are those taken of JWTs. Default PS256 and ES256.
	Algorithms []string `json:"algorithms,omitempty"`
	// SigningIssuer is what the TPP calls itself in signed messages: iss of Open
	// Banking's x-jws-signature, such as "org/software", and of a signed body.
	// Default: the subject of its QSEAL, or its organizationIdentifier.
	SigningIssuer string `json:"signing_issuer,omitempty"`
	// RedirectURIs are those registered. Default: any.
	RedirectURIs []string `json:"redirect_uris,omitempty"`
}

func (c *Client) complete() error {
	if c.Organization == "" {
		return errors.New("organization is missing")
	}
	if c.ID == "" {
		c.ID = c.Organization
	}
	if c.Auth == "" {
		c.Auth = AuthTLS
	}
	if c.Algorithms == nil {
		c.Algorithms = []string{"PS256", "ES256"}
	}
	if !slices.Contains([]string{AuthTLS, AuthBasic, AuthPost, AuthJWT, AuthCertificate}, c.Auth) {
		return fmt.Errorf("auth %q is not known", c.Auth)
	}
	if (c.Auth == AuthBasic || c.Auth == AuthPost) != (c.Secret != "") {
		return fmt.Errorf("a secret belongs to %s and %s, and only to them", AuthBasic, AuthPost)
	}
	for _, a := range c.Algorithms {
		if _, ok := jwtHash(a); !ok {
			return fmt.Errorf("algorithm %q is not known", a)
		}
	}
	return nil
}

// clients are the registered ones, by client_id.
type clients struct {
	mu   sync.RWMutex
	byID map[string]*Client
}

// Register registers a client, or replaces the one with its ID.
func (b *Bank) Register(c Client) error {
	if err := c.complete(); err != nil {
		return fmt.Errorf("sandbox: client: %w", err)
	}
	b.clients.mu.Lock()
	defer b.clients.mu.Unlock()
	if b.clients.byID == nil {
		b.clients.byID = map[string]*Client{}
	}
	b.clients.byID[c.ID] = &c
	return nil
}

// get finds a client by its ID: a registered one, or a TPP whose QSEAL is.
func (b *Bank) client(id string) *Client {
	b.clients.mu.RLock()
	c := b.clients.byID[id]
	b.clients.mu.RUnlock()
	if c == nil && b.registry.knows(id) {
		c = implicit(id)
	}
	if known := b.applications.of(id); c == nil && known != nil {
		c = implicit(known[0].OrgID)
		c.ID = id
	}
	return c
}

// implicit is the client that an organization is without registration.
func implicit(organization string) *Client {
	c := &Client{Organization: organization}
	// An organization is all that it takes.
	_ = c.complete()
	return c
}

// byCertificate finds the client that an organization is by its QWAC alone.
func (b *Bank) byCertificate(organization string) *Client {
	b.clients.mu.RLock()
	defer b.clients.mu.RUnlock()
	for _, c := range b.clients.byID {
		if c.Organization == organization && c.Auth == AuthCertificate {
			return c
		}
	}
	return nil
}

// keysOf are those that a client's JWTs are verified with.
func (b *Bank) keysOf(c *Client) []jose.JSONWebKey {
	if c.Keys != nil {
		return c.Keys.Keys
	}
	var list []jose.JSONWebKey
	for _, q := range b.registry.of(c.Organization) {
		list = append(list, jose.JSONWebKey{Key: q.Cert.PublicKey})
	}
	return list
}
