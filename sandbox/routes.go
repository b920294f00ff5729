package sandbox

import "strings"

// dialect is the family of rules an endpoint follows.
type dialect int

const (
	dialectSTET dialect = iota
	dialectBerlin
	dialectToken
	dialectAuthorize
	dialectING
	dialectPayline
	dialectCarat
	dialectOBIE          // Open Banking since 3.1.4
	dialectOBIEUnencoded // Open Banking up to 3.1.3: b64 is false
	dialectOBIECavage    // Open Banking with a Signature header
	dialectGeorgia
	dialectINGJWS
	dialectBrasil
	dialectPolish
	dialectMessage // RFC 9421
)

// Names of operations, as in Record.Operation.
const (
	operationToken     = "token"
	operationAuthorize = "authorize"
	operationRevoke    = "revoke"
	operationPush      = "push"
)

// endpoint is one entry point of the bank. An endpoint without run stands for
// a path that is not served.
type endpoint struct {
	name    string
	dialect dialect
	version string // "v1" or "v1.4.2" for STET
	method  string
	path    []string
	scope   string // role scope a token must have
	query   []string
	run     func(*call) (*answer, *problem)
	// signed tells that Open Banking has requests to it signed, signsAnswer that
	// it has the answers signed.
	signed, signsAnswer bool
	// unattended tells that Open Banking wants a token of the TPP's own there, not
	// a PSU's.
	unattended bool
}

// Path prefixes.
const (
	stetPrefix   = "/stet/psd2/"
	berlinPrefix = "/berlin/v1/"
)

// endpoints lists what the bank serves: section "endpoints" of BPCE's API
// reference for both versions, three resources of the Berlin Group, and a
// few of ING's.
func endpoints() []endpoint {
	list := []endpoint{
		{name: operationToken, dialect: dialectToken, method: "POST", path: split(stetPrefix + "oauth/token"), run: (*call).token},
		{name: operationRevoke, dialect: dialectToken, method: "POST", path: split(stetPrefix + "oauth/revoke"), run: (*call).revoke},
		{name: operationPush, dialect: dialectToken, method: "POST", path: split(stetPrefix + "oauth/par"), run: (*call).push},
		{name: "keys", dialect: dialectAuthorize, method: "GET", path: split(stetPrefix + "oauth/jwks"), run: (*call).keySet},
		{name: "metadata", dialect: dialectAuthorize, method: "GET", path: split("/.well-known/oauth-authorization-server"), run: (*call).metadata},
		{name: "metadata", dialect: dialectAuthorize, method: "GET", path: split("/.well-known/openid-configuration"), run: (*call).metadata},
		{name: operationAuthorize, dialect: dialectAuthorize, method: "GET", path: split(stetPrefix + "oauth/authorize"), run: (*call).authorize},
	}
	for _, v := range []struct{ version, cardScope, from, to string }{
		{"v1", "piisp", "afterEntryReference", ""},
		{"v1.4.2", "cbpii", "entryReferenceFrom", "entryReferenceto"},
	} {
		base := stetPrefix + v.version
		add := func(name, method, path, scope string, run func(*call) (*answer, *problem), query ...string) {
			list = append(list, endpoint{name: name, dialect: dialectSTET, version: v.version, method: method, path: split(base + path), scope: scope, query: query, run: run})
		}
		add("funds-confirmations", "POST", "/funds-confirmations", v.cardScope, (*call).fundsConfirmation)
		add("accounts", "GET", "/accounts", "aisp", (*call).accounts)
		add("balances", "GET", "/accounts/{id}/balances", "aisp", (*call).balances)
		add("transactions", "GET", "/accounts/{id}/transactions", "aisp", (*call).transactions,
			"dateFrom", "dateTo", "page", v.from, v.to)
		add("consents", "PUT", "/consents", "aisp", (*call).putConsents)
		add("trusted-beneficiaries", "GET", "/trusted-beneficiaries", "aisp", (*call).trustedBeneficiaries)
		if v.version == "v1.4.2" {
			add("end-user-identity", "GET", "/end-user-identity", "aisp", (*call).endUserIdentity)
			add("o-confirmation", "POST", "/payment-requests/{id}/o-confirmation", "pisp", (*call).oConfirmation)
		}
	}
	berlin := func(name, method, path, scope string, run func(*call) (*answer, *problem), query ...string) {
		list = append(list, endpoint{name: name, dialect: dialectBerlin, method: method, path: split(berlinPrefix + path), scope: scope, query: query, run: run})
	}
	berlin("berlin-accounts", "GET", "accounts", "aisp", (*call).berlinAccounts, "withBalance")
	berlin("berlin-payments", "POST", "payments/{product}", "pisp", (*call).berlinPayment)
	berlin("berlin-funds-confirmations", "POST", "funds-confirmations", "cbpii", (*call).berlinFunds)
	list = append(list, ingEndpoints()...)
	list = append(list, paylineEndpoints()...)
	list = append(list, caratEndpoints()...)
	list = append(list, obieEndpoints()...)
	return append(list, messageEndpoints()...)
}

func split(path string) []string { return strings.Split(strings.Trim(path, "/"), "/") }

// match finds the endpoint of a path: that of the method if there is one. It
// never returns nil.
func (b *Bank) match(method, path string) (*endpoint, map[string]string) {
	segments := split(path)
	found, values := &endpoint{dialect: dialectOf(path)}, map[string]string(nil)
	for i := range b.endpoints {
		params, ok := matchPath(b.endpoints[i].path, segments)
		if !ok || strings.HasSuffix(path, "/") {
			continue
		}
		if b.endpoints[i].method == method {
			return &b.endpoints[i], params
		}
		if found.run == nil {
			found, values = &b.endpoints[i], params
		}
	}
	return found, values
}

func matchPath(pattern, segments []string) (map[string]string, bool) {
	if len(pattern) != len(segments) {
		return nil, false
	}
	params := map[string]string{}
	for i, p := range pattern {
		if strings.HasPrefix(p, "{") {
			params[strings.Trim(p, "{}")] = segments[i]
		} else if p != segments[i] {
			return nil, false
		}
	}
	return params, true
}
