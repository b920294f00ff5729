// Package certs loads, checks, describes, watches and publishes the qualified
// certificates of a TPP: the QWAC, which it shows as TLS client, and the QSEAL,
// which it signs with.
//
// Both belong together: the serial number a bank sees in the handshake, the
// keyId of the signature and the certificate header have to come from one state
// of the files. That state is a Generation; it never changes, and an Identity
// replaces it as a whole. What cannot be loaded or must be refused is never
// published: the former generation stays, and the error says why.
package certs

import (
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
)

// Slot is the use that a certificate is configured for.
type Slot int

const (
	// QWAC is the slot of the qualified website authentication certificate: TLS.
	QWAC Slot = iota
	// QSEAL is the slot of the qualified certificate for electronic seals: signatures.
	QSEAL
	// ClientKey is the slot of a key without a certificate here, which a bank
	// knows from the TPP's registration: client authentication.
	ClientKey
)

// String is "QWAC", "QSEAL" or "client".
func (s Slot) String() string {
	switch s {
	case QWAC:
		return "QWAC"
	case QSEAL:
		return "QSEAL"
	case ClientKey:
		return "client"
	}
	return fmt.Sprintf("Slot(%d)", int(s))
}

// qcType is the QcType that a certificate in this slot should have.
func (s Slot) qcType() QcType {
	if s == QSEAL {
		return QcTypeESeal
	}
	return QcTypeWeb
}

// Source says where a certificate and its key are.
type Source struct {
	// CertFile is a PEM file: the certificate first, then its issuers in
	// order. The root may be left out.
	CertFile string
	// KeyFile is a PEM file with the private key: PKCS#8, encrypted PKCS#8
	// (PBES2), PKCS#1 or SEC 1. Empty means that CertFile holds it too.
	KeyFile string
	// Passphrase gives the passphrase of an encrypted key. It is called only
	// when such a key is being loaded, so that a rotated passphrase is picked
	// up. Nil means none. Its result appears in no error.
	Passphrase func() ([]byte, error)
}

func (s Source) keyFile() string {
	if s.KeyFile == "" {
		return s.CertFile
	}
	return s.KeyFile
}

// Pair is a certificate with its private key. It does not change once loaded.
type Pair struct {
	// Slot is what the pair is configured for.
	Slot Slot
	// Chain is the certificate, then its issuers in the order TLS sends them.
	Chain []*x509.Certificate
	// Key is the private key that belongs to the certificate.
	Key crypto.Signer
	// Info is what the certificate says about the TPP.
	Info Info
	// Source is where the pair came from.
	Source Source
	// Thumbprint is base64url(SHA-256(DER)) of the certificate without padding,
	// the x5t#S256 that certificate-bound tokens carry (RFC 8705 section 3.1).
	Thumbprint string

	loadFindings []Finding // what could be mended while loading
}

// Leaf is the certificate itself, without issuers.
func (p *Pair) Leaf() *x509.Certificate { return p.Chain[0] }

// TLSCertificate is the pair in the form crypto/tls wants. Each call makes a
// new one.
func (p *Pair) TLSCertificate() *tls.Certificate {
	c := &tls.Certificate{PrivateKey: p.Key, Leaf: p.Leaf()}
	for _, certificate := range p.Chain {
		c.Certificate = append(c.Certificate, certificate.Raw)
	}
	return c
}

func thumbprint(leaf *x509.Certificate) string {
	sum := sha256.Sum256(leaf.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
