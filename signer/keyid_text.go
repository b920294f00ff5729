package signer

import "strings"

// Text says in words how a keyId is made, for people who compare it with what a
// bank expects.
func (k KeyID) Text() string {
	k = k.withDefaults()
	switch k.Form {
	case "literal":
		return "the configured text, as it is"
	case "client-id":
		return "the client_id"
	case "certificate":
		return "base64 of the QSEAL certificate's DER"
	case "x5t#S256":
		return "base64url of the SHA-256 of the QSEAL certificate's DER"
	case "thumbprint":
		return k.fingerprintText()
	case "certificate-url":
		if !strings.Contains(k.URL, fingerprintPlaceholder) {
			return "the configured address of the QSEAL certificate"
		}
		return "the configured address of the QSEAL certificate, with " + k.fingerprintText()
	case "serial":
		return k.serialText()
	case "serial-prefixed":
		return "SN= and " + k.serialText()
	}
	return "SN= and " + k.serialText() + ", CA= and " + k.nameText()
}

func (k *KeyID) serialText() string {
	text := "the QSEAL certificate's serial number in "
	switch k.Serial {
	case "decimal":
		return text + "decimal"
	case "hex-upper", "hex-upper-padded", "hex-upper-der":
		text += "upper-case hexadecimal"
	default:
		text += "lower-case hexadecimal"
	}
	switch {
	case strings.HasSuffix(k.Serial, "-padded"):
		return text + ", in whole bytes"
	case strings.HasSuffix(k.Serial, "-der"):
		return text + ", with the leading 00 of its DER form"
	}
	return text
}

// dialectTexts say what writes a distinguished name so.
var dialectTexts = map[string]string{
	"rfc2253-jdk":         "as Java's X500Principal.getName() writes it",
	"rfc2253-jdk-keyword": "as Java's X500Principal.getName() writes it, with organizationIdentifier by name",
	"rfc1779":             "as Java writes it after RFC 1779",
	"jdk-tostring":        "as Java's X500Principal.toString() writes it",
	"openssl":             "as openssl writes it with -nameopt RFC2253",
	"openssl-utf8":        "as openssl writes it with -nameopt RFC2253,utf8,-esc_msb",
	"openssl-oneline":     "as openssl 3 writes it by default",
	"rfc4514":             "after RFC 4514, with numbers for unknown types",
	"literal":             "as configured",
}

func (k *KeyID) nameText() string {
	text := "its " + k.Name + "'s name, " + dialectTexts[k.DN]
	if k.Reverse {
		text += ", in the other order"
	}
	switch k.Spaces {
	case "remove":
		text += ", without blanks"
	case "percent":
		text += ", with %20 for blanks"
	}
	if k.PercentCommas {
		text += ", with %2C for commas"
	}
	if k.Charset == "iso-8859-1" {
		text += ", in ISO 8859-1"
	}
	return text
}

func (k *KeyID) fingerprintText() string {
	text := "the " + strings.ToUpper(k.Fingerprint) + " of its " + strings.ToUpper(k.FingerprintOf) + " in hexadecimal"
	if k.FingerprintColons {
		text += ", with colons"
	}
	return text
}
