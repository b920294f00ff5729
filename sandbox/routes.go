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
			list = append(list, endpoint{name, dialectSTET, v.version, method, split(base + path), scope, query, run})
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
		list = append(list, endpoint{name, dialectBerlin, "", method, split(berlinPrefix + path), scope, query, run})
	}
	berlin("berlin-accounts", "GET", "accounts", "aisp", (*call).berlinAccounts, "withBalance")
	berlin("berlin-payments", "POST", "payments/{product}", "pisp", (*call).berlinPayment)
	berlin("berlin-funds-confirmations", "POST", "funds-confirmations", "cbpii", (*call).berlinFunds)
	list = append(list, ingEndpoints()...)
	list = append(list, paylineEndpoints()...)
	return append(list, caratEndpoints()...)
}

func split(path string) []string { return strings.Split(strings.Trim(path, "/"), "/") }

// match finds the endpoint of a path. It never returns nil.
func (b *Bank) match(path string) (*endpoint, map[string]string) {
	segments := split(path)
	for i := range b.endpoints {
		if params, ok := matchPath(b.endpoints[i].path, segments); ok && !strings.HasSuffix(path, "/") {
			return &b.endpoints[i], params
		}
	}
	unknown := &endpoint{dialect: dialectSTET}
	switch {
	case strings.HasPrefix(path, berlinPrefix):
		unknown.dialect = dialectBerlin
	case strings.HasPrefix(path, paylinePrefix), strings.HasPrefix(path, paylineCertPrefix):
		unknown.dialect = dialectPayline
	case strings.HasPrefix(path, caratPrefix):
		unknown.dialect = dialectCarat
	}
	return unknown, nil
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
