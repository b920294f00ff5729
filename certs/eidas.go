package certs

import (
	"encoding/asn1"
	"fmt"
	"slices"
)

// QcType is what a qualified certificate is for (ETSI EN 319 412-5 section 4.2.3):
// one of the constants, or the dotted form of an unknown object identifier.
type QcType string

// The types of qualified certificates.
const (
	QcTypeESign QcType = "esign" // 0.4.0.1862.1.6.1, natural persons
	QcTypeESeal QcType = "eseal" // 0.4.0.1862.1.6.2, QSEAL
	QcTypeWeb   QcType = "web"   // 0.4.0.1862.1.6.3, QWAC
)

// Role is a role of a payment service provider (ETSI TS 119 495 section 5.1).
type Role string

// The roles of payment service providers.
const (
	RoleAS Role = "PSP_AS" // account servicing, 0.4.0.19495.1.1
	RolePI Role = "PSP_PI" // payment initiation, 0.4.0.19495.1.2
	RoleAI Role = "PSP_AI" // account information, 0.4.0.19495.1.3
	RoleIC Role = "PSP_IC" // issuing of card-based payment instruments, 0.4.0.19495.1.4
)

// ParseRole gives the role of a name such as "PSP_AI".
func ParseRole(name string) (Role, error) {
	switch role := Role(name); role {
	case RoleAS, RolePI, RoleAI, RoleIC:
		return role, nil
	}
	return "", fmt.Errorf("unknown PSD2 role %q: use PSP_AS, PSP_PI, PSP_AI or PSP_IC", name)
}

// Info is what a certificate says about the TPP.
type Info struct {
	// Types are the QcTypes. Empty: the certificate does not say.
	Types []QcType
	// Roles are the PSD2 roles.
	Roles []Role
	// NCAName and NCAID name the competent authority: "Financial Conduct
	// Authority", "GB-FCA".
	NCAName, NCAID string
	// OrganizationIdentifier is 2.5.4.97 of the subject, such as
	// "PSDFR-ACPR-12345". Banks use it as client_id.
	OrganizationIdentifier string
	// HasPSD2 says that there is a PSD2 statement.
	HasPSD2 bool
	// QcCompliance says that the certificate claims to be an EU qualified one.
	QcCompliance bool
	// QcSSCD says that the key is in a qualified signature creation device.
	QcSSCD bool
	// Odd lists where the certificate deviates from the standards. Real
	// certificates do; what could be read is in the other fields.
	Odd []string
}

// HasRole says whether the certificate holds the role.
func (i Info) HasRole(role Role) bool { return slices.Contains(i.Roles, role) }

func qcTypeOf(id asn1.ObjectIdentifier) QcType {
	switch id.String() {
	case "0.4.0.1862.1.6.1":
		return QcTypeESign
	case "0.4.0.1862.1.6.2":
		return QcTypeESeal
	case "0.4.0.1862.1.6.3":
		return QcTypeWeb
	}
	return QcType(id.String())
}

func roleOf(id asn1.ObjectIdentifier) (Role, bool) {
	switch id.String() {
	case "0.4.0.19495.1.1":
		return RoleAS, true
	case "0.4.0.19495.1.2":
		return RolePI, true
	case "0.4.0.19495.1.3":
		return RoleAI, true
	case "0.4.0.19495.1.4":
		return RoleIC, true
	}
	return "", false
}
