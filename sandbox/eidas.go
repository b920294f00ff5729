package sandbox

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Object identifiers of ETSI EN 319 412-5 and ETSI TS 119 495.
const (
	oidQCStatements = "1.3.6.1.5.5.7.1.3"
	oidQCType       = "0.4.0.1862.1.6"
	oidQCTypeSeal   = "0.4.0.1862.1.6.2"
	oidQCTypeWeb    = "0.4.0.1862.1.6.3"
	oidPSD2         = "0.4.0.19495.2"
	oidOrgID        = "2.5.4.97"
)

// roleName gives the PSD2 role for its identifier (ETSI TS 119 495 annex A).
func roleName(oid string) string {
	switch oid {
	case "0.4.0.19495.1.1":
		return "PSP_AS"
	case "0.4.0.19495.1.2":
		return "PSP_PI"
	case "0.4.0.19495.1.3":
		return "PSP_AI"
	case "0.4.0.19495.1.4":
		return "PSP_IC"
	}
	return oid
}

// qualified is what the bank wants to know about a qualified certificate.
type qualified struct {
	Cert       *x509.Certificate
	Types      []string // QcType identifiers
	Roles      []string // PSP_AS, PSP_PI, PSP_AI, PSP_IC
	OrgID      string   // organizationIdentifier of the subject
	Thumbprint [sha256.Size]byte
	Issuers    []*x509.Certificate // what came along to build its chain
}

func (q *qualified) web() bool  { return slices.Contains(q.Types, oidQCTypeWeb) }
func (q *qualified) seal() bool { return slices.Contains(q.Types, oidQCTypeSeal) }

// inspect reads a certificate's QcStatements and organizationIdentifier.
func inspect(cert *x509.Certificate) (*qualified, error) {
	q := &qualified{Cert: cert, Thumbprint: sha256.Sum256(cert.Raw)}
	name, err := parseName(cert.RawSubject)
	if err != nil {
		return q, err
	}
	for _, rdn := range name {
		for _, attr := range rdn {
			if attr.OID == oidOrgID {
				q.OrgID = attr.Text
			}
		}
	}
	for _, ext := range cert.Extensions {
		if ext.Id.String() == oidQCStatements {
			return q, q.statements(ext.Value)
		}
	}
	return q, errors.New("the certificate has no qcStatements extension, so it is no qualified certificate")
}

type qcStatement struct {
	ID   asn1.ObjectIdentifier
	Info asn1.RawValue `asn1:"optional"`
}

func (q *qualified) statements(der []byte) error {
	var list []qcStatement
	if _, err := asn1.Unmarshal(der, &list); err != nil {
		return fmt.Errorf("qcStatements cannot be read: %w", err)
	}
	for _, s := range list {
		switch s.ID.String() {
		case oidQCType:
			var types []asn1.ObjectIdentifier
			if _, err := asn1.Unmarshal(s.Info.FullBytes, &types); err != nil {
				return fmt.Errorf("QcType cannot be read: %w", err)
			}
			for _, t := range types {
				q.Types = append(q.Types, t.String())
			}
		case oidPSD2:
			if err := q.psd2(s.Info.FullBytes); err != nil {
				return err
			}
		}
	}
	return nil
}

// psd2 reads the PSD2 statement (ETSI TS 119 495 section 5.1).
func (q *qualified) psd2(der []byte) error {
	var info struct {
		Roles []struct {
			OID  asn1.ObjectIdentifier
			Name asn1.RawValue
		}
		NCAName, NCAID asn1.RawValue
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return fmt.Errorf("the PSD2 statement cannot be read: %w", err)
	}
	for _, role := range info.Roles {
		q.Roles = append(q.Roles, roleName(role.OID.String()))
	}
	return nil
}

// roleForScope is the PSD2 role that a scope asks of the TPP.
func roleForScope(scope string) string {
	switch scope {
	case "aisp":
		return "PSP_AI"
	case "pisp":
		return "PSP_PI"
	case "cbpii", "piisp":
		return "PSP_IC"
	}
	if strings.HasPrefix(scope, ingScope) {
		return "PSP_AI"
	}
	return ""
}
