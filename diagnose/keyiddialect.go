package diagnose

import (
	"fmt"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/signer"
)

var (
	formWords = map[string]string{
		"serial-issuer": "SN=…,CA=…", "serial": "the serial number alone", "serial-prefixed": "SN=… alone", "client-id": "the client_id",
		"certificate-url": "the certificate's URL", "certificate": "the certificate itself", "thumbprint": "the certificate's fingerprint",
		"literal": "a value of the configuration", "x5t#S256": "the certificate's x5t#S256",
	}
	serialWords = map[string]string{
		"hex": "hexadecimal in lower case", "hex-upper": "hexadecimal in capitals", "hex-padded": "hexadecimal in lower case with whole bytes",
		"hex-upper-padded": "hexadecimal in capitals with whole bytes", "hex-der": "hexadecimal in lower case with the 00 of its DER",
		"hex-upper-der": "hexadecimal in capitals with the 00 of its DER", "decimal": "decimal",
	}
	spaceWords = map[string]string{"keep": "kept", "remove": "removed", "percent": "written as %20"}
)

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// compareKeyID says how the keyId differs from what a dialect wants.
func (c *check) compareKeyID(who string, want signer.KeyID) []Finding {
	if !c.facts.hasKeyID {
		return nil
	}
	form := or(want.Form, "serial-issuer")
	cert := c.certificate()
	expected, err := signer.KeyIDFor(want, signer.Credentials{Certificate: cert, ClientID: c.in.ClientID})
	received := c.facts.keyID
	if want.Escape == "none" {
		received = c.facts.rawKeyID
	}
	if err == nil && expected == received {
		return nil
	}
	evidence := []string{"found", printable(c.facts.keyID)}
	if err == nil && form != "certificate" {
		evidence = append(evidence, "expected", printable(expected))
	}
	best, cost := []Finding(nil), 1<<30
	for _, m := range c.facts.matches {
		if list, n := keyIDDifferences(who, want, m.spec, evidence); n < cost {
			best, cost = list, n
		}
	}
	switch {
	case len(best) > 0:
		return best
	case form == "client-id" && c.in.ClientID == "", form == "literal", form == "serial-issuer" && want.DN == "literal":
		if _, _, madeFromCertificate := splitKeyID(c.facts.keyID); !madeFromCertificate && len(c.facts.matches) == 0 && form != "serial-issuer" {
			return nil // not known here
		}
	case form == "certificate-url" && cert != nil:
		return compareURL(who, want, c, evidence)
	case cert == nil && form != "client-id":
		return nil // nothing to compare with
	}
	if _, _, shaped := splitKeyID(c.facts.keyID); shaped && form == "serial-issuer" {
		if want.DN == "literal" {
			return []Finding{finding(KeyIDDialect, fmt.Sprintf("keyId has another name than %s wants.", who), evidence...)}
		}
		return nil // judged already, whoever the bank is
	}
	return []Finding{finding(KeyIDForm, fmt.Sprintf("keyId is not %s, which %s wants.", formWords[form], who), evidence...)}
}

func compareURL(who string, want signer.KeyID, c *check, evidence []string) []Finding {
	if !strings.Contains(c.facts.keyID, "://") {
		return []Finding{finding(KeyIDForm, fmt.Sprintf("keyId is not %s, which %s wants.", formWords["certificate-url"], who), evidence...)}
	}
	if !strings.Contains(want.URL, "{fingerprint}") {
		return nil // the address is the TPP's own
	}
	want.URL = "{fingerprint}"
	fp, err := signer.KeyIDFor(want, signer.Credentials{Certificate: c.certificate()})
	switch {
	case err != nil || strings.Contains(c.facts.keyID, fp):
		return nil
	case fingerprints(c.certificate(), c.facts.keyID):
		return []Finding{finding(KeyIDFingerprint, fmt.Sprintf("keyId has the certificate's fingerprint made otherwise than %s wants.", who), "found", printable(c.facts.keyID), "expected", fp)}
	}
	return []Finding{finding(KeyIDFingerprint, "keyId has the fingerprint of another certificate, or none.", "found", printable(c.facts.keyID), "expected", fp)}
}

// keyIDDifferences names what differs between two ways to make a keyId; the
// cost orders them by how much that is.
func keyIDDifferences(who string, want, have signer.KeyID, evidence []string) ([]Finding, int) {
	var list []Finding
	cost := 0
	differ := func(weight int, code Code, format string, args ...any) {
		cost += weight
		list = append(list, finding(code, fmt.Sprintf(format, args...), evidence...))
	}
	wantForm, haveForm := or(want.Form, "serial-issuer"), or(have.Form, "serial-issuer")
	if wantForm != haveForm {
		differ(100, KeyIDForm, "keyId is %s, but %s wants %s.", formWords[haveForm], who, formWords[wantForm])
		return list, cost
	}
	if strings.HasPrefix(wantForm, "serial") {
		if w, h := or(want.Serial, "hex"), or(have.Serial, "hex"); w != h {
			differ(2, KeyIDSerial, "keyId has the serial number %s, but %s wants it %s.", serialWords[h], who, serialWords[w])
		}
	}
	if wantForm == "thumbprint" && (or(want.Fingerprint, "sha-256") != have.Fingerprint || or(want.FingerprintOf, "der") != have.FingerprintOf || want.FingerprintColons != have.FingerprintColons) {
		differ(2, KeyIDFingerprint, "keyId has the certificate's fingerprint made otherwise than %s wants.", who)
	}
	if wantForm != "serial-issuer" {
		return list, cost
	}
	if w, h := or(want.Name, "issuer"), or(have.Name, "issuer"); w != h {
		differ(10, KeyIDName, "keyId has the name of the certificate's %s, but %s wants its %s.", h, who, w)
	}
	if want.Reverse != have.Reverse {
		differ(3, KeyIDOrder, "keyId has the name (CA=) in the other order than %s wants.", who)
	}
	if w, h := or(want.DN, "rfc2253-jdk"), have.DN; w != h {
		differ(4, KeyIDDialect, "keyId has the name (CA=) as %s writes it, but %s wants it as %s does.", dnWords(h), who, dnWords(w))
	}
	if w, h := or(want.Spaces, "keep"), or(have.Spaces, "keep"); w != h {
		differ(2, KeyIDSpaces, "keyId has the name (CA=) with spaces %s, but %s wants them %s.", spaceWords[h], who, spaceWords[w])
	}
	if want.PercentCommas != have.PercentCommas {
		word := map[bool]string{true: "%2C", false: "plain commas"}
		differ(2, KeyIDCommas, "keyId has the name (CA=) with %s, but %s wants %s.", word[have.PercentCommas], who, word[want.PercentCommas])
	}
	if w, h := or(want.Charset, "utf-8"), or(have.Charset, "utf-8"); w != h {
		differ(2, KeyIDCharset, "keyId is written in %s, but %s wants %s.", h, who, w)
	}
	if w, h := or(want.Escape, "quoted-string"), or(have.Escape, "quoted-string"); w != h && len(list) == 0 {
		differ(1, KeyIDEscape, "keyId escapes backslashes otherwise than %s wants.", who)
	}
	return list, cost
}

func dnWords(dn string) string {
	return or(map[string]string{
		"rfc2253-jdk": "Java (RFC 2253)", "rfc2253-jdk-keyword": "Java (RFC 2253) with organizationIdentifier=", "rfc1779": "RFC 1779",
		"jdk-tostring": "Java's toString", "openssl": "OpenSSL (RFC 2253)", "openssl-utf8": "OpenSSL (RFC 2253, UTF-8)",
		"openssl-oneline": "OpenSSL on one line", "rfc4514": "RFC 4514", "literal": "configured",
	}[dn], dn)
}
