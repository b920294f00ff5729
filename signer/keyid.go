package signer

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/jws"
)

const fingerprintPlaceholder = "{fingerprint}"

// certificateForms are the forms of keyId that are made from the certificate.
var certificateForms = [...]string{"serial-issuer", "serial", "serial-prefixed", "certificate-url", "certificate", "thumbprint", "x5t#S256"}

func (k KeyID) withDefaults() KeyID {
	fill(&k.Form, "serial-issuer")
	fill(&k.Serial, "hex")
	fill(&k.Name, "issuer")
	fill(&k.DN, "rfc2253-jdk")
	fill(&k.Charset, "utf-8")
	fill(&k.Spaces, "keep")
	fill(&k.Fingerprint, "sha-256")
	fill(&k.FingerprintOf, "der")
	fill(&k.Escape, "quoted-string")
	return k
}

func (c *checker) keyID(k *KeyID) {
	c.oneOf("key_id.form", k.Form, append(slices.Clone(certificateForms[:]), "client-id", "literal")...)
	c.oneOf("key_id.serial", k.Serial, "hex", "hex-upper", "hex-padded", "hex-upper-padded", "hex-der", "hex-upper-der", "decimal")
	c.oneOf("key_id.name", k.Name, "issuer", "subject")
	c.oneOf("key_id.dn", k.DN, append(dialectNames(), "literal")...)
	c.oneOf("key_id.charset", k.Charset, "utf-8", "iso-8859-1")
	c.oneOf("key_id.spaces", k.Spaces, "keep", "remove", "percent")
	c.oneOf("key_id.fingerprint", k.Fingerprint, "sha-256", "sha-512/160")
	c.oneOf("key_id.fingerprint_of", k.FingerprintOf, "der", "pem")
	c.oneOf("key_id.escape", k.Escape, "quoted-string", none)
	if k.Form == "certificate-url" && k.URL == "" {
		c.fail("key_id.url", "is missing; it is the certificate's address, with %s where the bank wants the fingerprint", fingerprintPlaceholder)
	}
	if k.Value == "" && (k.Form == "literal" || k.Form == "serial-issuer" && k.DN == "literal") {
		c.fail("key_id.value", `is missing although "literal" asks for it`)
	}
	if hasControl(k.Value, false) || hasControl(k.URL, false) {
		c.fail("key_id", "value or url holds a control character")
	}
}

// KeyIDFor makes the keyId of cred as spec wants it, before any quoting. The
// result may hold non-ASCII characters, in UTF-8 or as Charset says, if the distinguished name
// does and the dialect keeps them ("rfc2253-jdk", "rfc1779", "jdk-tostring",
// "openssl-utf8", "rfc4514"): gateways compare with exactly that. It never
// holds a control character. Errors wrap [ErrSpec] or [ErrKey].
func KeyIDFor(spec KeyID, cred Credentials) (string, error) {
	k := spec.withDefaults()
	var c checker
	if c.keyID(&k); len(c.errs) > 0 {
		return "", c.errs[0]
	}
	id, err := k.build(cred)
	if err != nil {
		return "", err
	}
	if id == "" {
		return "", fmt.Errorf("%w: signature.key_id: form %q comes out empty", ErrKey, k.Form)
	}
	if hasControl(id, false) {
		return "", fmt.Errorf("%w: signature.key_id: form %q holds a control character", ErrKey, k.Form)
	}
	if k.Charset == "iso-8859-1" {
		return latin1(id)
	}
	return id, nil
}

// latin1 writes each character as one byte.
func latin1(id string) (string, error) {
	out := make([]byte, 0, len(id))
	for _, r := range id {
		// U+0080 to U+009F are control characters there.
		if r > 0xff || r >= 0x80 && r < 0xa0 {
			return "", fmt.Errorf("%w: signature.key_id.charset: %q is no character of iso-8859-1", ErrSpec, r)
		}
		out = append(out, byte(r))
	}
	return string(out), nil
}

func (k *KeyID) build(cred Credentials) (string, error) {
	switch k.Form {
	case "literal":
		return k.Value, nil
	case "client-id":
		if cred.ClientID == "" {
			return "", fmt.Errorf(`%w: signature.key_id.form is "client-id" but no client_id is configured`, ErrSpec)
		}
		return cred.ClientID, nil
	}
	cert := cred.Certificate
	if cert == nil {
		return "", fmt.Errorf("%w: signature.key_id.form %q needs a certificate", ErrKey, k.Form)
	}
	switch k.Form {
	case "certificate":
		return base64.StdEncoding.EncodeToString(cert.Raw), nil
	case "thumbprint":
		return k.fingerprint(cert)
	case "x5t#S256":
		return jws.Thumbprint(cert), nil
	case "certificate-url":
		fp, err := k.fingerprint(cert)
		return strings.ReplaceAll(k.URL, fingerprintPlaceholder, fp), err
	}
	serial, err := k.serial(cert)
	switch {
	case err != nil || k.Form == "serial":
		return serial, err
	case k.Form == "serial-prefixed":
		return "SN=" + serial, nil
	}
	dn, err := k.name(cert)
	return "SN=" + serial + ",CA=" + dn, err
}

func (k *KeyID) serial(cert *x509.Certificate) (string, error) {
	n := cert.SerialNumber
	if n == nil || n.Sign() < 0 {
		return "", fmt.Errorf("%w: the certificate's serial number is missing or negative", ErrKey)
	}
	var s string
	switch {
	case k.Serial == "decimal":
		return n.String(), nil
	case strings.HasSuffix(k.Serial, "-padded"), strings.HasSuffix(k.Serial, "-der"):
		b := n.Bytes()
		if len(b) == 0 || strings.HasSuffix(k.Serial, "-der") && b[0] >= 0x80 {
			b = append([]byte{0}, b...) // DER integers are signed
		}
		s = hex.EncodeToString(b)
	default:
		s = n.Text(16)
	}
	if strings.HasPrefix(k.Serial, "hex-upper") {
		s = strings.ToUpper(s)
	}
	return s, nil
}

func (k *KeyID) name(cert *x509.Certificate) (string, error) {
	dn := k.Value
	if k.DN != "literal" {
		raw := cert.RawIssuer
		if k.Name == "subject" {
			raw = cert.RawSubject
		}
		var err error
		if dn, err = RenderDN(raw, k.DN, k.Reverse); err != nil {
			return "", err
		}
	}
	if dn == "" {
		return "", fmt.Errorf("%w: the certificate's %s name is empty", ErrKey, k.Name)
	}
	switch k.Spaces {
	case "remove":
		// An escaped space goes with its backslash, which would otherwise
		// escape the next character.
		dn = strings.ReplaceAll(strings.ReplaceAll(dn, `\ `, ""), " ", "")
	case "percent":
		dn = strings.ReplaceAll(dn, " ", "%20")
	}
	if k.PercentCommas {
		dn = strings.ReplaceAll(dn, ",", "%2C")
	}
	return dn, nil
}

func (k *KeyID) fingerprint(cert *x509.Certificate) (string, error) {
	data := cert.Raw
	if k.FingerprintOf == "pem" {
		data = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	var sum []byte
	if k.Fingerprint == "sha-512/160" {
		var err error
		if sum, err = sha512t160(data); err != nil {
			return "", err
		}
	} else {
		h := sha256.Sum256(data)
		sum = h[:]
	}
	text := hex.EncodeToString(sum)
	if !k.FingerprintColons {
		return text, nil
	}
	pairs := make([]string, len(sum))
	for i := range pairs {
		pairs[i] = text[2*i : 2*i+2]
	}
	return strings.Join(pairs, ":"), nil
}

// quote writes the keyId for between quotation marks; see [KeyID.Escape].
func (k *KeyID) quote(id string) (string, error) {
	if k.Escape != none {
		return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(id), nil
	}
	if strings.Contains(id, `"`) || strings.HasSuffix(id, `\`) {
		return "", fmt.Errorf(`%w: signature.key_id.escape "none" cannot be used: the keyId holds a quotation mark or ends in a backslash`, ErrSpec)
	}
	return id, nil
}
