package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// brasilWindow is how far iat of a signed body may be from the bank's clock.
const brasilWindow = 60 * time.Second

// checkBrasil holds a request against Open Finance Brasil's rules: payments
// come as a signed JWT in the place of the body.
func (c *call) checkBrasil() {
	if c.msg.Method == http.MethodPost || len(c.body) > 0 {
		c.checkSignedBody()
	}
	if _, ok := c.msg.first("x-fapi-interaction-id"); !ok {
		c.fail(http.StatusBadRequest, codeRequest, "the header x-fapi-interaction-id is missing")
	}
	c.checkFAPI()
	c.checkIdempotencyKey(c.msg.Method == http.MethodPost)
	if g := c.checkBearer(); g != nil && !g.has(c.endpoint.scope) {
		c.fail(http.StatusForbidden, codeScope, "the access token lacks the scope %s that this endpoint needs", c.endpoint.scope)
	}
}

// checkSignedBody opens the body.
func (c *call) checkSignedBody() {
	c.signatureDue = true
	const what = "the body"
	if !isMedia(c.msg.value("content-type"), typeJWT) {
		c.fail(http.StatusUnsupportedMediaType, codeRequest, "the header Content-Type is not %s", typeJWT)
	}
	j, err := parseJWT(string(c.body))
	if err != nil {
		c.badSignature(what, err)
		return
	}
	c.rec.KeyID, c.rec.SigningString = j.header.KeyID, j.signed
	header, _ := base64.RawURLEncoding.DecodeString(j.signed[:strings.IndexByte(j.signed, '.')])
	if _, err := jsonObject(header); err != nil {
		c.badSignature(what+": header of the JWT", err)
	}
	members, err := jsonObject(j.payload)
	if err != nil {
		c.badSignature(what+": claims of the JWT", err)
		return
	}
	switch {
	case j.header.Algorithm != "PS256":
		c.badSignature(what, fmt.Errorf("alg is %.20q, but only PS256 is taken", j.header.Algorithm))
	case j.header.Type != "JWT":
		c.badSignature(what, errors.New("typ is not JWT"))
	}
	for _, err := range c.signedClaims(j, members) {
		c.badSignature(what, err)
	}
	for _, name := range []string{"aud", "iss", "iat", "jti", "exp", "nbf"} {
		delete(members, name)
	}
	// The map was made from JSON.
	c.opened, _ = json.Marshal(members)
	keys, err := c.keysNamed(j.header.KeyID)
	if err != nil {
		c.badSignature(what+": kid", err)
		return
	}
	if j.header.Algorithm == "PS256" {
		c.verifyAny(what, j.header.Algorithm, keys, []byte(j.signed), j.signature)
	}
}

// signedClaims judges what the JWT says of itself.
func (c *call) signedClaims(j *jwt, members map[string]json.RawMessage) (problems []error) {
	complain := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	here := c.link(c.r.URL.Path).Href
	complain(len(j.claims.Audience) != 1 || j.claims.Audience[0] != here, "aud is not the endpoint's address %s", here)
	if c.qwac != nil {
		issuer := c.bank.signingIssuer(c.qwac.OrgID)
		if issuer == "" {
			issuer = c.qwac.OrgID
		}
		complain(j.claims.Issuer != issuer, "iss is not %q, the TPP's organisation", issuer)
	}
	issued, ok := wholeSeconds(members["iat"])
	off := c.bank.now().Sub(issued).Abs()
	complain(!ok, "iat is no whole number of seconds")
	complain(ok && off > brasilWindow+time.Second, "iat is %s away from the bank's clock; %s are allowed", off.Round(time.Second), brasilWindow)
	id, err := uuid.Parse(j.claims.ID)
	switch {
	case err != nil || len(j.claims.ID) != 36 || id.Version() != 4:
		complain(true, "jti is no UUID of version 4")
	case c.qwac != nil:
		complain(!c.bank.jwtIDs.remember("body "+c.qwac.OrgID+" "+j.claims.ID), "jti was used before")
	}
	if j.claims.Expires != nil {
		complain(!c.bank.now().Before(time.Unix(int64(*j.claims.Expires), 0)), "exp is over")
	}
	return problems
}

// brasilPayment takes a Pix payment (Payments API 1.0, pix/payments).
func (c *call) brasilPayment() (*answer, *problem) {
	return c.once(func(c *call) (*answer, *problem) {
		var body struct {
			Data map[string]json.RawMessage `json:"data"`
		}
		if decodeStrict(c.plainBody(), &body) != nil || body.Data == nil {
			return nil, refuse(http.StatusUnprocessableEntity, codeFormat, "the signed body holds no data")
		}
		var sum struct{ Amount, Currency string }
		if json.Unmarshal(body.Data["payment"], &sum) != nil || !obieMoney.MatchString(sum.Amount) || sum.Currency != "BRL" {
			return nil, refuse(http.StatusUnprocessableEntity, codeFormat, "data.payment is no amount such as 10.00 in BRL")
		}
		made := takenPayment{uuid.NewString(), c.grant.ClientID, "", body.Data["payment"], c.bank.now()}
		c.bank.payments.add(made)
		return c.showPix(http.StatusCreated, made), nil
	})
}

func (c *call) brasilGetPayment() (*answer, *problem) {
	made, ok := c.bank.payments.of(c.grant.ClientID, c.params["id"])
	if !ok {
		return nil, refuse(http.StatusNotFound, codeResource, "the TPP has no such payment")
	}
	return c.showPix(http.StatusOK, made), nil
}

func (c *call) showPix(status int, p takenPayment) *answer {
	created := p.Created.UTC().Format("2006-01-02T15:04:05Z")
	self := c.r.URL.Path
	if c.msg.Method == http.MethodPost {
		self += "/" + p.ID
	}
	return asJSON(status, typeJSON, map[string]any{
		"data": map[string]any{"paymentId": p.ID, "creationDateTime": created, "statusUpdateDateTime": created, "status": "PNDG",
			"payment": p.Initiation},
		"links": map[string]string{"self": c.link(self).Href}, "meta": map[string]any{"requestDateTime": created},
	})
}

// brasilError is Open Finance Brasil's envelope of errors.
func brasilError(now time.Time, problems []*problem) *answer {
	list := []map[string]string{}
	for _, p := range problems {
		code := p.Code
		if code == codeSignature || code == codeSigMissing || code == codeCertificate {
			code = "BAD_SIGNATURE"
		}
		list = append(list, map[string]string{"code": code, "title": http.StatusText(p.Status), "detail": p.Text})
	}
	return asJSON(problems[0].Status, typeJSON, map[string]any{"errors": list,
		"meta": map[string]string{"requestDateTime": now.UTC().Format("2006-01-02T15:04:05Z")}})
}
