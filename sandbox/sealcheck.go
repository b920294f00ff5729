package sandbox

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// signatureStatus is what a bad signature is answered with: BPCE, Open Banking
// and Open Finance Brasil say 400, the Berlin Group and ING 401.
func (c *call) signatureStatus() int {
	switch c.endpoint.dialect {
	case dialectBerlin, dialectING, dialectGeorgia, dialectINGJWS, dialectMessage:
		return http.StatusUnauthorized
	}
	return http.StatusBadRequest
}

// checkSTETSignature holds the Signature header against STET 1.4 section 3.5
// and BPCE's keyId rule.
func (c *call) checkSTETSignature() {
	h, ok := c.readSignature()
	if !ok {
		return
	}
	required := []string{"(request-target)", "date", "x-request-id"}
	if len(c.body) > 0 {
		required = append(required, "digest", "content-type")
	} else if _, ok := c.msg.first("digest"); ok {
		required = append(required, "digest")
	}
	for _, f := range c.msg.Fields {
		if strings.HasPrefix(f.Lower, "psu-") && !slices.Contains(required, f.Lower) {
			required = append(required, f.Lower)
		}
	}
	c.checkCovered(h, required)
	candidates, err := c.bank.registry.lookup(h.KeyID)
	if err != nil {
		c.fail(c.signatureStatus(), codeSignature, "%v", err)
		return
	}
	if sent, ok := c.sentCertificate(); ok && !slices.ContainsFunc(candidates, func(q *qualified) bool { return q.Cert.Equal(sent) }) {
		c.fail(c.signatureStatus(), codeCertificate, "TPP-Signature-Certificate is not the certificate that keyId names")
	}
	c.checkSignatureWith(h, candidates)
}

// checkOptionalSignature verifies a Signature where none is demanded: at the
// token endpoint.
func (c *call) checkOptionalSignature() {
	if _, ok := c.msg.first("signature"); !ok {
		return
	}
	h, ok := c.readSignature()
	if !ok {
		return
	}
	if value, ok := c.msg.first("digest"); ok {
		if err := checkDigest(value, c.body); err != nil {
			c.fail(http.StatusBadRequest, codeRequest, "%v", err)
		}
	}
	candidates, err := c.bank.registry.lookup(h.KeyID)
	if err != nil {
		c.fail(http.StatusBadRequest, codeSignature, "%v", err)
		return
	}
	c.checkSignatureWith(h, candidates)
}

func (c *call) readSignature() (signatureHeader, bool) {
	value, ok := c.msg.first("signature")
	if !ok {
		c.fail(c.signatureStatus(), codeSigMissing, "the header Signature is missing")
		return signatureHeader{}, false
	}
	return c.parseSignature(value)
}

func (c *call) parseSignature(value string) (signatureHeader, bool) {
	h, err := parseSignature(value)
	c.rec.KeyID = h.KeyID
	if err != nil {
		c.fail(c.signatureStatus(), codeSignature, "%v", err)
		return h, false
	}
	return h, true
}

func (c *call) checkCovered(h signatureHeader, required []string) {
	for _, name := range required {
		if !slices.Contains(h.Headers, name) {
			c.fail(c.signatureStatus(), codeSignature, "%s is not signed", name)
		}
	}
}

// checkSignatureWith verifies against each candidate certificate. The first
// that fits is judged; if none does, the first one's error is told.
func (c *call) checkSignatureWith(h signatureHeader, candidates []*qualified) {
	text, err := signingString(&c.msg, h.Headers)
	if err != nil {
		c.fail(c.signatureStatus(), codeSignature, "%v", err)
		return
	}
	c.rec.SigningString = text
	var firstErr error
	for _, q := range candidates {
		err := verifySignature(q.Cert, h.Algorithm, text, h.Signature)
		if err == nil {
			c.rec.SignatureOK, c.rec.QSEAL = true, q.Cert
			c.checkSeal(q)
			c.rememberSignature(h)
			return
		}
		if firstErr == nil {
			firstErr = err
		}
	}
	c.fail(c.signatureStatus(), codeSignature, "%v", firstErr)
}

// rememberSignature refuses the bytes of a signature a second time: a replay,
// or an HTTP client that repeated a request on its own.
func (c *call) rememberSignature(h signatureHeader) {
	if c.endpoint.dialect == dialectOBIECavage && !slices.Contains(h.Headers, "x-fapi-interaction-id") {
		// Nothing signed tells one call from another within a second.
		return
	}
	key := string(h.Signature)
	if !c.bank.signatures.remember(key) {
		c.fail(c.signatureStatus(), codeSignature, "this signature was received before: the request was repeated without being signed anew")
		return
	}
	c.signature = key
}

// sentCertificate reads TPP-Signature-Certificate: base64 of the DER.
func (c *call) sentCertificate() (*x509.Certificate, bool) {
	value, ok := c.msg.first("tpp-signature-certificate")
	if !ok {
		return nil, false
	}
	der, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil {
		c.fail(c.signatureStatus(), codeCertificate, "TPP-Signature-Certificate is not base64 of a DER certificate on one line")
		return nil, false
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		c.fail(c.signatureStatus(), codeCertificate, "TPP-Signature-Certificate holds no certificate")
		return nil, false
	}
	return cert, true
}

// weakKey tells RSA keys below the 2048 bits that ETSI TS 119 312 asks for.
func weakKey(cert *x509.Certificate) (string, bool) {
	if key, ok := cert.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
		return fmt.Sprintf("RSA with %d bits", key.N.BitLen()), true
	}
	return "", false
}
