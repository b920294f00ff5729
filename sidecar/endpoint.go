package sidecar

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/certs"
	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// tokenURLs are the addresses of a bank's authorization server, "" for those
// that are not configured.
type tokenURLs struct {
	authorization, pushed, revocation, metadata, keys string
}

// compileTokenURLs reads the addresses of the authorization server.
func (a *ASPSP) compileTokenURLs() error {
	c, spec := a.config, a.config.Profile.Token
	var wrong []error
	read := func(into *string, setting, address string) {
		if address == "" {
			return
		}
		u, err := c.serverURL(setting, address, a.base)
		if err != nil {
			wrong = append(wrong, err)
			return
		}
		*into = u.String()
	}
	if address := spec.Authorize.Endpoint; tokens.LoopbackHTTP(address) {
		a.urls.authorization = address // a sandbox: only the PSU's browser goes there
	} else {
		read(&a.urls.authorization, "token.authorize.endpoint", address)
	}
	read(&a.urls.pushed, "token.authorize.pushed", spec.Authorize.Pushed)
	read(&a.urls.revocation, "token.revocation", spec.Revocation)
	read(&a.urls.metadata, "token.metadata", spec.Metadata)
	read(&a.urls.keys, "token.id_token.keys", spec.IDToken.Keys)
	if c.RedirectURI != "" {
		if err := checkRedirectURI(c.RedirectURI); err != nil {
			wrong = append(wrong, c.configError("redirect_uri %w", err))
		}
	}
	if a.urls.metadata != "" {
		a.discovery = &tokens.Discovery{URL: a.urls.metadata, Hosts: a.serverHosts()}
	}
	return errors.Join(wrong...)
}

// serverHosts are the hosts that the QWAC may be shown to: those that the
// configuration names.
func (a *ASPSP) serverHosts() []string {
	hosts := append([]string{a.base.Host}, a.config.Profile.Token.Hosts...)
	if a.token != nil {
		hosts = append(hosts, a.token.Host)
	}
	return hosts
}

// serverURL resolves an address of the authorization server against the base
// URL. Unlike the others it may have a query (RFC 6749 section 3.1).
func (c Config) serverURL(setting, address string, base *url.URL) (*url.URL, error) {
	if strings.HasPrefix(address, "/") {
		address = base.Scheme + "://" + base.Host + address
	}
	address, query, _ := strings.Cut(address, "?")
	u, err := c.bankURL(setting, address)
	if err != nil {
		return nil, err
	}
	u.RawQuery = query
	return u, nil
}

// errRedirectURI says what a redirect_uri has to be (RFC 6749 section 3.1.2).
var errRedirectURI = errors.New("must be an absolute URL without fragment, as registered at the bank: https://host/path")

func checkRedirectURI(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || strings.Contains(address, "#") {
		return errRedirectURI
	}
	return nil
}

// hasTokenEndpoint reports whether the bank has one, wherever that is.
func (a *ASPSP) hasTokenEndpoint() bool { return a.token != nil || a.discovery != nil }

// keepsGrants reports whether the token endpoint is one of OAuth2, where a PSU's
// tokens come from.
func (a *ASPSP) keepsGrants() bool {
	return a.hasTokenEndpoint() && a.config.Profile.Token.Grant != tokens.GrantDelivered
}

// linkTokens gives a link what tokens are fetched, or made, and kept by.
func (a *ASPSP) linkTokens(l *link, clientID string) error {
	c := a.config
	spec := &c.Profile.Token
	if spec.Grant == tokens.GrantBasic {
		if err := tokens.CheckBasicID(clientID); err != nil {
			return err
		}
	}
	if !a.hasTokenEndpoint() && !spec.Fetches() {
		return nil
	}
	l.endpoint = a.newEndpoint(l)
	key := a.keyOfTokens(l, clientID)
	if spec.Grant == tokens.GrantJWT {
		var err error
		if l.endpoint.JWT, err = a.newMaker(l, clientID); err != nil {
			return err
		}
		// A JWT is bound to the key that made it, and to what it says.
		key.Endpoint, key.Thumbprint = a.base.String(), l.endpoint.JWT.Fingerprint()
	}
	if a.deps.Tokens != nil {
		l.own = a.deps.Tokens.Handle(key)
	}
	if spec.ApplicationToken && l.own != nil {
		l.endpoint.Application = func(ctx context.Context) (*tokens.Token, error) { return l.own.Token(ctx, l.endpoint) }
		l.endpoint.ApplicationRefused = l.own.Drop
	}
	if a.keepsGrants() {
		l.client = &grants.Client{Identity: c.IdentityName, Thumbprint: thumbprintOf(l.generation),
			ClientID: clientID, Scope: c.Scope, Endpoint: l.endpoint}
	}
	return nil
}

// newEndpoint is the bank's authorization server, spoken to over one link.
func (a *ASPSP) newEndpoint(l *link) *tokens.Endpoint {
	c := a.config
	endpoint := &tokens.Endpoint{
		Spec: c.Profile.Token, Timeout: c.ConnectTimeout + c.AnswerTimeout, Now: a.deps.Now,
		Do:     func(req *http.Request) (*http.Response, error) { return a.sendTokenRequest(l, req) },
		Secret: c.readClientSecret(), Key: c.ClientKey, Inbox: a.inbox,
		Discovery: a.discovery, Keys: &a.keys,
		PushedURL: a.urls.pushed, RevocationURL: a.urls.revocation, AuthorizationURL: a.urls.authorization,
		KeysURL: a.urls.keys, Issuer: c.Profile.Token.Issuer,
	}
	if a.token != nil {
		endpoint.URL = a.token.String()
	}
	if endpoint.Key == nil && l.generation.QSEAL != nil {
		endpoint.Key = l.generation.QSEAL.Key
	}
	return endpoint
}

// keyOfTokens is what the TPP's own tokens are kept under.
func (a *ASPSP) keyOfTokens(l *link, clientID string) tokens.Key {
	key := tokens.Key{ASPSP: a.config.Name, Endpoint: a.urls.metadata, Identity: a.config.IdentityName,
		Thumbprint: thumbprintOf(l.generation), ClientID: clientID, Scope: a.config.Scope}
	if a.config.Profile.Token.Unbound {
		key.Thumbprint = ""
	}
	if a.token != nil {
		key.Endpoint = a.token.String()
	}
	return key
}

// thumbprintOf is that of the certificate which is shown, "" if none is: tokens
// are then bound to none.
func thumbprintOf(generation *certs.Generation) string {
	if generation.QWAC == nil {
		return ""
	}
	return generation.QWAC.Thumbprint
}

// readClientSecret names what cannot be read.
func (c Config) readClientSecret() func() (string, error) {
	if c.ClientSecret == nil {
		return nil
	}
	return func() (string, error) {
		secret, err := c.ClientSecret()
		if err != nil {
			return "", refuse(CodeSecretUnreadable, "client_secret", err)
		}
		return secret, nil
	}
}

// Client is what grants of this ASPSP are used and renewed with at present, nil
// if the bank has no token endpoint.
func (a *ASPSP) Client() *grants.Client { return a.link().client }

// tokenAddress is where token requests go, for those who look up a host; the
// API's own where only the metadata knows.
func (a *ASPSP) tokenAddress() *url.URL { return cmp.Or(a.token, a.base) }
