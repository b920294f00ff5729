package sandbox

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"sync"
)

// PaylineMerchant is a merchant of Payline with a contract for gift cards. It
// authenticates with HTTP Basic below /payline/, or with a client certificate
// below /payline-cc/.
type PaylineMerchant struct {
	// ID is the merchantID, AccessKey the secret of HTTP Basic. Required.
	ID        string `json:"merchant_id"`
	AccessKey string `json:"access_key"`
	// Organization is the organizationIdentifier of its client certificates.
	// Default "": it has none.
	Organization string `json:"organization"`
	// GiftCard is what is on each gift card, in cents. Default 5000.
	GiftCard int64 `json:"gift_card"`
	// MaxAmount is the largest payment with gift cards, in cents. Default 100000.
	MaxAmount int64 `json:"max_amount"`
}

// Paths of Payline's services.
const (
	paylinePrefix     = "/payline/"
	paylineCertPrefix = "/payline-cc/"
)

// paylineServices are the operations by service
// (docs.payline.com, web services of the API).
func paylineServices() map[string][]string {
	return map[string][]string{
		"WebPaymentAPI":    {"doWebPayment", "getWebPaymentDetails"},
		"DirectPaymentAPI": {"doRefund"},
		"ExtendedAPI":      {"getTransactionDetails"},
	}
}

func paylineEndpoints() []endpoint {
	var list []endpoint
	for _, prefix := range []string{paylinePrefix, paylineCertPrefix} {
		for service := range paylineServices() {
			list = append(list, endpoint{name: service, dialect: dialectPayline, method: "POST",
				path: split(prefix + "V4/services/" + service), run: (*call).paylineOperation})
		}
	}
	return list
}

// RegisterPayline registers a merchant of Payline, or replaces the one with its
// ID.
func (b *Bank) RegisterPayline(m PaylineMerchant) error {
	if m.ID == "" || m.AccessKey == "" {
		return errors.New("sandbox: Payline merchant: ID and AccessKey are required")
	}
	if m.GiftCard < 0 || m.MaxAmount < 0 {
		return fmt.Errorf("sandbox: Payline merchant %s: GiftCard and MaxAmount must not be negative", m.ID)
	}
	if m.GiftCard == 0 {
		m.GiftCard = 5000
	}
	if m.MaxAmount == 0 {
		m.MaxAmount = 100_000
	}
	b.shops.payline.register(&m)
	return nil
}

// paylineStore holds Payline's merchants and what they sold.
type paylineStore struct {
	mu           sync.Mutex
	merchants    map[string]*PaylineMerchant
	orders       map[string]*order // by token of doWebPayment
	transactions map[string]*order // by transaction id
}

func (s *paylineStore) register(m *PaylineMerchant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.merchants == nil {
		s.merchants = map[string]*PaylineMerchant{}
	}
	s.merchants[m.ID] = m
}

func (s *paylineStore) merchant(matches func(*PaylineMerchant) bool) *PaylineMerchant {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.merchants {
		if matches(m) {
			return m
		}
	}
	return nil
}

// readOperation takes the SOAP request apart, and names the operation in the
// record, before anything is judged.
func (c *call) readOperation() {
	c.shop.soap, c.shop.soapErr = parseSOAP(c.body)
	if c.shop.soapErr == nil {
		c.rec.Operation = c.shop.soap.operation
	}
}

func (c *call) checkPayline() {
	if c.endpoint.path[0] == split(paylineCertPrefix)[0] {
		c.checkPaylineCertificate()
	} else {
		c.noCertificate()
		c.checkPaylineBasic()
	}
	value, _ := c.msg.first("content-type")
	if media, _, err := mime.ParseMediaType(value); err != nil || media != "text/xml" {
		c.fail(http.StatusUnsupportedMediaType, codeRequest, "the header Content-Type is not text/xml")
	}
	if c.shop.soapErr != nil {
		c.fail(http.StatusBadRequest, codeFormat, "%v", c.shop.soapErr)
		return
	}
	operation := c.shop.soap.operation
	if _, ok := paylineOperations()[operation]; !ok || !offers(c.endpoint.name, operation) {
		c.fail(http.StatusBadRequest, codeResource, "%s does not offer this operation", c.endpoint.name)
		return
	}
	// SOAP 1.1 section 6.1.1: the value is quoted.
	if value, ok := c.msg.first("soapaction"); !ok {
		c.fail(http.StatusBadRequest, codeRequest, "the header SOAPAction is missing")
	} else if value != `"`+operation+`"` {
		c.fail(http.StatusBadRequest, codeRequest, `the header SOAPAction is not "%s" in quotation marks, the operation of the body`, operation)
	}
	if operation == "doRefund" && c.shop.payline != nil {
		c.checkOnce(c.shop.payline.ID)
	}
}

func offers(service, operation string) bool {
	for _, o := range paylineServices()[service] {
		if o == operation {
			return true
		}
	}
	return false
}

// checkPaylineBasic wants merchantID:accessKey as they are: unlike in OAuth2,
// nothing is form-encoded before it is joined.
func (c *call) checkPaylineBasic() {
	value, ok := c.msg.first("authorization")
	if !ok {
		c.fail(http.StatusUnauthorized, codeToken, "the header Authorization is missing")
		return
	}
	encoded, ok := strings.CutPrefix(value, "Basic ")
	joined, err := base64.StdEncoding.Strict().DecodeString(encoded)
	id, key, colon := strings.Cut(string(joined), ":")
	if !ok || err != nil || !colon {
		c.fail(http.StatusUnauthorized, codeToken, "the header Authorization is not Basic with merchantID:accessKey in base64")
		return
	}
	m := c.bank.shops.payline.merchant(func(m *PaylineMerchant) bool { return m.ID == id })
	if m == nil || subtle.ConstantTimeCompare([]byte(m.AccessKey), []byte(key)) != 1 {
		c.fail(http.StatusUnauthorized, codeToken, "the merchantID is unknown or the accessKey is wrong")
		return
	}
	c.shop.payline = m
}

// checkPaylineCertificate wants the merchant's certificate, and no Authorization.
func (c *call) checkPaylineCertificate() {
	if _, ok := c.msg.first("authorization"); ok {
		c.fail(http.StatusBadRequest, codeRequest, "the header Authorization must not be sent to the hosts for client certificates")
	}
	if c.rec.ClientCert == nil {
		c.fail(http.StatusForbidden, codeCertificate, "no client certificate was presented")
		return
	}
	c.checkCertificate()
	if c.qwac == nil {
		return
	}
	c.shop.payline = c.bank.shops.payline.merchant(func(m *PaylineMerchant) bool { return m.Organization == c.qwac.OrgID })
	if c.shop.payline == nil {
		c.fail(http.StatusForbidden, codeCertificate, "the client certificate is of no registered merchant")
	}
}
