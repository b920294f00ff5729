package signer

import (
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// attribute is one type and value of a relative distinguished name, with the
// value's own bytes: its string tag shows in the JDK's "#0c…" form.
type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

// relativeNameSET is a relative distinguished name; encoding/asn1 takes the
// type for a SET by the end of its name.
type relativeNameSET []attribute

// dialect is one tool's way to write a distinguished name.
type dialect struct {
	// keywords are the names of attribute types; the others are written as
	// prefix + the object identifier in dots.
	keywords map[string]string
	prefix   string
	// equals, plus and comma stand between type and value, between the
	// attributes of one RDN and between RDNs.
	equals, plus, comma string
	// certificateOrder keeps the RDNs in the certificate's order, the
	// others begin with the last (RFC 2253 section 2.1).
	certificateOrder bool
	// flat turns the order of attributes inside an RDN round as well, where
	// that of the RDNs is: OpenSSL walks its flat list of attributes backwards.
	flat bool
	// isString are the ASN.1 string types written as text; others are
	// written as "#" and the hexadecimal of their DER.
	isString func(tag int) bool
	// hexUnknown writes the values of types without a keyword as "#…" too.
	hexUnknown bool
	// hex writes "#…" digits: in lower case (JDK) or upper case (OpenSSL).
	hex func([]byte) string
	// escape writes a text value.
	escape func(string) string
}

func lowerHex(b []byte) string { return "#" + hex.EncodeToString(b) }
func upperHex(b []byte) string { return strings.ToUpper(lowerHex(b)) }

// dialectByName returns the dialect of that name; see [KeyID.DN].
func dialectByName(name string) (dialect, bool) {
	jdk := dialect{equals: "=", plus: "+", comma: ",", isString: isJDKString, hexUnknown: true, hex: lowerHex, escape: escapeJDK2253, keywords: jdk2253Keywords}
	openssl := dialect{equals: "=", plus: "+", comma: ",", flat: true, isString: isOpenSSLString, hexUnknown: true, hex: upperHex, escape: escapeOpenSSL, keywords: opensslKeywords}
	switch name {
	case "", "rfc2253-jdk":
	case "rfc2253-jdk-keyword":
		jdk.keywords = jdk2253WithOrgID
	case "rfc1779":
		jdk = dialect{equals: "=", plus: " + ", comma: ", ", prefix: "OID.", isString: isJDKString, hex: lowerHex, escape: escapeJDKQuoting, keywords: jdk1779Keywords}
	case "jdk-tostring":
		jdk = dialect{equals: "=", plus: " + ", comma: ", ", prefix: "OID.", isString: isJDKString, hex: lowerHex, escape: escapeJDKQuoting, keywords: jdkKeywords}
	case "openssl":
		return openssl, true
	case "openssl-utf8":
		openssl.escape = escapeOpenSSLUTF8
		return openssl, true
	case "openssl-oneline":
		openssl.equals, openssl.plus, openssl.comma = " = ", " + ", ", "
		openssl.certificateOrder, openssl.hexUnknown = true, false
		openssl.escape = escapeOpenSSLQuoting
		return openssl, true
	case "rfc4514":
		return dialect{equals: "=", plus: "+", comma: ",", isString: isOpenSSLString, hex: lowerHex, escape: escape4514, keywords: rfc4514Keywords}, true
	default:
		return dialect{}, false
	}
	return jdk, true
}

func dialectNames() []string {
	return []string{"rfc2253-jdk", "rfc2253-jdk-keyword", "rfc1779", "jdk-tostring", "openssl", "openssl-utf8", "openssl-oneline", "rfc4514"}
}

// RenderDN writes a distinguished name, given as DER (x509.Certificate's
// RawIssuer or RawSubject), in one of the dialects that [KeyID.DN] lists
// ("literal" excepted; "" is "rfc2253-jdk"). With reverse the order of the
// RDNs is turned round.
//
// The DER is needed because pkix.Name loses attribute types it does not know
// (organizationIdentifier among them), their place, and string types. Whatever
// cannot be written faithfully, and control characters that the dialect leaves
// as they are, is an error that wraps [ErrKey].
func RenderDN(rawDN []byte, dialect string, reverse bool) (string, error) {
	d, ok := dialectByName(dialect)
	if !ok {
		return "", fmt.Errorf("%w: signature.key_id.dn: %q is not a dialect", ErrSpec, dialect)
	}
	var name []relativeNameSET
	if rest, err := asn1.Unmarshal(rawDN, &name); err != nil {
		return "", fmt.Errorf("%w: malformed distinguished name: %w", ErrKey, err)
	} else if len(rest) > 0 {
		return "", fmt.Errorf("%w: malformed distinguished name: trailing bytes", ErrKey)
	}
	if d.certificateOrder == reverse {
		slices.Reverse(name)
		if d.flat {
			for _, rdn := range name {
				slices.Reverse(rdn)
			}
		}
	}
	var out strings.Builder
	for i, rdn := range name {
		if i > 0 {
			out.WriteString(d.comma)
		}
		for j, attr := range rdn {
			if j > 0 {
				out.WriteString(d.plus)
			}
			if err := d.write(&out, attr); err != nil {
				return "", err
			}
		}
	}
	if s := out.String(); strings.IndexFunc(s, unicode.IsControl) < 0 {
		return s, nil
	}
	return "", fmt.Errorf("%w: the distinguished name holds a control character", ErrKey)
}

func (d *dialect) write(out *strings.Builder, attr attribute) error {
	oid := attr.Type.String()
	keyword, known := d.keywords[oid]
	if !known {
		keyword = d.prefix + oid
	}
	out.WriteString(keyword)
	out.WriteString(d.equals)
	v := attr.Value
	if !known && d.hexUnknown || v.Class != asn1.ClassUniversal || v.IsCompound || !d.isString(v.Tag) {
		out.WriteString(d.hex(v.FullBytes))
		return nil
	}
	text, err := decodeString(v.Tag, v.Bytes)
	if err != nil {
		return fmt.Errorf("%w: distinguished name, attribute %s: %w", ErrKey, oid, err)
	}
	out.WriteString(d.escape(text))
	return nil
}
