package sandbox

import (
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"sync"
)

// Forms of keyId that the bank may demand. Public documentation of BPCE names
// the first and the last, production clients were seen to use the second.
const (
	// KeyIDSerialIssuer is SN=<serial, hexadecimal>,CA=<issuer's name>.
	KeyIDSerialIssuer = "serial-issuer"
	// KeyIDClientID is the organizationIdentifier of the certificates.
	KeyIDClientID = "client-id"
	// KeyIDCertificateURL is an https URL without query that ends in "_" and
	// the certificate's SHA-256 fingerprint over its DER, in lower-case
	// hexadecimal (STET 1.6.3.1 section 3.5.1.2).
	KeyIDCertificateURL = "certificate-url"
)

// registry holds the QSEAL certificates the bank knows.
type registry struct {
	form string

	mu    sync.RWMutex
	certs []*qualified
}

// add registers a certificate; it is judged when it is used.
func (g *registry) add(cert *x509.Certificate) error {
	q, err := inspect(cert)
	if err != nil {
		return fmt.Errorf("sandbox: QSEAL certificate %s: %w", cert.SerialNumber.Text(16), err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, known := range g.certs {
		if known.Thumbprint == q.Thumbprint {
			return nil
		}
	}
	g.certs = append(g.certs, q)
	return nil
}

// knows tells whether a client_id belongs to a registered TPP.
func (g *registry) knows(orgID string) bool {
	return len(g.of(orgID)) > 0
}

// of lists the certificates of a TPP.
func (g *registry) of(orgID string) []*qualified {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var found []*qualified
	for _, q := range g.certs {
		if q.OrgID == orgID && orgID != "" {
			found = append(found, q)
		}
	}
	return found
}

// lookup resolves a keyId. Several certificates may answer to a client-id.
func (g *registry) lookup(keyID string) ([]*qualified, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	switch g.form {
	case KeyIDClientID:
		return g.byClientID(keyID)
	case KeyIDCertificateURL:
		return g.byURL(keyID)
	default:
		return g.bySerial(keyID)
	}
}

func (g *registry) byClientID(keyID string) ([]*qualified, error) {
	var found []*qualified
	for _, q := range g.certs {
		if q.OrgID == keyID && keyID != "" {
			found = append(found, q)
		}
	}
	if found == nil {
		return nil, errors.New("keyId is not the organizationIdentifier of a registered QSEAL certificate")
	}
	return found, nil
}

func (g *registry) byURL(keyID string) ([]*qualified, error) {
	u, err := url.Parse(keyID)
	if err != nil || u.Scheme != "https" || u.Host == "" || strings.ContainsAny(keyID, "?#") {
		return nil, errors.New("keyId is not an https URL without query and fragment")
	}
	cut := strings.LastIndexByte(keyID, '_')
	if cut < 0 {
		return nil, errors.New("keyId does not end in an underscore and the certificate's fingerprint")
	}
	for _, q := range g.certs {
		if hex.EncodeToString(q.Thumbprint[:]) == keyID[cut+1:] {
			return []*qualified{q}, nil
		}
	}
	return nil, errors.New("keyId does not end in the lower-case SHA-256 fingerprint of a registered QSEAL certificate")
}

func (g *registry) bySerial(keyID string) ([]*qualified, error) {
	serial, issuer, err := splitSerialIssuer(keyID)
	if err != nil {
		return nil, err
	}
	var wrongIssuer error
	for _, q := range g.certs {
		if q.Cert.SerialNumber.Cmp(serial) != 0 {
			continue
		}
		if err := matchIssuer(q.Cert, issuer); err != nil {
			wrongIssuer = err
			continue
		}
		return []*qualified{q}, nil
	}
	if wrongIssuer != nil {
		return nil, wrongIssuer
	}
	return nil, fmt.Errorf("keyId names the serial number %s, which no registered QSEAL certificate has", serial.Text(16))
}

// splitSerialIssuer reads SN=<hex>,CA=<name>. The number is compared as a
// number, so its case and leading zeros are free; a prefix is not.
func splitSerialIssuer(keyID string) (*big.Int, string, error) {
	rest, ok := strings.CutPrefix(keyID, "SN=")
	if !ok {
		return nil, "", errors.New("keyId does not begin with SN=")
	}
	number, issuer, ok := strings.Cut(rest, ",CA=")
	if !ok {
		return nil, "", errors.New("keyId has no ,CA= behind the serial number")
	}
	if number == "" || strings.Trim(number, "0123456789abcdefABCDEF") != "" {
		return nil, "", errors.New("the serial number in keyId is not plain hexadecimal without prefix")
	}
	serial, ok := new(big.Int).SetString(number, 16)
	if !ok {
		return nil, "", errors.New("the serial number in keyId is not plain hexadecimal without prefix")
	}
	return serial, issuer, nil
}

// matchIssuer compares the CA part of a keyId with the certificate's issuer.
// Spaces may be written %20, as the Berlin Group's example does.
func matchIssuer(cert *x509.Certificate, issuer string) error {
	want, err := gatewayName(cert.RawIssuer)
	if err != nil {
		return err
	}
	// A writer that does not escape the name's own backslashes for the quoted
	// parameter has them read as escapes.
	asRead, _, err := quoted(want + `"`)
	if err != nil {
		asRead = want
	}
	for _, form := range []string{want, strings.ReplaceAll(want, " ", "%20"), asRead} {
		if issuer == form {
			return nil
		}
	}
	return fmt.Errorf("the CA in keyId is not the issuer of the QSEAL certificate with serial number %s: expected %q",
		cert.SerialNumber.Text(16), want)
}
