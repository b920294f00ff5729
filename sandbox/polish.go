package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// polishHeader is requestHeader of PolishAPI 2.1.
type polishHeader struct {
	RequestID string `json:"requestId"`
	UserAgent string `json:"userAgent"`
	IPAddress string `json:"ipAddress"`
	SendDate  string `json:"sendDate"`
	TPPID     string `json:"tppId"`
	Token     string `json:"token"`
	Present   *bool  `json:"isDirectPsu"`
}

// checkPolish holds a request against PolishAPI 2.1: POST in every case, the
// body signed as it is, its id twice.
func (c *call) checkPolish() {
	c.checkPolishJWS()
	c.checkMediaType("application/json")
	for _, name := range []string{"Accept-Encoding", "Accept-Language", "Accept-Charset"} {
		value, ok := c.msg.first(strings.ToLower(name))
		switch {
		case !ok || value == "":
			c.fail(http.StatusBadRequest, codeRequest, "the header %s is missing or empty", name)
		case name == "Accept-Charset" && !strings.EqualFold(value, "utf-8"):
			c.fail(http.StatusBadRequest, codeRequest, "the header %s is not utf-8", name)
		}
	}
	for _, f := range c.msg.Fields {
		if strings.HasPrefix(f.Lower, "psu-") {
			c.fail(http.StatusBadRequest, codeRequest, "the header %s is not known here; the PSU's address is requestHeader.ipAddress in the body", f.Name)
		}
	}
	c.checkRequestID()
	c.checkPolishHeader()
	c.checkToken()
}

// checkPolishJWS verifies X-JWS-Signature over the body as it is (RFC 7797).
func (c *call) checkPolishJWS() {
	j, ok := c.wantsDetached()
	if !ok {
		return
	}
	var err error
	switch {
	case !j.unencoded:
		err = errors.New("b64 is not false, which PolishAPI demands")
	case j.keyID == "":
		err = errors.New("kid is missing")
	default:
		err = errors.Join(j.exactCritical("b64"), j.onlyMembers("alg", "kid", "b64", "crit", "typ", "cty", "x5t#S256", "x5u"))
	}
	if err != nil {
		c.badSignature(jwsHeader, err)
	}
	c.verifyDetached(j, "RS256")
}

// polishHeader reads requestHeader.
func (c *call) polishHeader() (h polishHeader, ok bool) {
	members, err := jsonObject(c.body)
	return h, err == nil && json.Unmarshal(members["requestHeader"], &h) == nil
}

func (c *call) checkPolishHeader() {
	h, ok := c.polishHeader()
	if !ok {
		c.fail(http.StatusBadRequest, codeRequest, "the body is no JSON object with requestHeader")
		return
	}
	id, err := uuid.Parse(h.RequestID)
	switch {
	case err != nil || len(h.RequestID) != 36 || id.Version() != 1:
		c.fail(http.StatusBadRequest, codeRequest, "requestHeader.requestId is no UUID of version 1")
	case h.RequestID != c.msg.value("x-request-id"):
		c.fail(http.StatusBadRequest, codeRequest, "the header X-Request-ID is not requestHeader.requestId")
	}
	for _, m := range [][2]string{{"userAgent", h.UserAgent}, {"ipAddress", h.IPAddress}, {"sendDate", h.SendDate}, {"tppId", h.TPPID}} {
		if m[1] == "" {
			c.fail(http.StatusBadRequest, codeRequest, "requestHeader.%s is missing or empty", m[0])
		}
	}
	if c.qwac != nil && h.TPPID != "" && h.TPPID != c.qwac.OrgID {
		c.fail(http.StatusBadRequest, codeRequest, "requestHeader.tppId is not the organizationIdentifier of the QWAC")
	}
}

// responseHeader repeats the request's id.
func (c *call) responseHeader() map[string]any {
	h, _ := c.polishHeader()
	return map[string]any{"requestId": h.RequestID, "sendDate": c.bank.now().UTC().Format("2006-01-02T15:04:05.000Z"), "isCallback": false}
}

// polishAccounts is getAccounts.
func (c *call) polishAccounts() (*answer, *problem) {
	psu, p := c.owner()
	if p != nil {
		return nil, p
	}
	list := []map[string]any{}
	for _, a := range psu.Accounts {
		list = append(list, map[string]any{"accountNumber": a.IBAN, "accountTypeName": "Compte de " + psu.Name,
			"accountType": map[string]string{"code": "CACC", "description": "current account"}})
	}
	return asJSON(http.StatusOK, typeJSON, map[string]any{"responseHeader": c.responseHeader(), "accounts": list, "pageInfo": nil}), nil
}

// polishError is PolishAPI's envelope of errors.
func (c *call) polishError(first *problem, texts []string) *answer {
	return asJSON(first.Status, typeJSON, map[string]any{"responseHeader": c.responseHeader(), "code": first.Code, "message": strings.Join(texts, "; ")})
}
