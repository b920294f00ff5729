package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

// checkToken looks at the Bearer token of an API call: known, bound to this
// client certificate (RFC 8705 section 3), of the endpoint's role.
func (c *call) checkToken() {
	if g := c.checkBearer(); g != nil {
		c.checkScope(g)
	}
}

// checkBearer finds the grant that a token stands for, nil if it is not taken.
func (c *call) checkBearer() *grant {
	value, ok := c.msg.first("authorization")
	if !ok {
		c.fail(http.StatusUnauthorized, codeToken, "the header Authorization is missing")
		return nil
	}
	token, ok := strings.CutPrefix(value, "Bearer ")
	if !ok || token == "" || strings.Contains(token, " ") {
		c.fail(http.StatusUnauthorized, codeToken, "the header Authorization holds no Bearer token")
		return nil
	}
	g, ok := c.bank.tokens.byAccess(token)
	switch {
	case !ok:
		c.fail(http.StatusUnauthorized, codeToken, "the access token is unknown or was revoked")
		return nil
	case c.bank.now().After(g.AccessExpires):
		c.fail(http.StatusUnauthorized, codeToken, "the access token has expired")
		return nil
	case c.qwac == nil:
		return nil
	case g.Org != c.qwac.OrgID:
		c.fail(http.StatusUnauthorized, codeToken, "the access token was issued to another TPP than the QWAC names")
		return nil
	case g.Thumbprint != c.qwac.Thumbprint && !c.bank.Rules().Tokens.Unbound:
		c.fail(http.StatusUnauthorized, codeToken, "the access token is bound to another client certificate")
		return nil
	}
	c.grant = g
	rules := c.bank.Rules().Tokens
	if at, ok := c.bank.tokens.authenticated(g); ok && c.bank.now().After(at.Add(rules.consent())) {
		c.fail(http.StatusUnauthorized, codeToken, "the strong authentication behind the access token is older than %d days", rules.ConsentDays)
	}
	return g
}

func (c *call) checkScope(g *grant) {
	scope := c.endpoint.scope
	if scope == "" {
		return
	}
	// The Berlin resources know both names of the card issuers' role.
	alias := c.endpoint.dialect == dialectBerlin && scope == "cbpii" && g.has("piisp")
	if !g.has(scope) && !alias {
		c.fail(http.StatusForbidden, codeScope, "the access token lacks the scope %s that this endpoint needs", scope)
	}
	if role := roleForScope(scope); !slices.Contains(c.qwac.Roles, role) {
		c.fail(http.StatusForbidden, codeScope, "the QWAC lacks the role %s that this endpoint needs", role)
	}
	if roleForScope(scope) == "PSP_AI" && g.PSU == "" {
		c.fail(http.StatusForbidden, codeNotGranted, "the access token stands for no PSU")
	}
}
