package sandbox

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// applicationLifetime is that of ING's application tokens.
const applicationLifetime = 905 * time.Second

func ingEndpoints() []endpoint {
	get := func(name, path, scope string, run func(*call) (*answer, *problem), query ...string) endpoint {
		return endpoint{name: name, dialect: dialectING, method: "GET", path: split(path), scope: scope, query: query, run: run}
	}
	return []endpoint{
		{name: operationToken, dialect: dialectING, method: "POST", path: split(ingPrefix + "token"), run: (*call).ingToken},
		{name: operationAuthorize, dialect: dialectAuthorize, method: "GET", path: split(ingPrefix + "authorize"), run: (*call).authorize},
		get("ing-authorization-server-url", ingPrefix+"authorization-server-url", "", (*call).ingAuthorizationURL, "scope", "redirect_uri", "country_code"),
		get("ing-accounts", "/v3/accounts", ingScope+"balances:view", (*call).ingAccounts),
		get("ing-balances", "/v3/accounts/{id}/balances", ingScope+"balances:view", (*call).balances),
	}
}

// ingToken is ING's token endpoint. The application token comes first, for the
// signature alone; it then opens the way to customers' tokens.
func (c *call) ingToken() (*answer, *problem) {
	form, p := c.tokenForm()
	if p != nil {
		return nil, p
	}
	application := c.isINGApplication(c.msg.value("authorization"))
	grantType := form.Get("grant_type")
	if application != (grantType == "client_credentials") {
		return nil, refuse(http.StatusBadRequest, "unsupported_grant_type",
			"client_credentials is asked for with the signature in Authorization, and nothing else is")
	}
	if application {
		return c.ingApplicationToken(form)
	}
	if form.Has("client_id") && form.Get("client_id") != c.clientID {
		return nil, badClient("client_id is not the one that came with the application token")
	}
	switch grantType {
	case "authorization_code":
		return c.exchangeCode(form)
	case "refresh_token":
		return c.refresh(form)
	}
	return nil, refuse(http.StatusBadRequest, "unsupported_grant_type", "grant_type is none of authorization_code, refresh_token, client_credentials")
}

func (c *call) ingApplicationToken(form url.Values) (*answer, *problem) {
	if form.Has("client_id") && form.Get("client_id") != c.qwac.OrgID {
		return nil, badClient("client_id is not the organizationIdentifier of the QWAC")
	}
	id := c.bank.applications.client(c.seal)
	rules := c.bank.Rules().Tokens
	rules.Lifetime = Wait(applicationLifetime)
	g := c.bank.tokens.issue(c.bank.now(), &rules, grant{ClientID: id, Org: c.qwac.OrgID, Thumbprint: c.qwac.Thumbprint})
	a := asJSON(http.StatusOK, typeJSON, struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   any    `json:"expires_in,omitempty"`
		Scope       string `json:"scope"`
		TokenType   string `json:"token_type"`
		ClientID    string `json:"client_id"`
	}{g.Access, expiresIn(&rules), ingScope + "balances:view " + ingScope + "transactions:view", rules.TokenType, id})
	noStore(a)
	return a, nil
}

// ingAuthorizationURL tells where to send the PSU.
func (c *call) ingAuthorizationURL() (*answer, *problem) {
	if p := checkINGScopes(c.r.URL.Query().Get("scope")); p != nil {
		return nil, p
	}
	return asJSON(http.StatusOK, typeJSON, map[string]string{"location": c.bank.browserURL() + ingPrefix + "authorize"}), nil
}

func (c *call) ingAccounts() (*answer, *problem) {
	psu, p := c.owner()
	if p != nil {
		return nil, p
	}
	list := []map[string]any{}
	for _, a := range psu.Accounts {
		list = append(list, map[string]any{"resourceId": a.ID, "iban": a.IBAN, "currency": "EUR", "name": psu.Name, "product": "Current Account",
			"_links": links{"balances": c.link(c.r.URL.Path + "/" + a.ID + "/balances")}})
	}
	return asJSON(http.StatusOK, typeJSON, map[string]any{"accounts": list}), nil
}

// checkINGScopes wants ING's scopes for account information.
func checkINGScopes(scope string) *problem {
	list := strings.Fields(scope)
	for _, s := range list {
		if s != ingScope+"balances:view" && s != ingScope+"transactions:view" {
			list = nil
		}
	}
	if len(list) == 0 {
		return refuse(http.StatusBadRequest, "invalid_scope", "scope must be %[1]sbalances:view, %[1]stransactions:view or both", ingScope)
	}
	return nil
}
