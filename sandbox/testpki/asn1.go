package testpki

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
)

var (
	// ETSI EN 319 412-5 and RFC 3739 section 3.2.6.
	oidQcStatements = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 3}
	oidQcCompliance = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 1}
	oidQcPDS        = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 5}
	oidQcType       = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6}
	oidQcTypeESeal  = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 2}
	oidQcTypeWeb    = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 3}

	// ETSI TS 119 495 section 5.
	oidPSD2 = asn1.ObjectIdentifier{0, 4, 0, 19495, 2}

	oidCountry                = asn1.ObjectIdentifier{2, 5, 4, 6}
	oidOrganization           = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidCommonName             = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidOrganizationIdentifier = asn1.ObjectIdentifier{2, 5, 4, 97}
)

func roleOID(role string) (asn1.ObjectIdentifier, error) {
	switch role {
	case "PSP_AS":
		return asn1.ObjectIdentifier{0, 4, 0, 19495, 1, 1}, nil
	case "PSP_PI":
		return asn1.ObjectIdentifier{0, 4, 0, 19495, 1, 2}, nil
	case "PSP_AI":
		return asn1.ObjectIdentifier{0, 4, 0, 19495, 1, 3}, nil
	case "PSP_IC":
		return asn1.ObjectIdentifier{0, 4, 0, 19495, 1, 4}, nil
	}
	return nil, fmt.Errorf("testpki: unknown PSD2 role %q", role)
}

type statement struct {
	ID   asn1.ObjectIdentifier
	Info asn1.RawValue `asn1:"optional"`
}

type psd2Info struct {
	Roles   []psd2Role
	NCAName string `asn1:"utf8"`
	NCAID   string `asn1:"utf8"`
}

type psd2Role struct {
	ID   asn1.ObjectIdentifier
	Name string `asn1:"utf8"`
}

type pdsLocation struct {
	URL      string `asn1:"ia5"`
	Language string `asn1:"printable"`
}

// encodeStatements is the value of the qcStatements extension that the profile
// asks for.
func (p *Profile) encodeStatements() ([]byte, error) {
	types := p.QcTypes
	if types == nil {
		types = []asn1.ObjectIdentifier{oidQcTypeWeb}
		if p.Kind == QSEAL {
			types = []asn1.ObjectIdentifier{oidQcTypeESeal}
		}
	}
	list := newStatementList()
	list.add(oidQcCompliance, nil)
	if len(types) > 0 {
		list.add(oidQcType, types)
	}
	list.add(oidQcPDS, []pdsLocation{{URL: "https://qtsp.example/pds", Language: "en"}})
	if len(p.Roles) > 0 || p.NCAName != "" || p.NCAID != "" {
		info, err := p.psd2()
		if err != nil {
			return nil, err
		}
		list.add(oidPSD2, info)
	}
	for _, der := range p.ExtraStatements {
		list.raw = append(list.raw, asn1.RawValue{FullBytes: der})
	}
	return list.encode()
}

func (p *Profile) psd2() (psd2Info, error) {
	info := psd2Info{NCAName: p.NCAName, NCAID: p.NCAID}
	for _, role := range p.Roles {
		oid, err := roleOID(role)
		if err != nil {
			return info, err
		}
		info.Roles = append(info.Roles, psd2Role{ID: oid, Name: role})
	}
	return info, nil
}

// statementList gathers statements and keeps the first error until the end.
type statementList struct {
	raw []asn1.RawValue
	err error
}

func newStatementList() *statementList { return &statementList{} }

// add appends a statement; info nil means one without statementInfo.
func (l *statementList) add(id asn1.ObjectIdentifier, info any) {
	if l.err != nil {
		return
	}
	s := statement{ID: id}
	if info != nil {
		if s.Info.FullBytes, l.err = asn1.Marshal(info); l.err != nil {
			return
		}
	}
	var der []byte
	if der, l.err = asn1.Marshal(s); l.err == nil {
		l.raw = append(l.raw, asn1.RawValue{FullBytes: der})
	}
}

func (l *statementList) encode() ([]byte, error) {
	if l.err != nil {
		return nil, fmt.Errorf("testpki: encode qcStatements: %w", l.err)
	}
	der, err := asn1.Marshal(l.raw)
	if err != nil {
		return nil, fmt.Errorf("testpki: encode qcStatements: %w", err)
	}
	return der, nil
}

// encodeName makes a distinguished name in the order of real QTSPs: country,
// organization, organizationIdentifier, common name. It is built by hand since
// pkix.Name would put the organizationIdentifier last and choose its string type.
func encodeName(country, organization, organizationIdentifier, commonName string) ([]byte, error) {
	var name pkix.RDNSequence
	add := func(id asn1.ObjectIdentifier, value any) {
		name = append(name, pkix.RelativeDistinguishedNameSET{{Type: id, Value: value}})
	}
	utf8 := func(s string) asn1.RawValue { return asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(s)} }
	if country != "" {
		add(oidCountry, asn1.RawValue{Tag: asn1.TagPrintableString, Bytes: []byte(country)}) // X.520: PrintableString
	}
	if organization != "" {
		add(oidOrganization, utf8(organization))
	}
	if organizationIdentifier != "" {
		add(oidOrganizationIdentifier, utf8(organizationIdentifier))
	}
	if commonName != "" {
		add(oidCommonName, utf8(commonName))
	}
	der, err := asn1.Marshal(name)
	if err != nil {
		return nil, fmt.Errorf("testpki: encode name: %w", err)
	}
	return der, nil
}
