package certs

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
)

// Describe reads what a certificate says about the TPP: the organizationIdentifier
// of the subject and the qcStatements extension (RFC 3739 section 3.2.6, ETSI EN
// 319 412-5, ETSI TS 119 495). A certificate without them gives an empty Info.
//
// It is as tolerant as banks have to be: a statement that deviates is noted in
// Info.Odd and the rest is still read. The error says that the extension as a
// whole cannot be decoded; Info then holds what was read before.
func Describe(certificate *x509.Certificate) (Info, error) {
	var info Info
	info.readSubject(certificate)
	for _, extension := range certificate.Extensions {
		if extension.Id.String() == "1.3.6.1.5.5.7.1.3" {
			return info, info.readStatements(extension.Value)
		}
	}
	return info, nil
}

func (i *Info) odd(format string, args ...any) {
	i.Odd = append(i.Odd, fmt.Sprintf(format, args...))
}

func (i *Info) readSubject(certificate *x509.Certificate) {
	for _, attribute := range certificate.Subject.Names {
		if attribute.Type.String() != "2.5.4.97" {
			continue
		}
		value, ok := attribute.Value.(string)
		switch {
		case !ok:
			i.odd("organizationIdentifier is not a string")
		case i.OrganizationIdentifier != "":
			i.odd("there is more than one organizationIdentifier")
		default:
			i.OrganizationIdentifier = value
		}
	}
}

var errStatements = errors.New("the qcStatements extension cannot be decoded")

func (i *Info) readStatements(der []byte) error {
	rest, trailing, err := sequence(der)
	if err != nil {
		return errStatements
	}
	if len(trailing) > 0 {
		i.odd("bytes follow the qcStatements")
	}
	for number := 1; len(rest) > 0; number++ {
		var statement asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &statement); err != nil {
			return errStatements
		}
		i.readStatement(number, statement.FullBytes)
	}
	return nil
}

// readStatement reads SEQUENCE { statementId, statementInfo OPTIONAL }.
func (i *Info) readStatement(number int, der []byte) {
	body, _, err := sequence(der)
	var id asn1.ObjectIdentifier
	if err == nil {
		body, err = asn1.Unmarshal(body, &id)
	}
	if err != nil {
		i.odd("statement %d of the qcStatements cannot be decoded", number)
		return
	}
	switch id.String() {
	case "0.4.0.1862.1.1":
		i.QcCompliance = true
		if len(body) > 0 {
			i.odd("QcCompliance has a statementInfo") // an empty UTF8String, seen in sandbox certificates
		}
	case "0.4.0.1862.1.4":
		i.QcSSCD = true
		if len(body) > 0 {
			i.odd("QcSSCD has a statementInfo")
		}
	case "0.4.0.1862.1.6":
		i.readTypes(body)
	case "0.4.0.19495.2":
		i.readPSD2(body)
	}
}

func (i *Info) readTypes(der []byte) {
	var ids []asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(der, &ids); err != nil || len(rest) > 0 {
		i.odd("QcType cannot be decoded")
		return
	}
	for _, id := range ids {
		if t := qcTypeOf(id); !slices.Contains(i.Types, t) {
			i.Types = append(i.Types, t)
		}
	}
}

// readPSD2 reads SEQUENCE { rolesOfPSP, nCAName, nCAId } part by part, so that an
// odd role does not hide the authority.
func (i *Info) readPSD2(der []byte) {
	if i.HasPSD2 {
		i.odd("there is more than one PSD2 statement")
	}
	i.HasPSD2 = true
	body, trailing, err := sequence(der)
	var roles asn1.RawValue
	if err == nil {
		body, err = asn1.Unmarshal(body, &roles)
	}
	if err != nil {
		i.odd("the PSD2 statement cannot be decoded")
		return
	}
	i.readRoles(roles.FullBytes)
	if body, err = asn1.Unmarshal(body, &i.NCAName); err == nil {
		body, err = asn1.Unmarshal(body, &i.NCAID)
	}
	switch {
	case err != nil:
		i.odd("the competent authority in the PSD2 statement cannot be decoded")
	case len(body) > 0 || len(trailing) > 0:
		i.odd("bytes follow the PSD2 statement")
	}
}

// readRoles reads SEQUENCE OF SEQUENCE { OID, UTF8String }. The object identifier
// counts, the name is for people.
func (i *Info) readRoles(der []byte) {
	rest, _, err := sequence(der)
	for err == nil && len(rest) > 0 {
		var entry struct {
			ID   asn1.ObjectIdentifier
			Name string
		}
		if rest, err = asn1.Unmarshal(rest, &entry); err != nil {
			break
		}
		role, known := roleOf(entry.ID)
		switch {
		case !known:
			i.odd("unknown PSD2 role %s", entry.ID)
			continue
		case entry.Name != string(role):
			i.odd("PSD2 role %s has the name %q", role, entry.Name)
		}
		if !i.HasRole(role) {
			i.Roles = append(i.Roles, role)
		}
	}
	if err != nil {
		i.odd("the roles in the PSD2 statement cannot be decoded")
	}
}

// sequence gives the content of a SEQUENCE and what follows it.
func sequence(der []byte) (content, rest []byte, err error) {
	var value asn1.RawValue
	if rest, err = asn1.Unmarshal(der, &value); err != nil {
		return nil, nil, err
	}
	if value.Class != asn1.ClassUniversal || value.Tag != asn1.TagSequence || !value.IsCompound {
		return nil, nil, errors.New("not a SEQUENCE")
	}
	return value.Bytes, rest, nil
}
