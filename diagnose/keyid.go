package diagnose

import (
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/signer"
)

// keyIDMatch is a way to make a keyId that gives the one received.
type keyIDMatch struct {
	spec signer.KeyID
	key  int // index into check.keys
}

var (
	serialForms = [...]string{"hex", "hex-upper", "hex-padded", "hex-upper-padded", "hex-der", "hex-upper-der", "decimal"}
	nameDNs     = [...]string{"rfc2253-jdk", "rfc1779", "openssl", "openssl-utf8", "rfc2253-jdk-keyword", "jdk-tostring", "openssl-oneline", "rfc4514"}
	spaceForms  = [...]string{"keep", "remove", "percent"}
)

// keyIDSpecs calls f with every form of keyId that is made from a certificate,
// but for those with a URL.
func keyIDSpecs(f func(signer.KeyID)) {
	for _, serial := range serialForms {
		f(signer.KeyID{Form: "serial", Serial: serial})
		f(signer.KeyID{Form: "serial-prefixed", Serial: serial})
		for _, name := range []string{"issuer", "subject"} {
			for _, dn := range nameDNs {
				for _, reverse := range []bool{false, true} {
					for _, spaces := range spaceForms {
						for _, commas := range []bool{false, true} {
							f(signer.KeyID{Form: "serial-issuer", Serial: serial, Name: name, DN: dn, Reverse: reverse, Spaces: spaces, PercentCommas: commas})
						}
					}
				}
			}
		}
	}
	f(signer.KeyID{Form: "certificate"})
	for _, of := range []string{"der", "pem"} {
		for _, hash := range []string{"sha-256", "sha-512/160"} {
			for _, colons := range []bool{false, true} {
				f(signer.KeyID{Form: "thumbprint", Fingerprint: hash, FingerprintOf: of, FingerprintColons: colons})
			}
		}
	}
}

// matchKeyID finds every form that gives the keyId received.
func (c *check) matchKeyID() []keyIDMatch {
	var found []keyIDMatch
	for i, k := range c.keys {
		if k.cert == nil {
			continue
		}
		serials := make(map[string]string)
		for _, form := range serialForms {
			serials[form], _ = signer.KeyIDFor(signer.KeyID{Form: "serial", Serial: form}, signer.Credentials{Certificate: k.cert})
		}
		keyIDSpecs(func(spec signer.KeyID) {
			if !strings.Contains(c.facts.keyID, serials[spec.Serial]) {
				return // names are dear to write
			}
			id, err := signer.KeyIDFor(spec, signer.Credentials{Certificate: k.cert})
			switch {
			case err != nil:
			case id == c.facts.keyID:
				found = append(found, keyIDMatch{spec, i})
			case id == c.facts.rawKeyID:
				spec.Escape = "none"
				found = append(found, keyIDMatch{spec, i})
			case toLatin1(id) == c.facts.keyID:
				spec.Charset = "iso-8859-1"
				found = append(found, keyIDMatch{spec, i})
			}
		})
	}
	return found
}

// judgeKeyID compares keyId with the certificates. Against a profile it is
// judged with the dialects; here only what no bank would take is.
func (c *check) judgeKeyID() {
	if !c.facts.hasKeyID {
		return
	}
	c.facts.matches = c.matchKeyID()
	if len(c.facts.matches) > 0 {
		c.judgeNamedCertificate()
		return
	}
	serial, dn, ok := splitKeyID(c.facts.keyID)
	cert := c.certificate()
	switch {
	case cert == nil:
	case ok:
		if c.profile() == nil || c.profile().Spec.KeyID.DN != "literal" {
			c.judgeForeign(cert, serial, dn)
		}
	case fingerprints(cert, c.facts.keyID):
	case c.in.Profile == "":
		c.note("keyId is not made from the certificate (a kid, client_id or the like): whom it names was not judged.")
	}
}

// judgeNamedCertificate compares the certificate that keyId names with the one
// that signed.
func (c *check) judgeNamedCertificate() {
	if c.key == nil || c.key.cert == nil {
		return
	}
	for _, m := range c.facts.matches {
		if c.keys[m.key].cert.Equal(c.key.cert) {
			return
		}
	}
	named := c.keys[c.facts.matches[0].key]
	c.add(stageKeyID, finding(KeyIDOther, fmt.Sprintf("keyId names another certificate (%s) than the one that signed (%s).", named.source, c.key.source), describe(named.cert)...))
}

// certificate is the one that signed, or the first there is.
func (c *check) certificate() *x509.Certificate {
	if c.key != nil && c.key.cert != nil {
		return c.key.cert
	}
	for _, k := range c.keys {
		if k.cert != nil {
			return k.cert
		}
	}
	return nil
}

// splitKeyID reads SN=…,CA=….
func splitKeyID(id string) (serial, dn string, ok bool) {
	rest, ok := strings.CutPrefix(id, "SN=")
	if !ok {
		return "", "", false
	}
	for _, mark := range []string{",CA=", ", CA=", ",%20CA="} {
		if serial, dn, ok = strings.Cut(rest, mark); ok {
			return serial, dn, true
		}
	}
	return "", "", false
}

// judgeForeign says why SN=…,CA=… is no form of the certificate's.
func (c *check) judgeForeign(cert *x509.Certificate, serial, dn string) {
	known := false
	for _, form := range serialForms {
		id, err := signer.KeyIDFor(signer.KeyID{Form: "serial", Serial: form}, signer.Credentials{Certificate: cert})
		known = known || err == nil && strings.EqualFold(id, strings.TrimPrefix(strings.TrimPrefix(serial, "0x"), "0X"))
	}
	if !known && !strings.EqualFold(strings.ReplaceAll(serial, ":", ""), fmt.Sprintf("%x", cert.SerialNumber.Bytes())) {
		c.add(stageKeyID, finding(KeyIDOther, "keyId has the serial number of another certificate.", "found", printable(serial), "expected", cert.SerialNumber.Text(16)))
		return
	}
	if colons := strings.Contains(serial, ":"); colons || strings.HasPrefix(strings.ToLower(serial), "0x") {
		c.add(stageKeyID, finding(KeyIDSerial, "keyId has the serial number in a form that no bank is known to take: with colons or 0x.", "found", printable(serial), "expected", cert.SerialNumber.Text(16)))
		return
	}
	issuer, _ := signer.RenderDN(cert.RawIssuer, "rfc2253-jdk", false)
	evidence := []string{"found", printable(dn), "expected", printable(issuer)}
	if sameName(cert, dn) {
		c.add(stageKeyID, finding(KeyIDDialect, "keyId has the right name, but in a form that no known tool or bank writes.", evidence...))
		return
	}
	c.add(stageKeyID, finding(KeyIDOther, "keyId has the name of another authority than the one that issued the certificate.", evidence...))
}

// sameName compares names by the values in them alone.
func sameName(cert *x509.Certificate, dn string) bool {
	plain := func(s string) string {
		s = strings.NewReplacer("%20", "", "%2C", ",", "%2c", ",", " ", "", `\`, "", `"`, "").Replace(s)
		return strings.ToLower(s)
	}
	found := plain(dn)
	for _, raw := range [][]byte{cert.RawIssuer, cert.RawSubject} {
		rendered, err := signer.RenderDN(raw, "rfc4514", false)
		if err != nil {
			continue
		}
		all := true
		for _, rdn := range strings.Split(plain(rendered), ",") {
			_, value, _ := strings.Cut(rdn, "=")
			all = all && strings.Contains(found, value)
		}
		if all {
			return true
		}
	}
	return false
}

// fingerprints says whether id ends in, or holds, a fingerprint of the
// certificate, as certificate URLs do.
func fingerprints(cert *x509.Certificate, id string) bool {
	for _, of := range []string{"der", "pem"} {
		for _, hash := range []string{"sha-256", "sha-512/160"} {
			for _, colons := range []bool{false, true} {
				fp, err := signer.KeyIDFor(signer.KeyID{Form: "thumbprint", Fingerprint: hash, FingerprintOf: of, FingerprintColons: colons}, signer.Credentials{Certificate: cert})
				if err == nil && strings.Contains(strings.ToLower(id), fp) {
					return true
				}
			}
		}
	}
	return false
}
