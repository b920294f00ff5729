package testpki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// AuthorityOptions describe a certification authority. Zero values are replaced
// by the defaults that the comments name.
type AuthorityOptions struct {
	// CommonName is the CN of the authority's name. Default "Test QTSP CA".
	CommonName string
	// Organization is the O of the name. Default "Test QTSP".
	Organization string
	// OrganizationIdentifier is 2.5.4.97 in the authority's own name, such as
	// "VATFR-12345678901". Real issuers have one, and the renderings of an
	// issuer's name differ most there. Empty: none.
	OrganizationIdentifier string
	// Country is the C of the name. Default "FR".
	Country string
	// Key is the kind of key: "p256" (default) or "rsa2048"; also any other
	// kind that Profile.Key knows.
	Key string
	// Signer is a ready-made key, used instead of making one.
	Signer crypto.Signer
	// Now is the time of issue. Default time.Now(). Certificates are valid
	// from an hour before it, so that clocks may differ.
	Now time.Time
	// Validity is how long the authority's certificate is valid. Default ten years.
	Validity time.Duration
	// Parent issues this authority's certificate. Nil: self-signed, a root.
	Parent *Authority
}

// Authority is a certification authority. It does not change once made and is
// safe for concurrent use.
type Authority struct {
	parent      *Authority
	certificate *x509.Certificate
	key         crypto.Signer
	now         time.Time
}

// NewAuthority makes an authority with a key of its own.
func NewAuthority(opts AuthorityOptions) (*Authority, error) {
	opts.setDefaults()
	key := opts.Signer
	if key == nil {
		var err error
		if key, err = newKey(opts.Key); err != nil {
			return nil, err
		}
	}
	subject, err := encodeName(opts.Country, opts.Organization, opts.OrganizationIdentifier, opts.CommonName)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		RawSubject:            subject,
		NotBefore:             opts.Now.Add(-time.Hour),
		NotAfter:              opts.Now.Add(opts.Validity),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	issuer, issuerKey := template, key
	if opts.Parent != nil {
		issuer, issuerKey = opts.Parent.certificate, opts.Parent.key
	}
	certificate, err := sign(template, issuer, key, issuerKey)
	if err != nil {
		return nil, fmt.Errorf("testpki: issue authority %q: %w", opts.CommonName, err)
	}
	return &Authority{parent: opts.Parent, certificate: certificate, key: key, now: opts.Now}, nil
}

func (o *AuthorityOptions) setDefaults() {
	if o.CommonName == "" {
		o.CommonName = "Test QTSP CA"
	}
	if o.Organization == "" {
		o.Organization = "Test QTSP"
	}
	if o.Country == "" {
		o.Country = "FR"
	}
	if o.Key == "" {
		o.Key = "p256"
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	if o.Validity == 0 {
		o.Validity = 10 * 365 * 24 * time.Hour
	}
}

// Certificate is the authority's own certificate.
func (a *Authority) Certificate() *x509.Certificate { return a.certificate }

// PEM is the authority's own certificate as PEM, without its issuers.
func (a *Authority) PEM() []byte { return encodeCertificate(a.certificate.Raw) }

// Pool is a new pool that trusts this authority.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// chain is what goes behind a leaf: this authority and those above it. A root is
// left out, unless it issued the leaf itself.
func (a *Authority) chain() []*x509.Certificate {
	chain := []*x509.Certificate{a.certificate}
	for above := a.parent; above != nil && above.parent != nil; above = above.parent {
		chain = append(chain, above.certificate)
	}
	return chain
}

func sign(template, issuer *x509.Certificate, key, issuerKey crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), issuerKey)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func newKey(kind string) (crypto.Signer, error) {
	switch kind {
	case "rsa1024":
		return rsa.GenerateKey(rand.Reader, 1024)
	case "rsa2048":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "rsa3072":
		return rsa.GenerateKey(rand.Reader, 3072)
	case "p224":
		return ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	case "p256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "p521":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	}
	return nil, fmt.Errorf("testpki: unknown kind of key %q", kind)
}

// newSerial is a random positive serial number of at most 16 bytes.
func newSerial() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("testpki: serial number: %w", err)
	}
	return serial.Add(serial, big.NewInt(1)), nil
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
