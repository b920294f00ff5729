package sandbox

import (
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
)

// attribute is one attribute of a distinguished name, with the DER of its
// value as the certificate has it.
type attribute struct {
	OID    string
	DER    []byte
	Text   string
	IsText bool
}

// parseName reads a distinguished name in the certificate's order, keeping
// what pkix.Name loses: order, string types and multi-valued RDNs.
func parseName(der []byte) ([][]attribute, error) {
	var rdns []asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &rdns); err != nil || len(rest) > 0 {
		return nil, errors.New("the distinguished name cannot be read")
	}
	var name [][]attribute
	for _, rdn := range rdns {
		var set []attribute
		for rest := rdn.Bytes; len(rest) > 0; {
			var pair struct {
				OID   asn1.ObjectIdentifier
				Value asn1.RawValue
			}
			var err error
			if rest, err = asn1.Unmarshal(rest, &pair); err != nil {
				return nil, fmt.Errorf("the distinguished name cannot be read: %w", err)
			}
			text, ok := directoryString(pair.Value)
			set = append(set, attribute{pair.OID.String(), pair.Value.FullBytes, text, ok})
		}
		name = append(name, set)
	}
	return name, nil
}

// directoryString decodes the string types found in names.
func directoryString(v asn1.RawValue) (string, bool) {
	if v.Class != asn1.ClassUniversal {
		return "", false
	}
	switch v.Tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagGeneralString:
		return string(v.Bytes), true
	case asn1.TagT61String:
		runes := make([]rune, len(v.Bytes))
		for i, b := range v.Bytes {
			runes[i] = rune(b)
		}
		return string(runes), true
	case asn1.TagBMPString:
		units := make([]uint16, len(v.Bytes)/2)
		for i := range units {
			units[i] = uint16(v.Bytes[2*i])<<8 | uint16(v.Bytes[2*i+1])
		}
		return string(utf16.Decode(units)), true
	}
	return "", false
}

// keyword is the short name RFC 2253 section 2.3 gives an attribute type.
func keyword(oid string) string {
	switch oid {
	case "2.5.4.3":
		return "CN"
	case "2.5.4.6":
		return "C"
	case "2.5.4.7":
		return "L"
	case "2.5.4.8":
		return "ST"
	case "2.5.4.9":
		return "STREET"
	case "2.5.4.10":
		return "O"
	case "2.5.4.11":
		return "OU"
	case "0.9.2342.19200300.100.1.25":
		return "DC"
	case "0.9.2342.19200300.100.1.1":
		return "UID"
	}
	return ""
}

// gatewayName renders a name as the gateways of known banks compare it: the
// text that Java's X500Principal.getName() gives (RFC 2253, last RDN first,
// types without a keyword as OID=#hex of the DER value).
func gatewayName(der []byte) (string, error) {
	name, err := parseName(der)
	if err != nil {
		return "", err
	}
	var rdns []string
	for i := len(name) - 1; i >= 0; i-- {
		var parts []string
		for _, attr := range name[i] {
			key := keyword(attr.OID)
			switch {
			case key == "":
				parts = append(parts, attr.OID+"=#"+hex.EncodeToString(attr.DER))
			case !attr.IsText:
				parts = append(parts, key+"=#"+hex.EncodeToString(attr.DER))
			default:
				parts = append(parts, key+"="+escapeValue(attr.Text))
			}
		}
		rdns = append(rdns, strings.Join(parts, "+"))
	}
	return strings.Join(rdns, ","), nil
}

// escapeValue escapes as Java does: = and # everywhere too.
func escapeValue(text string) string {
	lead := len(text) - len(strings.TrimLeft(text, " "))
	trail := len(strings.TrimRight(text, " "))
	var out strings.Builder
	for i, r := range text {
		if strings.ContainsRune(`,=+<>#;"\`, r) || (r == ' ' && (i < lead || i >= trail)) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}
