package sandbox

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// httpHeadersID names the way that sigD refers to HTTP headers (ETSI TS 119
// 182-1 section 5.2.8.2).
const httpHeadersID = "http://uri.etsi.org/19182/HttpHeaders"

// headersRules are what a bank wants of a JWS over HTTP headers (Open Banking
// Europe, "JSON Web Signature Profile for Open Banking").
type headersRules struct {
	// chain: the certificate comes along in x5c; else x5t#S256 names one that is
	// registered.
	chain bool
	// past and future bound sigT, seen from the bank's clock.
	past, future time.Duration
	// required are the names that sigD must hold.
	required func(*call) []string
}

// sigD is what was signed.
type sigD struct {
	Pars []string `json:"pars"`
	MID  string   `json:"mId"`
}

// checkHeadersJWS verifies X-JWS-Signature over header lines, and gives its alg.
func (c *call) checkHeadersJWS(rules headersRules) (algorithm string) {
	value, ok := c.wantsSignature(jwsHeader)
	if !ok {
		return ""
	}
	j, err := parseDetached(value)
	if err != nil {
		c.badSignature(jwsHeader, err)
		return ""
	}
	c.verifyHeadersJWS(j, rules)
	return j.algorithm
}

func (c *call) verifyHeadersJWS(j *detached, rules headersRules) {
	if err := j.checkHeadersForm(rules.chain); err != nil {
		c.badSignature(jwsHeader, err)
	}
	if err := c.checkSigT(j, rules); err != nil {
		c.badSignature(jwsHeader, err)
	}
	what, err := readSigD(j.members["sigD"])
	if err != nil {
		c.badSignature(jwsHeader, err)
		return
	}
	for _, name := range rules.required(c) {
		if !slices.Contains(what.Pars, name) {
			c.fail(c.signatureStatus(), codeSignature, "%s: %s is not signed: pars does not name it", jwsHeader, name)
		}
	}
	text, err := signingString(&c.msg, what.Pars)
	if err != nil {
		c.badSignature(jwsHeader, errors.New(strings.Replace(err.Error(), "the headers list", "pars", 1)))
		return
	}
	input := append([]byte(j.protected+"."), text...)
	c.rec.SigningString = string(input)
	seal, err := c.headersSeal(j, rules.chain)
	if err != nil {
		c.badSignature(jwsHeader, err)
		return
	}
	c.verifyAny(jwsHeader, j.algorithm, []sealKey{{public: seal.Cert.PublicKey, seal: seal}}, input, j.signature)
}

func (j *detached) checkHeadersForm(chain bool) error {
	if !j.unencoded {
		return errors.New("b64 is not false, which a signature over HTTP headers demands")
	}
	if err := j.exactCritical("sigT", "sigD", "b64"); err != nil {
		return err
	}
	given := "x5t#S256"
	if chain {
		given = "x5c"
	}
	if _, there := j.members[given]; !there {
		return fmt.Errorf("%s is missing in the protected header", given)
	}
	return j.onlyMembers("alg", "b64", "crit", "sigT", "sigD", "kid", "typ", "cty", "x5t#S256", "x5c")
}

// checkSigT wants the time of signing in UTC, to the second, near the bank's
// clock.
func (c *call) checkSigT(j *detached, rules headersRules) error {
	text, _ := jsonText(j.members, "sigT")
	const form = "2006-01-02T15:04:05Z"
	at, err := time.Parse(form, text)
	switch {
	case err != nil || at.Format(form) != text:
		return errors.New("sigT is not a time in UTC to the second, such as 2021-10-27T09:31:05Z")
	case c.bank.now().Sub(at) > rules.past:
		return fmt.Errorf("sigT is more than %s in the past", rules.past)
	case at.Sub(c.bank.now()) > rules.future:
		return fmt.Errorf("sigT is more than %s in the future", rules.future)
	}
	return nil
}

func readSigD(raw json.RawMessage) (sigD, error) {
	var d sigD
	if raw == nil || decodeStrict(raw, &d) != nil {
		return d, errors.New("sigD is missing, or no object of pars and mId")
	}
	if d.MID != httpHeadersID {
		return d, fmt.Errorf("mId in sigD is not %s", httpHeadersID)
	}
	if len(d.Pars) == 0 {
		return d, errors.New("pars in sigD is empty")
	}
	for i, name := range d.Pars {
		switch {
		case name == "" || name != strings.ToLower(name):
			return d, errors.New("the names of pars are not in lower case")
		case slices.Contains(d.Pars[:i], name):
			return d, fmt.Errorf("pars names %.60q twice", name)
		}
	}
	return d, nil
}

// headersSeal is the certificate that the protected header names.
func (c *call) headersSeal(j *detached, chain bool) (*qualified, error) {
	if chain {
		return c.chainSeal(j.members["x5c"])
	}
	print, _ := jsonText(j.members, "x5t#S256")
	c.rec.KeyID = print
	if sum, err := base64.RawURLEncoding.Strict().DecodeString(print); err != nil || len(sum) != sha256.Size {
		return nil, errors.New("x5t#S256 is not base64url, without padding, of a SHA-256")
	}
	if c.qwac != nil {
		for _, q := range c.bank.registry.of(c.qwac.OrgID) {
			if q.fingerprint() == print {
				return q, nil
			}
		}
	}
	return nil, errors.New("x5t#S256 is not the SHA-256 of the DER of a QSEAL that the TPP has registered")
}

// chainSeal reads x5c (RFC 7515 section 4.1.6): the signing certificate first,
// each next one having issued the one before, without the root.
func (c *call) chainSeal(raw json.RawMessage) (*qualified, error) {
	var encoded []string
	if json.Unmarshal(raw, &encoded) != nil || len(encoded) == 0 {
		return nil, errors.New("x5c is missing, or no list of certificates")
	}
	var chain []*x509.Certificate
	for _, text := range encoded {
		der, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return nil, errors.New("x5c holds a text that is not base64 (not base64url) of DER on one line")
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, errors.New("x5c holds something that is no certificate")
		}
		chain = append(chain, cert)
	}
	for i, cert := range chain {
		if len(chain) > 1 && cert.IsCA && bytes.Equal(cert.RawIssuer, cert.RawSubject) {
			return nil, errors.New("x5c holds the root, which is to be left out")
		}
		if i > 0 && chain[i-1].CheckSignatureFrom(cert) != nil {
			return nil, fmt.Errorf("x5c is not in order: certificate %d did not issue the one before it (the signing certificate comes first)", i+1)
		}
	}
	q, err := inspect(chain[0])
	q.Issuers = chain[1:]
	c.rec.KeyID = q.fingerprint()
	return q, err
}

func hexOf(der []byte) string { return hex.EncodeToString(der) }
