package caddymodule

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-tpp/caddy-tpp/certs"
	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// resolve makes the core's configuration of an ASPSP: it finds the profile,
// merges the overrides, and finds the identity and the trust pool. Identity is
// nil if it is configured but could not be loaded.
func (c *ASPSP) resolve(name string, set *profiles.Set, app *App) (sidecar.Config, error) {
	var wrong []error
	check := func(err error) {
		if err != nil {
			wrong = append(wrong, fmt.Errorf("aspsp %s: %w", name, err))
		}
	}
	profile, err := c.profile(set)
	check(err)
	if c.Identity != "" && app.Identities[c.Identity] == nil {
		check(fmt.Errorf("there is no identity %q; configured are: %s",
			c.Identity, strings.Join(slices.Sorted(maps.Keys(app.Identities)), ", ")))
	}
	pool, err := trustPool(c.TrustPool)
	check(err)
	http2, err := c.http2()
	check(err)
	if err := errors.Join(wrong...); err != nil {
		return sidecar.Config{}, err
	}
	key, err := c.clientKey()
	check(err)
	secret, err := c.clientSecret()
	check(err)
	if err := errors.Join(wrong...); err != nil {
		return sidecar.Config{}, err
	}
	repl := caddy.NewReplacer()
	config := sidecar.Config{
		Name: name, Profile: profile, IdentityName: c.Identity,
		BaseURL: repl.ReplaceAll(c.BaseURL, ""), TokenEndpoint: repl.ReplaceAll(c.TokenEndpoint, ""),
		Scope: c.Scope, ClientID: repl.ReplaceAll(c.ClientID, ""),
		TrustPool: pool, MaxBody: c.MaxBody, Fallback: c.Fallback, RewriteLinks: c.RewriteLinks, HTTP2: http2, IdleConns: c.IdleConns,
		ConnectTimeout: time.Duration(c.ConnectTimeout), AnswerTimeout: time.Duration(c.AnswerTimeout),
		ResolveSecret: resolveHeader,
		ClientKey:     key, ClientSecret: secret, HideTokens: c.HideTokens,
		RedirectURI: repl.ReplaceAll(c.RedirectURI, ""),
	}
	for _, address := range c.ReturnURLs {
		config.ReturnURLs = append(config.ReturnURLs, repl.ReplaceAll(address, ""))
	}
	if identity := app.identities[c.Identity]; identity != nil {
		config.Identity = identity.Identity
	}
	return config, nil
}

// profile returns the profile with the overrides of the configuration.
func (c *ASPSP) profile(set *profiles.Set) (*profiles.Profile, error) {
	if c.Profile == "" {
		return nil, errors.New("it needs a profile, such as bpce; caddy tpp profiles list shows all")
	}
	base, err := set.Get(c.Profile)
	if err != nil {
		return nil, err
	}
	return base.With(profiles.Overrides{Signature: c.Signature, Headers: c.Headers, PSU: c.PSU, Token: c.Token,
		Responses: c.Responses, Links: c.Links, ApplicationSignature: c.ApplicationSignature, ClientCertificate: c.ClientCertificate, Given: c.given()})
}

// given lists the settings made beside the profile's sections, by the paths
// under which a profile may require them.
func (c *ASPSP) given() (paths []string) {
	for path, value := range map[string]string{
		"client_id": c.ClientID, "client_key": c.ClientKey, "client_secret": c.ClientSecret,
		"redirect_uri": c.RedirectURI, "scope": c.Scope, "token.endpoint": c.TokenEndpoint,
	} {
		if value != "" {
			paths = append(paths, path)
		}
	}
	return paths
}

// clientKey loads the key for private_key_jwt, nil if none is configured.
func (c *ASPSP) clientKey() (crypto.Signer, error) {
	if c.ClientKey == "" {
		if c.ClientKeyPassphrase != "" {
			return nil, errors.New("client_key_passphrase without client_key: name the key file")
		}
		return nil, nil
	}
	var passphrase func() ([]byte, error)
	if c.ClientKeyPassphrase != "" {
		if !isPlaceholder(c.ClientKeyPassphrase) {
			return nil, errors.New("the passphrase of client_key must not stand in the configuration: write {file./path/to/it} or {env.NAME}")
		}
		passphrase = func() ([]byte, error) { return resolvePassphrase(c.ClientKeyPassphrase) }
	}
	key, err := certs.LoadPrivateKey(caddy.NewReplacer().ReplaceAll(c.ClientKey, ""), passphrase)
	if err != nil {
		return nil, fmt.Errorf("client_key: %w", err)
	}
	return key, nil
}

// clientSecret returns what reads the client_secret, nil if none is configured.
func (c *ASPSP) clientSecret() (func() (string, error), error) {
	if c.ClientSecret == "" {
		return nil, nil
	}
	if !isPlaceholder(c.ClientSecret) {
		return nil, errors.New("client_secret must not stand in the configuration: write {file./path/to/it} or {env.NAME}")
	}
	return func() (string, error) {
		secret, err := resolvePassphrase(c.ClientSecret)
		if err == nil && len(secret) == 0 {
			err = fmt.Errorf("%s is empty", c.ClientSecret)
		}
		return string(secret), err
	}, nil
}

// unknownScopes returns the words of a scope for which the profile names no
// role, if it names roles at all.
func unknownScopes(config sidecar.Config) string {
	if len(config.Profile.Roles) == 0 {
		return ""
	}
	words := slices.DeleteFunc(strings.Fields(config.Scope), func(word string) bool {
		return len(config.Profile.RequiredRoles(word)) > 0
	})
	return strings.Join(words, " ")
}

// http2 reads the versions setting.
func (c *ASPSP) http2() (bool, error) {
	for _, version := range c.Versions {
		if version != "1.1" && version != "2" {
			return false, fmt.Errorf("versions: %q is not one of 1.1, 2", version)
		}
	}
	return slices.Contains(c.Versions, "2"), nil
}

// trustPool reads the authorities that may have issued the bank's certificate.
// None means the system's.
func trustPool(files []string) (*x509.CertPool, error) {
	if len(files) == 0 {
		return nil, nil
	}
	pool := x509.NewCertPool()
	for _, file := range files {
		file = caddy.NewReplacer().ReplaceAll(file, "")
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("trust_pool: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("trust_pool: %s holds no certificate in PEM form", file)
		}
	}
	return pool, nil
}
