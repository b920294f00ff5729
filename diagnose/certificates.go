package diagnose

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// key is a public key that may have made the signature.
type key struct {
	source  string
	public  crypto.PublicKey
	cert    *x509.Certificate // nil: a bare key
	carried bool              // by the request itself
}

// carriedHeader is a header that holds a certificate.
type carriedHeader struct {
	name string
	form string // as signer.CertificateHeader.Form, or another word
	cert *x509.Certificate
}

// certificateHeaders finds headers that carry, or should carry, a certificate.
func (c *check) certificateHeaders() {
	for _, f := range c.in.Request.Fields {
		lower := strings.ToLower(f.Name)
		if !strings.Contains(lower, "cert") || strings.EqualFold(f.Name, "Signature") {
			continue
		}
		cert, form := readCertificate(f.Value())
		if cert == nil {
			if strings.Contains(lower, "sign") {
				c.add(stageCertificate, finding(CertificateHeader, fmt.Sprintf("%s holds no certificate: it is neither base64 of DER nor PEM on one line.", f.Name)))
			}
			continue
		}
		c.headers = append(c.headers, carriedHeader{name: f.Name, form: form, cert: cert})
		c.keys = append(c.keys, key{source: "header " + f.Name, public: cert.PublicKey, cert: cert, carried: true})
	}
}

// readCertificate reads the forms in which certificates travel in headers.
func readCertificate(value string) (*x509.Certificate, string) {
	text, form := value, "base64-der"
	if strings.Contains(text, "%2B") || strings.Contains(text, "%0A") || strings.Contains(text, "%20") {
		if plain, err := url.PathUnescape(text); err == nil {
			text, form = plain, "percent-encoded"
		}
	}
	if body, ok := strings.CutPrefix(text, "-----BEGIN CERTIFICATE-----"); ok {
		body, _, _ = strings.Cut(body, "-----END")
		text = strings.Join(strings.Fields(body), "")
		if form == "base64-der" {
			form = "pem-line"
		}
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		if der, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "=")); err != nil {
			return nil, ""
		}
		form = "base64url-der"
	}
	if block, _ := pem.Decode(der); block != nil {
		der, form = block.Bytes, "base64-pem"
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, ""
	}
	return cert, form
}

// gather lists the keys: those the caller names, then those of the request.
func (c *check) gather() {
	for _, given := range c.in.Certificates {
		c.keys = append(c.keys, key{source: given.Source, public: given.Certificate.PublicKey, cert: given.Certificate})
	}
	for i, public := range c.in.PublicKeys {
		c.keys = append(c.keys, key{source: fmt.Sprintf("public key %d", i+1), public: public})
	}
	c.certificateHeaders()
}

// given says whether the caller named a certificate or a key.
func (c *check) given() bool { return len(c.in.Certificates)+len(c.in.PublicKeys) > 0 }

// judgeCertificates reports what is wrong with the certificate that signed.
func (c *check) judgeCertificates() {
	if c.key != nil && c.key.carried {
		if c.given() {
			if !c.isGiven(c.key.public) {
				c.add(stageCertificate, finding(CertificateOther, fmt.Sprintf("The signature was made with the certificate in %s, which is none of those given.", c.key.source), describe(c.key.cert)...))
			}
		} else {
			c.note("No certificate was given: the one in the request was used (%s). This does not show whose it is.", c.key.source)
		}
	}
	for _, h := range c.headers {
		if c.key != nil && c.key.cert != nil && !samePublic(h.cert.PublicKey, c.key.public) {
			c.add(stageCertificate, finding(CertificateOther, fmt.Sprintf("%s carries another certificate than the one that signed (%s).", h.name, c.key.source), describe(h.cert)...))
		} else if c.key != nil && c.key.cert != nil && !h.cert.Equal(c.key.cert) {
			c.add(stageCertificate, finding(CertificateOther, fmt.Sprintf("%s carries another certificate of the same key than %s.", h.name, c.key.source), describe(h.cert)...))
		}
	}
	if c.key == nil || c.key.cert == nil || c.in.At.IsZero() {
		return
	}
	cert := c.key.cert
	switch {
	case c.in.At.After(cert.NotAfter):
		c.add(stageCertificate, finding(CertificateExpired, fmt.Sprintf("The signing certificate (%s) expired on %s.", c.key.source, cert.NotAfter.UTC().Format(time.DateOnly)), describe(cert)...))
	case c.in.At.Before(cert.NotBefore):
		c.add(stageCertificate, finding(CertificateNotYetValid, fmt.Sprintf("The signing certificate (%s) is valid from %s only.", c.key.source, cert.NotBefore.UTC().Format(time.DateOnly)), describe(cert)...))
	}
}

func (c *check) isGiven(public crypto.PublicKey) bool {
	for _, k := range c.keys {
		if !k.carried && samePublic(k.public, public) {
			return true
		}
	}
	return false
}

func samePublic(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// describe is evidence about a certificate.
func describe(cert *x509.Certificate) []string {
	if cert == nil {
		return nil
	}
	return []string{"serial", cert.SerialNumber.Text(16), "issuer", printable(cert.Issuer.CommonName), "valid until", cert.NotAfter.UTC().Format(time.DateOnly)}
}
