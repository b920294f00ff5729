package sandbox

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"
)

// ingPrefix and the paths below follow ING's public documentation.
const ingPrefix = "/oauth2/"

// ingScope begins ING's scopes for account information.
const ingScope = "payment-accounts:"

// applications are the TPPs that got an application token: the certificates
// that they signed that request with, by the client_id that they were given.
type applications struct {
	mu    sync.Mutex
	certs map[string][]*qualified
}

// client gives a TPP its client_id, always the same, and notes its certificate.
func (a *applications) client(q *qualified) string {
	id := uuid.NewSHA1(uuid.NameSpaceOID, []byte(q.OrgID)).String()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.certs == nil {
		a.certs = map[string][]*qualified{}
	}
	if !slices.ContainsFunc(a.certs[id], func(known *qualified) bool { return known.Thumbprint == q.Thumbprint }) {
		a.certs[id] = append(a.certs[id], q)
	}
	return id
}

func (a *applications) of(id string) []*qualified {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.certs[id])
}

// checkING holds a request against ING's rules: signed either with the
// certificate that comes along, in Authorization, or under the client_id that
// came with the application token, in Signature.
func (c *call) checkING() {
	if value, _ := c.msg.first("authorization"); c.isINGApplication(value) {
		c.checkINGApplication(strings.TrimPrefix(value, "Signature "))
	} else {
		c.checkINGSignature()
	}
	c.checkHeaderDigest()
	if _, ok := c.msg.first("date"); !ok {
		c.fail(http.StatusBadRequest, codeRequest, "the header Date is missing")
	}
	c.checkDate()
	if _, ok := c.msg.first("x-request-id"); ok {
		c.checkRequestID()
	}
	c.checkMethod()
	if !c.isINGApplication(c.msg.value("authorization")) {
		c.checkINGToken()
	}
	if c.endpoint.name != operationToken {
		c.checkPSU()
		c.checkAccept()
		c.checkQuery()
	}
}

func (c *call) isINGApplication(authorization string) bool {
	return c.endpoint.name == operationToken && strings.HasPrefix(authorization, "Signature ")
}

// checkINGApplication verifies the request for an application token.
func (c *call) checkINGApplication(value string) {
	h, ok := c.parseSignature(value)
	if !ok {
		return
	}
	c.checkINGHeaders(h)
	sent, ok := c.ingCertificate()
	if !ok {
		return
	}
	q, err := inspect(sent)
	if err != nil {
		c.fail(http.StatusUnauthorized, codeCertificate, "TPP-Signature-Certificate: %v", err)
		return
	}
	number, ok := strings.CutPrefix(h.KeyID, "SN=")
	serial, valid := new(big.Int).SetString(number, 16)
	switch {
	case !ok || !valid || strings.Trim(number, "0123456789abcdefABCDEF") != "":
		c.fail(http.StatusUnauthorized, codeSignature, "keyId is not SN= and the serial number in plain hexadecimal, with nothing behind")
	case serial.Cmp(sent.SerialNumber) != 0:
		c.fail(http.StatusUnauthorized, codeSignature, "keyId names another serial number than TPP-Signature-Certificate")
	}
	c.seal = q
	c.checkSignatureWith(h, []*qualified{q})
}

// checkINGSignature verifies a request under the client_id.
func (c *call) checkINGSignature() {
	h, ok := c.readSignature()
	if !ok {
		return
	}
	c.checkINGHeaders(h)
	candidates := c.bank.applications.of(h.KeyID)
	if len(candidates) == 0 {
		c.fail(http.StatusUnauthorized, codeSignature, "keyId is not a client_id that came with an application token")
		return
	}
	c.clientID = h.KeyID
	c.checkSignatureWith(h, candidates)
}

// checkINGHeaders wants one of the lists seen in the wild, in that order.
func (c *call) checkINGHeaders(h signatureHeader) {
	switch strings.Join(h.Headers, " ") {
	case "(request-target) date digest", "(request-target) x-request-id date digest", "(request-target) date digest x-request-id":
	default:
		c.fail(http.StatusUnauthorized, codeSignature, `the headers list is not "(request-target) date digest", with x-request-id behind the first or the last if at all`)
	}
}

// ingCertificate reads TPP-Signature-Certificate: PEM on one line, or base64
// of the DER.
func (c *call) ingCertificate() (*x509.Certificate, bool) {
	value, ok := c.msg.first("tpp-signature-certificate")
	if !ok {
		c.fail(http.StatusUnauthorized, codeCertificate, "the header TPP-Signature-Certificate is missing")
		return nil, false
	}
	const begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
	if inner, ok := strings.CutPrefix(value, begin); ok {
		if inner, ok = strings.CutSuffix(inner, end); !ok {
			c.fail(http.StatusUnauthorized, codeCertificate, "TPP-Signature-Certificate has no closing marker")
			return nil, false
		}
		if block, _ := pem.Decode([]byte(begin + "\n" + strings.TrimSpace(inner) + "\n" + end + "\n")); block != nil {
			value = base64.StdEncoding.EncodeToString(block.Bytes)
		}
	}
	der, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil {
		c.fail(http.StatusUnauthorized, codeCertificate, "TPP-Signature-Certificate is neither PEM on one line nor base64 of a DER certificate")
		return nil, false
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		c.fail(http.StatusUnauthorized, codeCertificate, "TPP-Signature-Certificate holds no certificate")
		return nil, false
	}
	return cert, true
}

// checkINGToken wants the application token for requests about tokens, and a
// customer's for accounts.
func (c *call) checkINGToken() {
	c.checkToken()
	if c.grant == nil {
		return
	}
	if c.clientID != "" && c.grant.ClientID != c.clientID {
		c.fail(http.StatusUnauthorized, codeToken, "keyId is not the client_id that the token was issued to")
	}
	if c.endpoint.scope == "" && c.grant.PSU != "" {
		c.fail(http.StatusUnauthorized, codeToken, "the token is a customer's; the application token is expected")
	}
}
