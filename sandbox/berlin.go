package sandbox

import (
	"net/http"
	"slices"

	"github.com/google/uuid"
)

// checkBerlinSignature holds the request against chapter 12 of the Berlin
// Group's implementation guidelines 1.3: the certificate comes along, keyId
// must match it, and the list of what is signed is closed.
func (c *call) checkBerlinSignature() {
	h, ok := c.readSignature()
	if !ok {
		return
	}
	required := []string{"digest", "x-request-id"}
	for _, name := range []string{"psu-id", "psu-corporate-id", "tpp-redirect-uri"} {
		if _, ok := c.msg.first(name); ok {
			required = append(required, name)
		}
	}
	c.checkCovered(h, required)
	// Date was mandatory in 1.3 and is gone since the 1.3.4 errata: allowed.
	allowed := append(required, "date")
	for _, name := range h.Headers {
		if !slices.Contains(allowed, name) {
			c.fail(http.StatusUnauthorized, codeSignature, "%.60q must not be signed (chapter 12 closes the list)", name)
		}
	}
	if _, ok := c.msg.first("tpp-signature-certificate"); !ok {
		c.fail(http.StatusUnauthorized, "CERTIFICATE_MISSING", "the header TPP-Signature-Certificate is missing")
		return
	}
	sent, ok := c.sentCertificate()
	if !ok {
		return
	}
	q, err := inspect(sent)
	if err != nil {
		c.fail(http.StatusUnauthorized, codeCertificate, "TPP-Signature-Certificate: %v", err)
		return
	}
	serial, issuer, err := splitSerialIssuer(h.KeyID)
	if err == nil {
		err = matchIssuer(sent, issuer)
	}
	switch {
	case err != nil:
		c.fail(http.StatusUnauthorized, codeSignature, "%v", err)
	case serial.Cmp(sent.SerialNumber) != 0:
		c.fail(http.StatusUnauthorized, codeSignature, "keyId names another serial number than TPP-Signature-Certificate")
	}
	c.checkSignatureWith(h, []*qualified{q})
}

// berlinError is the error envelope of the Berlin Group, section 4.13.3.
func berlinError(problems []*problem) *answer {
	type message struct {
		Category string `json:"category"`
		Code     string `json:"code"`
		Text     string `json:"text"`
	}
	var list []message
	for _, p := range problems {
		list = append(list, message{"ERROR", berlinCode(p.Code), p.Text})
	}
	return asJSON(problems[0].Status, typeJSON, map[string]any{"tppMessages": list})
}

// berlinCode is the Berlin Group's word for what STET calls otherwise.
func berlinCode(code string) string {
	switch code {
	case codeScope:
		return "ROLE_INVALID"
	case codeVerb:
		return "SERVICE_INVALID"
	case codeTooMany:
		return "ACCESS_EXCEEDED"
	case codeInternal:
		return "INTERNAL_SERVER_ERROR"
	}
	return code
}

// berlinAccounts lists the PSU's accounts. The sandbox issues no Berlin
// consents: any Consent-ID is taken, none is not.
func (c *call) berlinAccounts() (*answer, *problem) {
	if id, _ := c.msg.first("consent-id"); id == "" {
		return nil, refuse(http.StatusBadRequest, codeRequest, "the header Consent-ID is missing or empty")
	}
	psu, p := c.owner()
	if p != nil {
		return nil, p
	}
	return berlinAccountList(psu, c.r.URL.Query().Get("withBalance") == "true"), nil
}

func berlinAccountList(psu *persona, withBalance bool) *answer {
	list := []map[string]any{}
	for _, a := range psu.Accounts {
		item := map[string]any{"resourceId": a.ID, "iban": a.IBAN, "currency": "EUR", "name": "Compte de " + psu.Name,
			"cashAccountType": "CACC"}
		if withBalance {
			item["balances"] = []map[string]any{{"balanceType": "interimAvailable", "balanceAmount": amount{decimal(a.Cents), "EUR"}}}
		}
		list = append(list, item)
	}
	return asJSON(http.StatusOK, typeJSON, map[string]any{"accounts": list})
}

type berlinReference struct {
	IBAN     string `json:"iban"`
	Currency string `json:"currency,omitempty"`
}

// berlinPayment initiates a payment; nothing is ever executed.
func (c *call) berlinPayment() (*answer, *problem) {
	product := c.params["product"]
	if !slices.Contains([]string{"sepa-credit-transfers", "instant-sepa-credit-transfers"}, product) {
		return nil, refuse(http.StatusNotFound, "PRODUCT_UNKNOWN", "the payment product is not offered")
	}
	if _, ok := c.msg.first("psu-ip-address"); !ok {
		return nil, refuse(http.StatusBadRequest, codeRequest, "PSU-IP-Address is mandatory on payments")
	}
	var body struct {
		Amount     *amount          `json:"instructedAmount"`
		Debtor     *berlinReference `json:"debtorAccount"`
		Creditor   *berlinReference `json:"creditorAccount"`
		Name       string           `json:"creditorName"`
		EndToEnd   string           `json:"endToEndIdentification"`
		Remittance string           `json:"remittanceInformationUnstructured"`
	}
	if decodeStrict(c.body, &body) != nil || body.Amount == nil || body.Creditor == nil || body.Name == "" {
		return nil, refuse(http.StatusBadRequest, codeRequest, "the body is not a single payment")
	}
	cents, ok := body.Amount.cents()
	if !ok || cents == 0 || body.Amount.Currency != "EUR" {
		return nil, refuse(http.StatusBadRequest, codeRequest, "instructedAmount is not a positive amount in EUR")
	}
	if !validIBAN(body.Creditor.IBAN) || (body.Debtor != nil && !validIBAN(body.Debtor.IBAN)) {
		return nil, refuse(http.StatusBadRequest, codeRequest, "an account of the payment has no valid IBAN")
	}
	id := uuid.NewString()
	self := c.r.URL.Path + "/" + id
	a := asJSON(http.StatusCreated, typeJSON, map[string]any{"transactionStatus": "RCVD", "paymentId": id,
		"_links": links{"self": c.link(self), "status": c.link(self + "/status"), "scaRedirect": c.link(stetPrefix + "oauth/authorize")}})
	a.header.Set("Location", self)
	a.header.Set("ASPSP-SCA-Approach", "REDIRECT")
	return a, nil
}

// berlinFunds is the confirmation of funds service.
func (c *call) berlinFunds() (*answer, *problem) {
	var body struct {
		Card    string           `json:"cardNumber"`
		Account *berlinReference `json:"account"`
		Payee   string           `json:"payee"`
		Amount  *amount          `json:"instructedAmount"`
	}
	if decodeStrict(c.body, &body) != nil || body.Account == nil || body.Amount == nil {
		return nil, refuse(http.StatusBadRequest, codeRequest, "the body is not a confirmation of funds request")
	}
	cents, ok := body.Amount.cents()
	if !ok || body.Amount.Currency != "EUR" {
		return nil, refuse(http.StatusBadRequest, codeRequest, "instructedAmount is not an amount in EUR")
	}
	a, p := c.payableAccount(&accountReference{IBAN: body.Account.IBAN})
	if p != nil {
		return nil, &problem{p.Status, codeResource, p.Text}
	}
	return asJSON(http.StatusOK, typeJSON, map[string]bool{"fundsAvailable": cents <= a.Cents}), nil
}
