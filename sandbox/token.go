package sandbox

import (
	"cmp"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// token is the token endpoint: mutual TLS, form parameters, client_id in the
// body (RFC 8705 section 2.1), and BPCE's rules on scope and refresh.
func (c *call) token() (*answer, *problem) {
	form, p := c.tokenForm()
	if p != nil {
		return nil, p
	}
	if p := c.authenticateClient(form); p != nil {
		return nil, p
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
	rules := c.bank.Rules().Tokens
	if p := scopeRepeated(form, rules.Scope, "the code exchange", " (STET 1.4 part I section 3.4.3.2)"); p != nil {
		return nil, p
	}
	a, ok := c.bank.tokens.useCode(c.bank.now(), form.Get("code"))
	switch {
	case !ok:
		return nil, refuse(http.StatusBadRequest, "invalid_grant", "the code is unknown, used or expired")
	case a.ClientID != c.clientID:
		return nil, refuse(http.StatusBadRequest, "invalid_grant", "the code was issued to another client")
	case a.RedirectURI != form.Get("redirect_uri"):
		return nil, refuse(http.StatusBadRequest, "invalid_grant", "redirect_uri is not that of the authorize request")
	}
	if p := checkVerifier(form, a.Challenge); p != nil {
		return nil, p
	}
	if p := sameScope(form, a.Scope); p != nil {
		return nil, p
	}
	if p := c.coversScope(a.Scope); p != nil {
		return nil, p
	}
	got := c.bank.tokens.exchange(c.bank.now(), &rules, a, c.qwac.OrgID, c.qwac.Thumbprint)
	return c.tokenAnswer(&rules, got)
}

// refresh gives a new access token; the old one dies. What becomes of the
// refresh token is up to the rules.
func (c *call) refresh(form url.Values) (*answer, *problem) {
	rules := c.bank.Rules().Tokens
	if p := scopeRepeated(form, rules.Scope, "the refresh", ""); p != nil {
		return nil, p
	}
	may := func(scope string) *problem {
		if p := sameScope(form, scope); p != nil {
			return p
		}
		return c.coversScope(scope)
	}
	sent := form.Get("refresh_token")
	got, p := c.bank.tokens.renew(c.bank.now(), &rules, sent, c.clientID, c.qwac.Thumbprint, may)
	if p != nil {
		return nil, p
	}
	c.bank.refreshProcessed(sent, got.PSU)
	return c.tokenAnswer(&rules, got)
}

// scopeRepeated applies the rule on scope in requests about an authorization.
func scopeRepeated(form url.Values, rule, what, source string) *problem {
	switch {
	case rule == ScopeForbidden && form.Has("scope"):
		return refuse(http.StatusBadRequest, "invalid_scope", "%s must be sent without scope%s", what, source)
	case rule == ScopeRequired && form.Get("scope") == "":
		return refuse(http.StatusBadRequest, "invalid_scope", "%s must repeat the scope", what)
	}
	return nil
}

// sameScope wants a repeated scope to be the one that was authorized.
func sameScope(form url.Values, authorized string) *problem {
	if form.Has("scope") && form.Get("scope") != authorized {
		return refuse(http.StatusBadRequest, "invalid_scope", "scope is not the one that was authorized")
	}
	return nil
}

func (c *call) clientCredentials(form url.Values) (*answer, *problem) {
	scope := form.Get("scope")
	if scope == "" {
		return nil, refuse(http.StatusBadRequest, "invalid_scope", "scope is missing")
	}
	obie := c.endpoint.version == versionOBIE
	for s := range strings.FieldsSeq(scope) {
		switch {
		case obie && obieRole(s) != "":
		case obie || roleForScope(s) == "" || strings.HasPrefix(s, ingScope):
			return nil, refuse(http.StatusBadRequest, "invalid_scope", "the scope is not known")
		case !slices.Contains(c.bank.opts.ClientCredentials, s):
			return nil, refuse(http.StatusBadRequest, "unauthorized_client", "this scope needs the authorization of a PSU (authorization_code)")
		}
	}
	if p := c.coversScope(scope); p != nil {
		return nil, p
	}
	rules := c.bank.Rules().Tokens
	g := c.bank.tokens.issue(c.bank.now(), &rules, grant{ClientID: c.clientID, Org: c.qwac.OrgID, Role: roleScope(scope),
		Scope: scope, Thumbprint: c.qwac.Thumbprint})
	return c.tokenAnswer(&rules, pair{grant: g})
}

// coversScope checks that the QWAC's PSD2 roles allow every scope.
func (c *call) coversScope(scope string) *problem {
	for s := range strings.FieldsSeq(scope) {
		if role := cmp.Or(roleForScope(s), obieRole(s)); role != "" && !slices.Contains(c.qwac.Roles, role) {
			return refuse(http.StatusBadRequest, "unauthorized_client", "the QWAC lacks the role %s that scope %s needs", role, s)
		}
	}
	return nil
}
