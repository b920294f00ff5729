package profiles

import (
	"strings"

	"github.com/caddy-tpp/caddy-tpp/headers"
	"github.com/caddy-tpp/caddy-tpp/psu"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// Consumed lists the headers, beside those of the headers section, that are read
// from the application's request and checked before anything leaves under
// these names.
func (p *Profile) Consumed() (names []string) {
	for _, name := range p.PSU.WireNames() {
		if !psu.IsContext(name) {
			names = append(names, name)
		}
	}
	if header := p.Token.Header; header != "" && !strings.EqualFold(header, authorizationHeader) {
		names = append(names, header)
	}
	return names
}

const authorizationHeader = "Authorization"

// credentials refuses calls that would need the Authorization header twice: for
// the signature, and for what the TPP proves itself with.
func (c *checker) credentials(p *Profile) {
	if p.Signature.Container != "authorization" || p.Token.Header != "" && !strings.EqualFold(p.Token.Header, authorizationHeader) {
		return
	}
	switch p.Token.Grant {
	case tokens.GrantBasic, tokens.GrantJWT, tokens.GrantDelivered:
		c.fail("token.grant", "%s goes into Authorization, where signature.container puts the signature; use another container, or token.header", p.Token.Grant)
	}
}

// wireNames refuses names on the wire that have another use, so that no header
// would be written by two.
func (c *checker) wireNames(p *Profile) {
	seen := make(map[string]bool)
	for _, name := range p.Consumed() {
		setting, key := "psu.names", strings.ToLower(name)
		if strings.EqualFold(name, p.Token.Header) {
			setting = "token.header"
		}
		switch {
		case headers.IsForbidden(name):
			c.fail(setting, "%q has another use, or must not leave; use another name", name)
		case strings.EqualFold(name, p.Signature.Certificate.Header), strings.EqualFold(name, p.Fallback.Header),
			strings.EqualFold(name, p.Signature.JWS.Header):
			c.fail(setting, "%q is also signature.certificate.header, signature.jws.header or fallback.header; keep one", name)
		case seen[key]:
			c.fail(setting, "%q is also in psu.names; keep one", name)
		}
		seen[key] = true
	}
	c.credentials(p)
}
