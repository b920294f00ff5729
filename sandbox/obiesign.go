package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Members of the protected header of Open Banking's message signing (OBIE
// Read/Write API 3.1.x, "Message Signing").
const (
	obIssuedAt = "http://openbanking.org.uk/iat"
	obIssuer   = "http://openbanking.org.uk/iss"
	obAnchor   = "http://openbanking.org.uk/tan"
	// obTrustAnchor is the value of tan.
	obTrustAnchor = "openbanking.org.uk"
	jwsHeader     = "x-jws-signature"
)

// checkOBIEJWS verifies x-jws-signature over the body as it was received. Up
// to 3.1.3 the payload was not encoded (b64:false); since 3.1.4 b64 must not
// be there at all.
func (c *call) checkOBIEJWS(unencoded bool) {
	j, ok := c.wantsDetached()
	if !ok {
		return
	}
	for _, err := range []error{j.checkOBIEForm(unencoded), c.checkOBIEClaims(j)} {
		if err != nil {
			c.badSignature(jwsHeader, err)
		}
	}
	c.verifyDetached(j, "PS256")
}

func (j *detached) checkOBIEForm(unencoded bool) error {
	critical := []string{obIssuedAt, obIssuer, obAnchor}
	known := append([]string{"alg", "kid", "typ", "cty", "crit"}, critical...)
	_, b64 := j.members["b64"]
	switch {
	case unencoded && !j.unencoded:
		return errors.New("b64 is not false, which this version of the standard (up to 3.1.3) demands")
	case unencoded:
		critical, known = append(critical, "b64"), append(known, "b64")
	case b64:
		return errors.New("b64 is there, which must not be since version 3.1.4 of the standard")
	}
	if err := errors.Join(j.onlyMembers(known...)); err != nil {
		return err
	}
	if err := j.exactCritical(critical...); err != nil {
		return err
	}
	if _, there := j.members["kid"]; !there {
		return errors.New("kid is missing")
	}
	if _, there := j.members["typ"]; there {
		if typ, _ := jsonText(j.members, "typ"); typ != "JOSE" {
			return errors.New("typ is not JOSE")
		}
	}
	if _, there := j.members["cty"]; there {
		if cty, _ := jsonText(j.members, "cty"); cty != "json" && cty != "application/json" {
			return errors.New("cty is neither json nor application/json")
		}
	}
	return nil
}

func (c *call) checkOBIEClaims(j *detached) error {
	issued, ok := wholeSeconds(j.members[obIssuedAt])
	if !ok {
		return fmt.Errorf("%s is no whole number of seconds", obIssuedAt)
	}
	if issued.After(c.bank.now()) {
		return fmt.Errorf("%s is in the future", obIssuedAt)
	}
	if anchor, _ := jsonText(j.members, obAnchor); anchor != obTrustAnchor {
		return fmt.Errorf("%s is not %q", obAnchor, obTrustAnchor)
	}
	issuer, ok := jsonText(j.members, obIssuer)
	if !ok {
		return fmt.Errorf("%s is no text", obIssuer)
	}
	return c.checkSigner(issuer)
}

// wholeSeconds reads a NumericDate without fraction or exponent.
func wholeSeconds(raw json.RawMessage) (time.Time, bool) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return time.Unix(n, 0), err == nil && n > 0 && n < math.MaxInt32*4
}

// checkSigner wants iss to be what the TPP has registered, or else the
// subject's name of one of its QSEALs.
func (c *call) checkSigner(issuer string) error {
	if c.qwac == nil {
		return nil
	}
	if registered := c.bank.signingIssuer(c.qwac.OrgID); registered != "" {
		if issuer != registered {
			return fmt.Errorf("%s is not %q, as the TPP has registered", obIssuer, registered)
		}
		return nil
	}
	for _, q := range c.bank.registry.of(c.qwac.OrgID) {
		if isSubject(q, issuer) {
			return nil
		}
	}
	return fmt.Errorf("%s is not the subject of the TPP's QSEAL, last attribute first (RFC 4514), nor a registered one", obIssuer)
}

// signingIssuer is what an organization has registered as its name in
// signatures, "" if nothing.
func (b *Bank) signingIssuer(organization string) string {
	b.clients.mu.RLock()
	defer b.clients.mu.RUnlock()
	for _, client := range b.clients.byID {
		if client.Organization == organization && client.SigningIssuer != "" {
			return client.SigningIssuer
		}
	}
	return ""
}

// isSubject compares a name with a certificate's subject. What RFC 4514 has no
// keyword for may be written by number, in hexadecimal or as text, or by name.
func isSubject(q *qualified, text string) bool {
	plain, err := gatewayName(q.Cert.RawSubject)
	if err != nil {
		return false
	}
	if text == plain {
		return true
	}
	name, err := parseName(q.Cert.RawSubject)
	if err != nil {
		return false
	}
	for _, rdn := range name {
		for _, attr := range rdn {
			if keyword(attr.OID) == "" && attr.IsText {
				for _, prefix := range []string{attr.OID + "=", "OID." + attr.OID + "=", "organizationIdentifier="} {
					if strings.Contains(text, prefix+escapeValue(attr.Text)) {
						text = strings.Replace(text, prefix+escapeValue(attr.Text), attr.OID+"=#"+hexOf(attr.DER), 1)
					}
				}
			}
		}
	}
	return text == plain
}
