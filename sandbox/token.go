package sandbox

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// token is the token endpoint: mutual TLS, form parameters, client_id in the
// body (RFC 8705 section 2.1), and BPCE's rules on scope and refresh.
func (c *call) token() (*answer, *problem) {
	form, p := c.tokenForm()
	if p != nil {
		return nil, p
	}
	if form.Get("client_id") != c.qwac.OrgID {
		return nil, refuse(http.StatusUnauthorized, "invalid_client", "client_id is not the organizationIdentifier of the QWAC")
	}
	if values := c.msg.values("fallback"); len(values) > 0 {
		return c.fallback(form, values)
	}
	switch form.Get("grant_type") {
	case "authorization_code":
		return c.exchangeCode(form)
	case "refresh_token":
		return c.refresh(form)
	case "client_credentials":
		return c.clientCredentials(form)
	case "":
		return nil, refuse(http.StatusBadRequest, "invalid_request", "grant_type is missing")
	}
	return nil, refuse(http.StatusBadRequest, "unsupported_grant_type", "grant_type is none of authorization_code, refresh_token, client_credentials")
}

func (c *call) tokenForm() (url.Values, *problem) {
	value, _ := c.msg.first("content-type")
	media, _, err := mime.ParseMediaType(value)
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, refuse(http.StatusBadRequest, "invalid_request", "Content-Type is not application/x-www-form-urlencoded")
	}
	if c.r.URL.RawQuery != "" {
		return nil, refuse(http.StatusBadRequest, "invalid_request", "parameters belong in the body, not in the query")
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "invalid_request", "the form cannot be read")
	}
	for name, values := range form {
		if len(values) > 1 {
			return nil, refuse(http.StatusBadRequest, "invalid_request", "the parameter %.40q is there more than once", name)
		}
	}
	return form, nil
}

func (c *call) exchangeCode(form url.Values) (*answer, *problem) {
	if form.Has("scope") {
		return nil, refuse(http.StatusBadRequest, "invalid_scope", "the code exchange must be sent without scope (STET 1.4 part I section 3.4.3.2)")
	}
	a, ok := c.bank.tokens.useCode(c.bank.now(), form.Get("code"))
	switch {
	case !ok:
		return nil, refuse(http.StatusBadRequest, "invalid_grant", "the code is unknown, used or expired")
	case a.ClientID != c.qwac.OrgID:
		return nil, refuse(http.StatusBadRequest, "invalid_grant", "the code was issued to another client")
	case a.RedirectURI != form.Get("redirect_uri"):
		return nil, refuse(http.StatusBadRequest, "invalid_grant", "redirect_uri is not that of the authorize request")
	}
	if p := c.coversScope(a.Scope); p != nil {
		return nil, p
	}
	g := c.issue(grant{Scope: a.Scope, PSU: a.PSU})
	c.bank.tokens.codeGave(a, g)
	return c.tokenAnswer(g), nil
}

// refresh gives a new access token and the old refresh token; the old access
// token dies.
func (c *call) refresh(form url.Values) (*answer, *problem) {
	if form.Has("scope") {
		return nil, refuse(http.StatusBadRequest, "invalid_scope", "the refresh must be sent without scope")
	}
	old, ok := c.bank.tokens.byRefresh(form.Get("refresh_token"))
	switch {
	case !ok:
		return nil, refuse(http.StatusBadRequest, "invalid_grant", "the refresh token is unknown or revoked")
	case c.bank.now().After(old.RefreshExpires):
		return nil, refuse(http.StatusBadRequest, "invalid_grant", "the strong authentication is older than 180 days")
	case old.ClientID != c.qwac.OrgID:
		return nil, refuse(http.StatusBadRequest, "invalid_grant", "the refresh token was issued to another client")
	}
	if p := c.coversScope(old.Scope); p != nil {
		return nil, p
	}
	g := c.issue(grant{Scope: old.Scope, PSU: old.PSU, Refresh: old.Refresh, RefreshExpires: old.RefreshExpires})
	return c.tokenAnswer(g), nil
}

func (c *call) clientCredentials(form url.Values) (*answer, *problem) {
	scope := form.Get("scope")
	if scope == "" {
		return nil, refuse(http.StatusBadRequest, "invalid_scope", "scope is missing")
	}
	for s := range strings.FieldsSeq(scope) {
		switch {
		case roleForScope(s) == "":
			return nil, refuse(http.StatusBadRequest, "invalid_scope", "the scope is not known")
		case !slices.Contains(c.bank.opts.ClientCredentials, s):
			return nil, refuse(http.StatusBadRequest, "unauthorized_client", "this scope needs the authorization of a PSU (authorization_code)")
		}
	}
	if p := c.coversScope(scope); p != nil {
		return nil, p
	}
	return c.tokenAnswer(c.issue(grant{Scope: scope})), nil
}

// coversScope checks that the QWAC's PSD2 roles allow every scope.
func (c *call) coversScope(scope string) *problem {
	for s := range strings.FieldsSeq(scope) {
		if role := roleForScope(s); role != "" && !slices.Contains(c.qwac.Roles, role) {
			return refuse(http.StatusBadRequest, "unauthorized_client", "the QWAC lacks the role %s that scope %s needs", role, s)
		}
	}
	return nil
}

func (c *call) issue(g grant) *grant {
	g.ClientID, g.Role, g.Thumbprint = c.qwac.OrgID, roleScope(g.Scope), c.qwac.Thumbprint
	return c.bank.tokens.issue(c.bank.now(), c.bank.opts.TokenLifetime, g)
}

func (c *call) tokenAnswer(g *grant) *answer {
	a := asJSON(http.StatusOK, typeJSON, struct {
		AccessToken  string `json:"access_token"`
		TokenType    string `json:"token_type"`
		ExpiresIn    int64  `json:"expires_in"`
		RefreshToken string `json:"refresh_token,omitempty"`
	}{g.Access, "Bearer", int64(c.bank.opts.TokenLifetime / time.Second), g.Refresh})
	noStore(a)
	return a
}

func noStore(a *answer) {
	a.header.Set("Cache-Control", "no-store")
	a.header.Set("Pragma", "no-cache")
}

// tokenError is an error of RFC 6749 section 5.2. Codes of the general checks
// have no counterpart there.
func tokenError(first *problem, texts []string) *answer {
	code := first.Code
	if code != strings.ToLower(code) {
		code = "invalid_request"
		if first.Status >= http.StatusInternalServerError {
			code = "server_error"
		}
	}
	a := asJSON(first.Status, typeJSON, struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, strings.Join(texts, "; ")})
	noStore(a)
	return a
}

// checkToken looks at the Bearer token of an API call: known, bound to this
// client certificate (RFC 8705 section 3), of the endpoint's role.
func (c *call) checkToken() {
	value, ok := c.msg.first("authorization")
	if !ok {
		c.fail(http.StatusUnauthorized, codeToken, "the header Authorization is missing")
		return
	}
	token, ok := strings.CutPrefix(value, "Bearer ")
	if !ok || token == "" || strings.Contains(token, " ") {
		c.fail(http.StatusUnauthorized, codeToken, "the header Authorization holds no Bearer token")
		return
	}
	g, ok := c.bank.tokens.byAccess(token)
	switch {
	case !ok:
		c.fail(http.StatusUnauthorized, codeToken, "the access token is unknown or was revoked")
		return
	case c.bank.now().After(g.AccessExpires):
		c.fail(http.StatusUnauthorized, codeToken, "the access token has expired")
		return
	case c.qwac == nil:
		return
	case g.ClientID != c.qwac.OrgID:
		c.fail(http.StatusUnauthorized, codeToken, "the access token was issued to another TPP than the QWAC names")
		return
	case g.Thumbprint != c.qwac.Thumbprint:
		c.fail(http.StatusUnauthorized, codeToken, "the access token is bound to another client certificate")
		return
	}
	c.grant = g
	c.checkScope(g)
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
	if scope == "aisp" && g.PSU == "" {
		c.fail(http.StatusForbidden, codeNotGranted, "the access token stands for no PSU")
	}
}
