package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// authorize is the redirect of the code flow. The PSU consents at once. On the
// bank's own listener it asks for a QWAC as everything there does; Control
// serves it too, for browsers that have none.
func (c *call) authorize() (*answer, *problem) { return c.bank.grantCode(c.r.URL.RawQuery) }

// defaultLogin is the persona that consents unless "login" names another.
const defaultLogin = "D0999990I0"

// grantCode checks an authorize request and issues a code. "login" is the
// sandbox's own parameter. An error is shown, not redirected: it is for the
// developer who reads it.
func (b *Bank) grantCode(rawQuery string) (*answer, *problem) {
	q, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "invalid_request", "the query cannot be read")
	}
	login := q.Get("login")
	if login == "" {
		login = defaultLogin
	}
	client := b.client(q.Get("client_id"))
	redirect, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case q.Get("response_type") != "code":
		err = errText("response_type is not code")
	case client == nil:
		err = errText("client_id is not the organizationIdentifier of a registered TPP")
	case err != nil || redirect.Scheme == "" || redirect.Host == "" || redirect.Fragment != "" || len(q.Get("redirect_uri")) > 140:
		err = errText("redirect_uri is missing, not absolute or longer than 140 characters")
	case client.RedirectURIs != nil && !slices.Contains(client.RedirectURIs, q.Get("redirect_uri")):
		err = errText("redirect_uri is not registered for the client")
	case len(q.Get("state")) > 34:
		err = errText("state is longer than 34 characters")
	case personaByLogin(login) == nil:
		err = errText("login is no persona of the sandbox")
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "invalid_request", "%v", err)
	}
	if p := checkScopeList(q.Get("scope")); p != nil {
		return nil, p
	}
	code := b.tokens.newCode(b.now(), time.Duration(b.Rules().Authorize.CodeLifetime), &authorization{
		ClientID: q.Get("client_id"), RedirectURI: q.Get("redirect_uri"), Scope: q.Get("scope"), PSU: login,
	})
	back := redirect.Query()
	back.Set("code", code)
	if state := q.Get("state"); state != "" {
		back.Set("state", state)
	}
	redirect.RawQuery = back.Encode()
	a := newAnswer(http.StatusFound, "", nil)
	a.header.Set("Location", redirect.String())
	noStore(a)
	return a, nil
}

// checkScopeList wants exactly one role; aisp may be extended.
func checkScopeList(scope string) *problem {
	roles := 0
	for s := range strings.FieldsSeq(scope) {
		switch {
		case roleForScope(s) != "":
			roles++
		case s != "extended_transaction_history":
			return refuse(http.StatusBadRequest, "invalid_scope", "the scope is not known")
		}
	}
	if roles != 1 {
		return refuse(http.StatusBadRequest, "invalid_scope", "scope must name exactly one of aisp, cbpii, piisp, pisp")
	}
	return nil
}

// errText is an error that is only its text.
type errText string

func (e errText) Error() string { return string(e) }
