package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// amountForm is an amount as STET writes it: a decimal text without sign.
var amountForm = regexp.MustCompile(`^\d{1,14}(\.\d{1,2})?$`)

type amount struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// cents reads the amount, with two decimals.
func (a amount) cents() (int64, bool) {
	if !amountForm.MatchString(a.Amount) {
		return 0, false
	}
	units, fraction, _ := strings.Cut(a.Amount, ".")
	n, err := strconv.ParseInt(units+(fraction + "00")[:2], 10, 64)
	return n, err == nil
}

type accountReference struct {
	IBAN  string        `json:"iban,omitempty"`
	Other *accountOther `json:"other,omitempty"`
}

type accountOther struct {
	Identification string `json:"identification"`
	SchemeName     string `json:"schemeName"`
	Issuer         string `json:"issuer,omitempty"`
}

// coverageRequest is the body of POST /funds-confirmations, in the order in
// which the answer repeats it.
type coverageRequest struct {
	Account   *accountReference `json:"accountId,omitempty"`
	RequestID string            `json:"paymentCoverageRequestId"`
	Payee     string            `json:"payee,omitempty"`
	Amount    *amount           `json:"instructedAmount"`
}

// decodeStrict reads one JSON object without unknown fields.
func decodeStrict(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

// fundsConfirmation answers whether the balance covers the amount, by the
// rules and error codes of BPCE's product page.
func (c *call) fundsConfirmation() (*answer, *problem) {
	var req coverageRequest
	if decodeStrict(c.body, &req) != nil {
		return nil, refuse(http.StatusBadRequest, codeFormat, "the body is not a payment coverage request")
	}
	switch {
	case req.RequestID == "" || len(req.RequestID) > 140:
		return nil, refuse(http.StatusBadRequest, codeFormat, "paymentCoverageRequestId is missing or too long")
	case req.Amount == nil:
		return nil, refuse(http.StatusBadRequest, codeFormat, "instructedAmount is missing")
	case req.Amount.Currency != "EUR":
		return nil, refuse(http.StatusBadRequest, codeFormat, "instructedAmount.currency is missing or not EUR")
	}
	cents, ok := req.Amount.cents()
	if !ok {
		return nil, refuse(http.StatusBadRequest, codeFormat, "instructedAmount.amount is missing or not a decimal number in text")
	}
	a, p := c.payableAccount(req.Account)
	if p != nil {
		return nil, p
	}
	return asJSON(http.StatusOK, typeHAL, struct {
		Result  bool            `json:"result"`
		Request coverageRequest `json:"request"`
		Links   links           `json:"_links"`
	}{cents <= a.Cents, req, links{"self": c.link(c.r.URL.Path)}}), nil
}

// payableAccount finds the account of a request and checks the PSU's grant.
func (c *call) payableAccount(ref *accountReference) (account, *problem) {
	if ref == nil || ref.IBAN == "" {
		return account{}, refuse(http.StatusBadRequest, codeAccountNumber, "accountId.iban is missing")
	}
	if !validIBAN(ref.IBAN) {
		return account{}, refuse(http.StatusBadRequest, codeAccountNumber, "accountId.iban is no IBAN")
	}
	a, owner, ok := accountByIBAN(ref.IBAN)
	switch {
	case !ok:
		return a, refuse(http.StatusBadRequest, codeAccountNumber, "the account is not known")
	case a.State == codeClosed:
		return a, refuse(http.StatusBadRequest, codeClosed, "the account is closed")
	case a.State == codeBlocked:
		return a, refuse(http.StatusBadRequest, codeBlocked, "the account is blocked")
	case c.grant.PSU != "" && c.grant.PSU != owner:
		return a, refuse(http.StatusForbidden, codeNotGranted, "the account is not consented")
	}
	return a, nil
}

// oConfirmation confirms a payment request (PISP). The sandbox holds none, so
// any id is confirmed; the body must be a JSON object.
func (c *call) oConfirmation() (*answer, *problem) {
	var body map[string]json.RawMessage
	if decodeStrict(c.body, &body) != nil || body == nil {
		return nil, refuse(http.StatusBadRequest, codeFormat, "the body is not a JSON object; send {} when there is nothing to say")
	}
	for name := range body {
		if !slices.Contains([]string{"nonce", "psuAuthenticationFactor"}, name) {
			return nil, refuse(http.StatusBadRequest, codeFormat, "the field %.40q is not known", name)
		}
	}
	return asJSON(http.StatusOK, typeHAL, struct {
		PaymentRequest map[string]string `json:"paymentRequest"`
		Links          links             `json:"_links"`
	}{
		map[string]string{"resourceId": c.params["id"], "paymentInformationStatus": "ACSP"},
		links{"self": c.link(c.r.URL.Path)},
	}), nil
}

// link is one HAL link; links are a resource's.
type link struct {
	Href string `json:"href"`
}

type links map[string]link

// link leads back to the bank, under the name the request used.
func (c *call) link(pathAndQuery string) link { return link{"https://" + c.r.Host + pathAndQuery} }
