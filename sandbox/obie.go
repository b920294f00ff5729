package sandbox

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// obieEndpoints are those of UK Open Banking 3.1.x: accounts, payments,
// confirmation of funds, and an authorization server of their own.
func obieEndpoints() []endpoint {
	list := []endpoint{
		{name: operationToken, dialect: dialectToken, version: versionOBIE, method: "POST", path: split("/obie/token"), run: (*call).token},
		{name: operationAuthorize, dialect: dialectAuthorize, version: versionOBIE, method: "GET", path: split("/obie/authorize"), run: (*call).authorize},
		{name: "keys", dialect: dialectAuthorize, version: versionOBIE, method: "GET", path: split("/obie/jwks"), run: (*call).answerKeySet},
	}
	for prefix, d := range map[string]dialect{obiePrefix: dialectOBIE, obieUnencodedPrefix: dialectOBIEUnencoded, obieCavagePrefix: dialectOBIECavage} {
		list = append(list, obieResources(prefix, d)...)
	}
	return list
}

// versionOBIE marks the endpoints of Open Banking's authorization server.
const versionOBIE = "obie"

// Scopes of Open Banking.
const (
	obieAccounts = "accounts"
	obiePayments = "payments"
	obieFunds    = "fundsconfirmations"
)

func obieResources(prefix string, d dialect) (list []endpoint) {
	add := func(name, method, path, scope string, own bool, run func(*call) (*answer, *problem), query ...string) {
		service := map[string]string{obieAccounts: "aisp/", obiePayments: "pisp/", obieFunds: "cbpii/"}[scope]
		payment := scope == obiePayments
		list = append(list, endpoint{name: "obie-" + name, dialect: d, method: method, path: split(prefix + service + path), scope: scope,
			query: query, run: run, unattended: own, signed: payment && method == "POST", signsAnswer: payment})
	}
	for _, kind := range []struct{ path, scope string }{{"account-access-consents", obieAccounts}, {"funds-confirmation-consents", obieFunds}} {
		add(kind.path, "POST", kind.path, kind.scope, true, (*call).postIntent)
		add(kind.path, "GET", kind.path+"/{id}", kind.scope, true, (*call).getIntent)
		add(kind.path, "DELETE", kind.path+"/{id}", kind.scope, true, (*call).deleteIntent)
	}
	add("accounts", "GET", "accounts", obieAccounts, false, (*call).obieAccounts)
	add("account", "GET", "accounts/{id}", obieAccounts, false, (*call).obieAccount)
	add("balances", "GET", "accounts/{id}/balances", obieAccounts, false, (*call).obieBalances)
	add("transactions", "GET", "accounts/{id}/transactions", obieAccounts, false, (*call).obieTransactions,
		"fromBookingDateTime", "toBookingDateTime", "page")
	add("payment-consents", "POST", "domestic-payment-consents", obiePayments, true, (*call).postIntent)
	add("payment-consents", "GET", "domestic-payment-consents/{id}", obiePayments, true, (*call).getIntent)
	add("payments", "POST", "domestic-payments", obiePayments, false, (*call).obiePayment)
	add("payments", "GET", "domestic-payments/{id}", obiePayments, true, (*call).obieGetPayment)
	add("funds-confirmations", "POST", "funds-confirmations", obieFunds, false, (*call).obieFunds)
	return list
}

// checkOBIE holds a request against Open Banking's rules.
func (c *call) checkOBIE() {
	c.checkOBIESignature()
	if value, ok := c.msg.first("digest"); ok {
		if err := checkDigest(value, c.body); err != nil {
			c.fail(http.StatusBadRequest, codeRequest, "%v", err)
		}
	}
	c.checkMediaType("application/json")
	c.checkFAPI()
	c.checkIdempotencyKey(c.endpoint.signed)
	c.checkOBIEToken()
	c.checkAccept()
}

// checkOBIESignature wants payments signed. What else is signed is verified,
// too.
func (c *call) checkOBIESignature() {
	_, there := c.msg.first(jwsHeader)
	switch {
	case c.endpoint.dialect == dialectOBIECavage:
		c.checkOBIECavage()
	case there && len(c.body) == 0:
		c.badSignature(jwsHeader, errors.New("it is there, but the request has no body to sign"))
	case there || c.endpoint.signed:
		c.checkOBIEJWS(c.endpoint.dialect == dialectOBIEUnencoded)
	}
}

// checkOBIECavage verifies a Signature header, as a bank may mean it that asks
// for an "HTTP Signature certificate". keyId is a registered name, or
// SN=,CA= of a QSEAL.
func (c *call) checkOBIECavage() {
	c.signatureDue = true
	h, ok := c.readSignature()
	if !ok {
		return
	}
	required := []string{"(request-target)", "host", "date"}
	if len(c.body) > 0 {
		required = append(required, "digest")
		if _, ok := c.msg.first("digest"); !ok {
			c.fail(http.StatusBadRequest, codeRequest, "the header Digest is missing")
		}
	}
	c.checkCovered(h, required)
	if _, ok := c.msg.first("date"); !ok {
		c.fail(http.StatusBadRequest, codeRequest, "the header Date is missing")
	}
	c.checkDate()
	var candidates []*qualified
	keys, err := c.keysNamed(h.KeyID)
	for _, key := range keys {
		if key.seal != nil {
			candidates = append(candidates, key.seal)
		}
	}
	if candidates == nil && strings.HasPrefix(h.KeyID, "SN=") {
		candidates, err = c.bank.registry.bySerial(h.KeyID)
	}
	if candidates == nil {
		if errors.Is(err, errStrangeKey) || err == nil {
			err = errors.New("keyId names no QSEAL that the TPP has registered")
		}
		c.fail(c.signatureStatus(), codeSignature, "%v", err)
		return
	}
	c.checkSignatureWith(h, candidates)
}

// checkOBIEToken wants a token of the TPP's own for consents, and one of the
// PSU's, under the consent, for what the consent allows.
func (c *call) checkOBIEToken() {
	g := c.checkBearer()
	scope := c.endpoint.scope
	switch {
	case g == nil || scope == "":
		return
	case !g.has(scope):
		c.fail(http.StatusForbidden, codeScope, "the access token lacks the scope %s that this endpoint needs", scope)
	case !slices.Contains(c.qwac.Roles, obieRole(scope)):
		c.fail(http.StatusForbidden, codeScope, "the QWAC lacks the role %s that this endpoint needs", obieRole(scope))
	case c.endpoint.unattended && g.PSU != "":
		c.fail(http.StatusForbidden, codeNotGranted, "the access token is a PSU's; this endpoint wants one of client_credentials")
	case !c.endpoint.unattended && g.PSU == "":
		c.fail(http.StatusForbidden, codeNotGranted, "the access token stands for no PSU; this endpoint wants one of authorization_code")
	case !c.endpoint.unattended:
		if _, p := c.intentOfToken(); p != nil {
			c.problems = append(c.problems, p)
		}
	}
}

// obieRole is the PSD2 role that a scope of Open Banking asks of the TPP, "" for
// another scope.
func obieRole(scope string) string {
	switch scope {
	case obieAccounts:
		return "PSP_AI"
	case obiePayments:
		return "PSP_PI"
	case obieFunds:
		return "PSP_IC"
	}
	return ""
}

// obieError is the envelope of errors (OBErrorResponse1).
func (c *call) obieError(problems []*problem) *answer {
	type item struct {
		Code    string `json:"ErrorCode"`
		Message string `json:"Message"`
	}
	var list []item
	for _, p := range problems {
		list = append(list, item{obieCode(p), p.Text})
	}
	status := problems[0].Status
	return asJSON(status, typeJSON, map[string]any{"Code": http.StatusText(status), "Id": uuid.NewString(),
		"Message": "see Errors", "Errors": list})
}

// obieCode is Open Banking's word for a problem (namespace UK.OBIE).
func obieCode(p *problem) string {
	switch p.Code {
	case codeSigMissing:
		return "UK.OBIE.Signature.Missing"
	case codeSignature, codeCertificate:
		return "UK.OBIE.Signature.Invalid"
	case codeResource:
		return "UK.OBIE.Resource.NotFound"
	case codeNotGranted:
		return "UK.OBIE.Resource.ConsentMismatch"
	case codeFormat:
		return "UK.OBIE.Field.Invalid"
	case codeInternal:
		return "UK.OBIE.UnexpectedError"
	}
	return "UK.OBIE.Header.Invalid"
}

// obieAnswer is a resource with what stands around it.
func (c *call) obieAnswer(status int, members map[string]any) *answer {
	if members["Links"] == nil {
		members["Links"] = map[string]string{"Self": c.link(c.r.URL.RequestURI()).Href}
	}
	if members["Meta"] == nil {
		members["Meta"] = map[string]any{"TotalPages": 1}
	}
	return asJSON(status, typeJSON, members)
}

// obieTime is how Open Banking writes times.
func obieTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05+00:00") }
