package tokens

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Discovery is the metadata of one authorization server (RFC 8414, OpenID
// Connect Discovery): fetched when first needed and hourly since, by one caller
// at a time. When it cannot be fetched again, what was known stays. It must not
// be copied.
type Discovery struct {
	// URL is where the metadata is: absolute and https.
	URL string
	// Hosts are those that the metadata may name, such as base_url's, beside
	// [Spec.Hosts] and those of all configured URLs: host, or host:port if it is
	// not 443. Elsewhere the QWAC must not be shown.
	Hosts []string

	document document[metadata]
}

// Metadata is what is used of a server's metadata, with mtls_endpoint_aliases
// (RFC 8705 section 5) in place of what they are for. What is not there is "".
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

// Names of the members that are used (RFC 8414 section 2, RFC 9126 section 5).
const (
	memberToken     = "token_endpoint"
	memberAuthorize = "authorization_endpoint"
	memberPushed    = "pushed_authorization_request_endpoint"
	memberRevoke    = "revocation_endpoint"
	memberKeys      = "jwks_uri"
)

// metadata is a server's metadata as it was read.
type metadata struct {
	issuer       string
	issParameter bool
	urls         map[string]string
}

// Get gives the metadata, fetched through ep if need be. URLs on hosts that are
// not allowed are left out. Errors are [ErrUnavailable] and [ErrMetadata].
func (d *Discovery) Get(ctx context.Context, ep *Endpoint) (*Metadata, error) {
	m, err := d.get(ctx, ep)
	if err != nil {
		return nil, err
	}
	allowed := func(member string) string {
		found, _ := d.allowed(ep, m, member) // "" with an error
		return found
	}
	return &Metadata{
		Issuer:                m.issuer,
		TokenEndpoint:         allowed(memberToken),
		AuthorizationEndpoint: allowed(memberAuthorize),
		PushedEndpoint:        allowed(memberPushed),
		RevocationEndpoint:    allowed(memberRevoke),
		KeysURL:               allowed(memberKeys),
		IssParameter:          m.issParameter,
	}, nil
}

func (d *Discovery) get(ctx context.Context, ep *Endpoint) (*metadata, error) {
	m, err := d.document.get(ctx, ep.now(), func() (*metadata, error) {
		body, err := ep.load(PurposeMetadata, d.URL, "application/json")
		if err != nil {
			return nil, err
		}
		return parseMetadata(body, d.URL, ep.Issuer)
	})
	if err == nil && ep.Issuer != "" && m.issuer != ep.Issuer {
		return nil, errIssuer
	}
	return m, err
}

var errIssuer = fmt.Errorf("%w: its issuer is not the one expected: compare token.issuer with the bank's documentation", ErrMetadata)

// parseMetadata reads a server's metadata, and compares its issuer with the
// expected one, or else with where the metadata was found (RFC 8414 section
// 3.3). Errors wrap ErrMetadata and quote nothing of the body.
func parseMetadata(body []byte, from, issuer string) (*metadata, error) {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(body, &values); err != nil || values == nil {
		return nil, fmt.Errorf("%w: it is not a JSON object", ErrMetadata)
	}
	found, ok := stringMember(values, "issuer")
	if !ok || hostOf(found) == "" {
		return nil, fmt.Errorf("%w: issuer is missing or not an https URL", ErrMetadata)
	}
	expected := []string{issuer}
	if issuer == "" {
		expected = issuersFor(from)
	}
	if expected != nil && !slices.Contains(expected, found) {
		return nil, errIssuer
	}
	m := &metadata{issuer: found, urls: map[string]string{}}
	// What is wrong here counts as missing.
	_ = json.Unmarshal(values["authorization_response_iss_parameter_supported"], &m.issParameter)
	var aliases map[string]json.RawMessage
	_ = json.Unmarshal(values["mtls_endpoint_aliases"], &aliases)
	for _, member := range []string{memberToken, memberPushed, memberRevoke} {
		if alias, _ := stringMember(aliases, member); alias != "" {
			m.urls[member] = alias
		}
	}
	for _, member := range []string{memberToken, memberPushed, memberRevoke, memberAuthorize, memberKeys} {
		if plain, _ := stringMember(values, member); plain != "" && m.urls[member] == "" {
			m.urls[member] = plain
		}
	}
	return m, nil
}

// issuersFor derives the issuer from where its metadata is: RFC 8414 section
// 3.1 inserts the well-known path before the issuer's, OpenID Connect Discovery
// section 4 appends it. nil if the URL is of another form.
func issuersFor(from string) []string {
	const wellKnown = "/.well-known/"
	before, after, ok := strings.Cut(from, wellKnown)
	if !ok {
		return nil
	}
	name, path, _ := strings.Cut(after, "/")
	if name != "openid-configuration" && name != "oauth-authorization-server" {
		return nil
	}
	if path != "" {
		return []string{before + "/" + path}
	}
	return []string{before, before + "/"}
}

// allowed gives a URL of the metadata, "" if it has none. The error says which
// host is not allowed.
func (d *Discovery) allowed(ep *Endpoint, m *metadata, member string) (string, error) {
	found := m.urls[member]
	if found == "" {
		return "", nil
	}
	host := hostOf(found)
	if host == "" {
		return "", fmt.Errorf("%w: its %s is not an https URL", ErrMetadata, member)
	}
	known := []string{d.URL, ep.URL, ep.PushedURL, ep.RevocationURL, ep.AuthorizationURL, ep.KeysURL}
	if slices.ContainsFunc(known, func(configured string) bool { return hostOf(configured) == host }) ||
		slices.ContainsFunc(slices.Concat(d.Hosts, ep.Spec.Hosts), func(listed string) bool { return hostOf("https://"+listed) == host }) {
		return found, nil
	}
	return "", fmt.Errorf("%w: its %s is on host %.253q: add the host to token.hosts if it is the bank's", ErrMetadata, member, host)
}

// endpoint gives a configured URL, or else the metadata's; "" if there is none.
func (ep *Endpoint) endpoint(ctx context.Context, configured, member string) (string, error) {
	if configured != "" || ep.Discovery == nil {
		return configured, nil
	}
	m, err := ep.Discovery.get(ctx, ep)
	if err != nil {
		return "", err
	}
	return ep.Discovery.allowed(ep, m, member)
}

// TokenEndpoint is where tokens are asked for. It is never "" without an error.
func (ep *Endpoint) TokenEndpoint(ctx context.Context) (string, error) {
	found, err := ep.endpoint(ctx, ep.URL, memberToken)
	switch {
	case err != nil:
		return "", err
	case found == "" && ep.Discovery != nil:
		return "", fmt.Errorf("%w: it has no token_endpoint: set token.endpoint", ErrMetadata)
	case !strings.HasPrefix(found, "https://"):
		return "", fmt.Errorf("%w: the token endpoint must be an absolute https URL", ErrSpec)
	}
	return found, nil
}

// AuthorizationEndpoint is where the PSU is sent, "" if it is not known.
func (ep *Endpoint) AuthorizationEndpoint(ctx context.Context) (string, error) {
	return ep.endpoint(ctx, ep.AuthorizationURL, memberAuthorize)
}

// PushedEndpoint is where authorization requests are pushed to, "" if the bank
// has none.
func (ep *Endpoint) PushedEndpoint(ctx context.Context) (string, error) {
	return ep.endpoint(ctx, ep.PushedURL, memberPushed)
}

// RevocationEndpoint is where tokens are revoked, "" if the bank has none.
func (ep *Endpoint) RevocationEndpoint(ctx context.Context) (string, error) {
	return ep.endpoint(ctx, ep.RevocationURL, memberRevoke)
}

// IssuerID is the authorization server's identifier, "" if it is neither
// configured nor to be asked for.
func (ep *Endpoint) IssuerID(ctx context.Context) (string, error) {
	if ep.Issuer != "" || ep.Discovery == nil {
		return ep.Issuer, nil
	}
	m, err := ep.Discovery.get(ctx, ep)
	if err != nil {
		return "", err
	}
	return m.issuer, nil
}

// keysURL is where the bank's keys are.
func (ep *Endpoint) keysURL(ctx context.Context) (string, error) {
	found, err := ep.endpoint(ctx, ep.KeysURL, memberKeys)
	switch {
	case err != nil:
		return "", err
	case found == "":
		return "", fmt.Errorf("%w: there is no jwks_uri: set token.id_token.keys", ErrMetadata)
	case !isHTTPS(found):
		return "", fmt.Errorf("%w: token.id_token.keys must be an absolute https URL", ErrSpec)
	}
	return found, nil
}

func isHTTPS(target string) bool {
	u, err := url.Parse(target)
	return err == nil && u.Scheme == "https" && u.Host != ""
}
