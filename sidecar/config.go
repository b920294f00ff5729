package sidecar

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/caddy-tpp/caddy-tpp/certs"
	"github.com/caddy-tpp/caddy-tpp/profiles"
)

// ErrConfig is wrapped by every error about an ASPSP's configuration.
var ErrConfig = errors.New("configuration")

// Defaults of Config.
const (
	DefaultMaxBody        = 1 << 20
	DefaultConnectTimeout = 5 * time.Second
	DefaultAnswerTimeout  = 30 * time.Second
	DefaultIdleConns      = 256
)

// Config describes one ASPSP: a bank, reached with one identity, under one profile.
type Config struct {
	// Name is the ASPSP's name in the configuration, in metrics and in logs.
	Name string
	// Profile is the bank's profile, with the configuration's overrides merged in.
	Profile *profiles.Profile
	// BaseURL is the https address that the app's paths are appended to.
	BaseURL string
	// Identity is the TPP's certificates, IdentityName their name. Both are empty
	// if the ASPSP has none, which the profile's client_certificate has to allow.
	Identity     *certs.Identity
	IdentityName string
	// Scope replaces the profile's scope. Several are separated by spaces.
	Scope string
	// ClientID replaces the organizationIdentifier of the certificate.
	ClientID string
	// TokenEndpoint replaces the profile's token endpoint.
	TokenEndpoint string
	// ClientSecret gives the secret for client_secret_basic, client_secret_post
	// and the token grant "basic", whenever it is needed. Nil means none.
	ClientSecret func() (string, error)
	// ClientKey signs assertions, request objects and JWTs (grant "jwt") in place of the QSEAL key.
	ClientKey crypto.Signer
	// RedirectURI is the address that the bank sends PSUs back to, as registered
	// there. Empty: the app's own is not compared with anything.
	RedirectURI string
	// ReturnURLs are the addresses a PSU may be sent on to after the callback.
	ReturnURLs []string
	// HideTokens answers the app's code exchange without the tokens' values.
	HideTokens bool
	// TrustPool verifies the bank's certificate. Default: the system's roots.
	TrustPool *x509.CertPool
	// MaxBody is the largest request body in bytes. Default 1 MiB.
	MaxBody int64
	// RewriteLinks lets links in answers that lead back below BaseURL lead to the
	// sidecar instead, in the places that the profile names.
	RewriteLinks bool
	// Fallback allows the bank's fallback interface when the app asks for it.
	Fallback bool
	// ConnectTimeout bounds TCP connect and TLS handshake, each. Default 5 s.
	ConnectTimeout time.Duration
	// AnswerTimeout bounds the time from the sent request to the first byte of
	// the answer's head. Default 30 s (RTS article 33(1) counts from there).
	AnswerTimeout time.Duration
	// HTTP2 offers h2 to the bank beside HTTP/1.1.
	HTTP2 bool
	// IdleConns is how many idle connections are kept. It should not be smaller
	// than the calls in flight: a new mutual TLS handshake costs more CPU than
	// a signature. Default 256.
	IdleConns int
	// ResolveSecret replaces {env.NAME} and {file./path} in fixed header
	// values. It is called for each request, so that secrets can be rotated; an
	// error refuses the request.
	ResolveSecret func(string) (string, error)
}

// withDefaults returns c with every zero value replaced by its default.
func (c Config) withDefaults() Config {
	if c.Scope == "" {
		c.Scope = c.Profile.Scope
	}
	if c.MaxBody == 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = DefaultConnectTimeout
	}
	if c.AnswerTimeout == 0 {
		c.AnswerTimeout = DefaultAnswerTimeout
	}
	if c.IdleConns == 0 {
		c.IdleConns = DefaultIdleConns
	}
	if c.TokenEndpoint == "" {
		c.TokenEndpoint = c.Profile.Token.Endpoint
	}
	if c.ResolveSecret == nil {
		c.ResolveSecret = func(value string) (string, error) { return value, nil }
	}
	return c
}

// configError makes an error that names the ASPSP.
func (c Config) configError(format string, args ...any) error {
	return fmt.Errorf("%w: aspsp %s: %w", ErrConfig, c.Name, fmt.Errorf(format, args...))
}

// check refuses sizes and times that are below nothing, where 0 means the
// default, or beyond reason. It is called with the defaults filled in.
func (c Config) check() error {
	var wrong []error
	note := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, c.configError(format, args...))
		}
	}
	note(c.MaxBody > 0 && c.MaxBody <= largestMaxBody, "max_body of %d bytes: write a size from 1 byte to 1 TiB, such as 1MiB", c.MaxBody)
	note(c.ConnectTimeout > 0, "connect_timeout of %s: write a time above 0, such as %s", c.ConnectTimeout, DefaultConnectTimeout)
	note(c.AnswerTimeout > 0, "answer_timeout of %s: write a time above 0, such as %s", c.AnswerTimeout, DefaultAnswerTimeout)
	note(c.IdleConns > 0, "idle_conns of %d: write a number above 0, such as %d", c.IdleConns, DefaultIdleConns)
	return errors.Join(wrong...)
}

// checkIdentity refuses an ASPSP that has no identity but needs one.
func (c Config) checkIdentity() error {
	if c.IdentityName == "" && c.Identity == nil && c.Profile.NeedsIdentity() {
		return c.configError("profile %s wants the TPP's certificate in the TLS handshake: set identity", c.Profile.Name)
	}
	return nil
}

// largestMaxBody is where a size is a mistake rather than a limit.
const largestMaxBody = 1 << 40

// bankURL parses an address of the bank: absolute, https, and nothing that
// would leak or confuse (user info, fragment, query).
func (c Config) bankURL(setting, address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, c.configError("%s %q is not a URL; write https://host/path", setting, address)
	}
	switch {
	case u.Scheme != "https":
		return nil, c.configError("%s %q must begin with https://: a QWAC is only ever used over TLS", setting, address)
	case u.Hostname() == "":
		return nil, c.configError("%s %q names no host", setting, address)
	case strings.ContainsFunc(u.Host, func(r rune) bool { return r > unicode.MaxASCII }):
		return nil, c.configError("%s %q: write the host name in its ASCII form (xn--…), as it goes on the wire", setting, address)
	case u.User != nil || u.Fragment != "" || u.RawQuery != "":
		return nil, c.configError("%s must be scheme, host and path only, without user, query or fragment", setting)
	}
	u.Host = strings.ToLower(strings.TrimSuffix(u.Host, ":443"))
	return u, nil
}

// tokenURL resolves the token endpoint against the base URL.
func (c Config) tokenURL(base *url.URL) (*url.URL, error) {
	if c.TokenEndpoint == "" {
		return nil, nil
	}
	if strings.HasPrefix(c.TokenEndpoint, "/") {
		return c.bankURL("token endpoint", base.Scheme+"://"+base.Host+c.TokenEndpoint)
	}
	return c.bankURL("token endpoint", c.TokenEndpoint)
}
