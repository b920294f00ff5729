package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"
)

// Generation is one state of an identity's certificates. It never changes, so
// whoever holds one sees a QWAC, a QSEAL, a keyId and a certificate header that
// belong together, whatever happens to the files meanwhile.
type Generation struct {
	// Number counts the generations of an Identity from 1.
	Number uint64
	// QWAC is the TLS client certificate.
	QWAC *Pair
	// QSEAL is the signing certificate; nil if none is configured.
	QSEAL *Pair
	// LoadedAt is when it was read from the files.
	LoadedAt time.Time

	hash [sha256.Size]byte // of the files' content
}

// ClientID is the organizationIdentifier of the QWAC or, if it has none, of the
// QSEAL. PSD2 banks use it as client_id (STET 1.6.3 section 3.1). It may be empty.
func (g *Generation) ClientID() string {
	if g.QWAC != nil && g.QWAC.Info.OrganizationIdentifier != "" {
		return g.QWAC.Info.OrganizationIdentifier
	}
	if g.QSEAL != nil {
		return g.QSEAL.Info.OrganizationIdentifier
	}
	return ""
}

// sessionCacheSize is how many servers a generation keeps TLS sessions for.
const sessionCacheSize = 64

var errNoQWAC = errors.New("certs: the generation has no QWAC")

// TLSConfig is a new client configuration that shows this generation's QWAC.
// roots nil means the system's; serverName empty means the host that is dialled.
//
// The certificate is given by GetClientCertificate rather than Certificates,
// because crypto/tls would otherwise send none at all to a bank whose list of
// acceptable authorities lacks the issuer, and the bank would say so less
// clearly. The function never gives nil, which would end the process.
//
// Each configuration has a session cache of its own: a resumed session keeps the
// client identity of the handshake it came from, so that a cache shared between
// generations would go on showing a QWAC that has been replaced.
func (g *Generation) TLSConfig(roots *x509.CertPool, serverName string) *tls.Config {
	var qwac *tls.Certificate
	if g.QWAC != nil {
		qwac = g.QWAC.TLSCertificate()
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		RootCAs:            roots,
		ServerName:         serverName,
		ClientSessionCache: tls.NewLRUClientSessionCache(sessionCacheSize),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if qwac == nil {
				return nil, errNoQWAC
			}
			return qwac, nil
		},
	}
}
