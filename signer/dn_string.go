package signer

import (
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// String types that encoding/asn1 has no name for.
const (
	tagVisibleString   = 26
	tagUniversalString = 28
)

// isJDKString says which types java.security takes for text (AVA.isDerString).
func isJDKString(tag int) bool {
	switch tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagT61String, asn1.TagIA5String, asn1.TagGeneralString, asn1.TagBMPString, tagUniversalString:
		return true
	}
	return false
}

// isOpenSSLString says which types OpenSSL takes for text (a_strex.c, tag2nbyte).
func isOpenSSLString(tag int) bool {
	switch tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagT61String, asn1.TagIA5String, asn1.TagNumericString, asn1.TagUTCTime, asn1.TagGeneralizedTime, tagVisibleString, asn1.TagBMPString, tagUniversalString:
		return true
	}
	return false
}

var errNotText = errors.New("the value is not valid for its string type")

// decodeString turns the content of an ASN.1 string into UTF-8. T61String is
// read as ISO 8859-1, as every tool does.
func decodeString(tag int, content []byte) (string, error) {
	switch tag {
	case asn1.TagUTF8String:
		if !utf8.Valid(content) {
			return "", errNotText
		}
		return string(content), nil
	case asn1.TagT61String:
		runes := make([]rune, len(content))
		for i, b := range content {
			runes[i] = rune(b)
		}
		return string(runes), nil
	case asn1.TagBMPString:
		return decodeUTF16(content)
	case tagUniversalString:
		return decodeUTF32(content)
	default:
		for _, b := range content {
			if b >= utf8.RuneSelf {
				return "", errNotText
			}
		}
		return string(content), nil
	}
}

func decodeUTF16(content []byte) (string, error) {
	if len(content)%2 != 0 {
		return "", errNotText
	}
	var out strings.Builder
	for i := 0; i < len(content); i += 2 {
		r := rune(binary.BigEndian.Uint16(content[i:]))
		if utf16.IsSurrogate(r) { // BMPString has none by definition
			return "", errNotText
		}
		out.WriteRune(r)
	}
	return out.String(), nil
}

func decodeUTF32(content []byte) (string, error) {
	if len(content)%4 != 0 {
		return "", errNotText
	}
	var out strings.Builder
	for i := 0; i < len(content); i += 4 {
		u := binary.BigEndian.Uint32(content[i:])
		if u > utf8.MaxRune || !utf8.ValidRune(rune(u)) {
			return "", errNotText
		}
		out.WriteRune(rune(u))
	}
	return out.String(), nil
}
