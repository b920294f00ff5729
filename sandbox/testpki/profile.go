package testpki

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Kind is what a certificate is for.
type Kind int

const (
	// QWAC is a qualified website authentication certificate: a TPP's TLS client certificate.
	QWAC Kind = iota
	// QSEAL is a qualified certificate for electronic seals: a TPP's signing certificate.
	QSEAL
	// Server is an ordinary TLS server certificate, such as a bank's, without qcStatements.
	Server
)

// Profile describes a certificate to be issued. The zero value of a field means
// the default its comment names.
type Profile struct {
	// Kind is what the certificate is for. Default QWAC.
	Kind Kind

	// CommonName, Organization, Country and OrganizationIdentifier (2.5.4.97,
	// such as "PSDFR-ACPR-12345") make up the subject. An empty one is left out.
	CommonName, Organization, Country, OrganizationIdentifier string

	// Roles are the PSD2 roles: "PSP_AS", "PSP_PI", "PSP_AI", "PSP_IC".
	// Without roles, NCAName and NCAID there is no PSD2 statement.
	Roles []string
	// NCAName and NCAID name the competent authority: "Autorité de contrôle …", "FR-ACPR".
	NCAName, NCAID string

	// DNSNames and IPs are the subject alternative names. A QWAC without any
	// gets "tpp.example".
	DNSNames []string
	IPs      []net.IP

	// Key is the kind of key: "rsa2048" (default), "rsa3072", "p256", "p384",
	// "p521"; "rsa1024" and "p224" are too weak and made for tests of refusal.
	Key string
	// Signer is a ready-made key, used instead of making one: an RSA key takes
	// a noticeable part of a second.
	Signer crypto.Signer

	// NotBefore and NotAfter bound the validity. Default: from an hour before
	// the authority's time of issue to a year after it.
	NotBefore, NotAfter time.Time
	// Serial is the serial number. Default: random.
	Serial *big.Int

	// OmitKeyUsage leaves out keyUsage and extendedKeyUsage.
	OmitKeyUsage bool
	// ExtKeyUsage replaces the extendedKeyUsage of Kind.
	ExtKeyUsage []x509.ExtKeyUsage
	// QcTypes replaces the QcType of Kind. An empty, non-nil list leaves the
	// statement out.
	QcTypes []asn1.ObjectIdentifier
	// ExtraStatements are DER-encoded statements put behind the others.
	ExtraStatements [][]byte
	// QcStatements replaces the whole value of the qcStatements extension. An
	// empty, non-nil value leaves the extension out.
	QcStatements []byte
	// CA marks the certificate as one of a certification authority.
	CA bool
	// SignatureAlgorithm is what the authority signs with. Default: SHA-256
	// with the authority's key.
	SignatureAlgorithm x509.SignatureAlgorithm
}

// Issue makes a key, unless the profile has one, and a certificate for it.
func (a *Authority) Issue(p Profile) (*Issued, error) {
	key := p.Signer
	if key == nil {
		kind := p.Key
		if kind == "" {
			kind = "rsa2048"
		}
		var err error
		if key, err = newKey(kind); err != nil {
			return nil, err
		}
	}
	template, err := a.template(p)
	if err != nil {
		return nil, err
	}
	certificate, err := sign(template, a.certificate, key, a.key)
	if err != nil {
		return nil, fmt.Errorf("testpki: issue %q: %w", p.CommonName, err)
	}
	return newIssued(certificate, a.chain(), key)
}

func (a *Authority) template(p Profile) (*x509.Certificate, error) {
	subject, err := encodeName(p.Country, p.Organization, p.OrganizationIdentifier, p.CommonName)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber:          p.Serial,
		RawSubject:            subject,
		NotBefore:             p.NotBefore,
		NotAfter:              p.NotAfter,
		DNSNames:              p.DNSNames,
		IPAddresses:           p.IPs,
		BasicConstraintsValid: true,
		IsCA:                  p.CA,
		SignatureAlgorithm:    p.SignatureAlgorithm,
	}
	if t.SerialNumber == nil {
		if t.SerialNumber, err = newSerial(); err != nil {
			return nil, err
		}
	}
	if t.NotBefore.IsZero() {
		t.NotBefore = a.now.Add(-time.Hour)
	}
	if t.NotAfter.IsZero() {
		t.NotAfter = a.now.AddDate(1, 0, 0)
	}
	if p.Kind == QWAC && len(p.DNSNames) == 0 && len(p.IPs) == 0 {
		t.DNSNames = []string{"tpp.example"}
	}
	p.setUsage(t)
	if p.Kind == Server {
		return t, nil
	}
	statements := p.QcStatements
	if statements == nil {
		if statements, err = p.encodeStatements(); err != nil {
			return nil, err
		}
	}
	if len(statements) > 0 {
		t.ExtraExtensions = append(t.ExtraExtensions, pkix.Extension{Id: oidQcStatements, Value: statements})
	}
	return t, nil
}

// setUsage sets keyUsage, which Go marks as critical, and extendedKeyUsage
// as ETSI EN 319 412-4 and 412-3 want them.
func (p *Profile) setUsage(t *x509.Certificate) {
	if p.OmitKeyUsage {
		return
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	switch p.Kind {
	case QWAC:
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	case QSEAL:
		t.KeyUsage |= x509.KeyUsageContentCommitment // nonRepudiation
	case Server:
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	if p.CA {
		t.KeyUsage |= x509.KeyUsageCertSign
	}
	if p.ExtKeyUsage != nil {
		t.ExtKeyUsage = p.ExtKeyUsage
	}
}
