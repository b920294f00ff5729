package sandbox

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// defaultLogin is the persona that consents unless "login" names another.
const defaultLogin = "D0999990I0"

// Values of login that make the PSU, or the bank, fail.
const (
	loginDeny  = "deny"   // access_denied
	loginError = "error:" // followed by the code to send back
)

// authorize is the redirect of the code flow. The PSU consents at once. On the
// bank's own listener it asks for a QWAC as everything there does; Control
// serves it too, for browsers that have none.
func (c *call) authorize() (*answer, *problem) { return c.bank.sendBack(c.r.URL) }

// sendBack checks an authorize request and sends the PSU back with a code.
// "login" is the sandbox's own parameter. A wrong request is shown, not
// redirected: it is for the developer who reads it.
func (b *Bank) sendBack(asked *url.URL) (*answer, *problem) {
	q, err := url.ParseQuery(asked.RawQuery)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "invalid_request", "the query cannot be read")
	}
	login := q.Get("login")
	if login == "" {
		login = defaultLogin
	}
	q.Del("login")
	given, p := b.requestOf(q)
	if p != nil {
		return nil, p
	}
	a, p := b.readAuthorization(given.params, asked.Path)
	if p == nil && knownOBIE(asked.Path) {
		p = b.bindIntent(given, a)
	}
	if p != nil {
		return nil, p
	}
	rules := b.Rules().Authorize
	switch {
	case rules.Pushed && !given.pushed:
		return nil, refuse(http.StatusBadRequest, "invalid_request", "this bank takes pushed authorization requests only (RFC 9126)")
	case rules.RequestObject && !given.signed:
		return nil, refuse(http.StatusBadRequest, "invalid_request", "this bank takes signed authorization requests only (RFC 9101)")
	}
	code, failed := strings.CutPrefix(login, loginError)
	if login != loginDeny && !failed && personaByLogin(login) == nil {
		return nil, refuse(http.StatusBadRequest, "invalid_request", "login is no persona of the sandbox")
	}
	if given.pushed && !b.pushed.spend(given.handle) {
		return nil, refuse(http.StatusBadRequest, "invalid_request_uri", "request_uri was used")
	}
	back := url.Values{}
	a.PSU = login
	b.settleIntent(a, login != loginDeny && !failed)
	switch {
	case login == loginDeny:
		back.Set("error", "access_denied")
		back.Set("error_description", "the PSU said no")
	case failed:
		back.Set("error", code)
	default:
		back.Set("code", b.tokens.newCode(b.now(), time.Duration(rules.CodeLifetime), a))
	}
	if rules.Issuer {
		back.Set("iss", b.issuer())
	}
	if state := given.params.Get("state"); state != "" {
		back.Set("state", state)
	}
	return redirectTo(a.RedirectURI, back), nil
}

// redirectTo adds parameters to a callback that was checked before.
func redirectTo(callback string, add url.Values) *answer {
	a := newAnswer(http.StatusFound, "", nil)
	if to, err := url.Parse(callback); err == nil {
		query := to.Query()
		for name := range add {
			query.Set(name, add.Get(name))
		}
		to.RawQuery = query.Encode()
		a.header.Set("Location", to.String())
	}
	noStore(a)
	return a
}

// scopeRule is the rule on scopes of the authorization server at a path.
func (b *Bank) scopeRule(path string) func(string) *problem {
	switch {
	case strings.HasPrefix(path, ingPrefix):
		return checkINGScopes
	case knownOBIE(path):
		return checkOBIEScopes
	}
	return func(scope string) *problem { return checkScopeList(scope, b.Rules().Authorize.OpenID) }
}

// checkScopeList wants exactly one role; aisp may be extended, and an OpenID
// bank knows two more.
func checkScopeList(scope string, openID bool) *problem {
	roles := 0
	for s := range strings.FieldsSeq(scope) {
		switch {
		case roleForScope(s) != "" && !strings.HasPrefix(s, ingScope):
			roles++
		case openID && (s == "openid" || s == "offline_access"):
		case s != "extended_transaction_history":
			return refuse(http.StatusBadRequest, "invalid_scope", "the scope is not known")
		}
	}
	if roles != 1 {
		return refuse(http.StatusBadRequest, "invalid_scope", "scope must name exactly one of aisp, cbpii, piisp, pisp")
	}
	return nil
}
