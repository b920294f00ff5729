package signer

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
	"testing"
)

var rendererDialects = map[string]string{
	"java_getName_RFC2253":       "rfc2253-jdk",
	"java_RFC2253_orgid_keyword": "rfc2253-jdk-keyword",
	"java_RFC1779":               "rfc1779",
	"java_toString":              "jdk-tostring",
	"openssl_RFC2253":            "openssl",
	"openssl_RFC2253_utf8":       "openssl-utf8",
	"openssl_default":            "openssl-oneline",
	"python_rfc4514":             "rfc4514",
}

var serialForms = map[string]string{
	"serial_dec":            "decimal",
	"serial_hex_derbytes":   "hex-upper-der",
	"serial_hex_toString16": "hex",
	"openssl_serial":        "hex-upper-padded",
}

// TestRenderings compares with what the tools themselves print.
func TestRenderings(t *testing.T) {
	seen := make(map[string]int)
	for _, file := range []string{"renderings.tsv", "more-renderings.tsv"} {
		for line := range strings.Lines(string(loadFile(t, "dn", file))) {
			columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			cert := loadCertificate(t, "dn", columns[0])
			renderer, want := columns[1], columns[2]
			if dialect := rendererDialects[renderer]; dialect != "" {
				got, err := RenderDN(cert.RawIssuer, dialect, false)
				if err != nil || got != want {
					t.Errorf("%s %s: %v\n%s\nexpected\n%s", columns[0], dialect, err, got, want)
				}
				seen[dialect]++
			}
			if form := serialForms[renderer]; form != "" {
				got, err := KeyIDFor(KeyID{Form: "serial", Serial: form}, Credentials{Certificate: cert})
				if err != nil || got != want {
					t.Errorf("%s serial %s: %v %s, expected %s", columns[0], form, err, got, want)
				}
				seen[form]++
			}
		}
	}
	for _, dialect := range dialectNames() {
		if seen[dialect] < 6 {
			t.Errorf("%s: only %d renderings compared", dialect, seen[dialect])
		}
	}
	for _, form := range serialForms {
		if seen[form] < 5 {
			t.Errorf("%s: only %d serial numbers compared", form, seen[form])
		}
	}
}

func TestRenderDNReverse(t *testing.T) {
	cert := loadCertificate(t, "dn", "02-orgid-in-issuer.pem")
	for dialect, want := range map[string]string{
		"rfc2253-jdk":     "C=FR,O=Certigna SAS,2.5.4.97=#0c144e545246522d3438313436333038313030303336,CN=Certigna Entity CA",
		"openssl-oneline": "CN = Certigna Entity CA, organizationIdentifier = NTRFR-48146308100036, O = Certigna SAS, C = FR",
	} {
		if got, err := RenderDN(cert.RawIssuer, dialect, true); err != nil || got != want {
			t.Errorf("%s: %v\n%s\nexpected\n%s", dialect, err, got, want)
		}
	}
}

// oneValue is the DER of a name with a single CN of the given string type.
func oneValue(t testing.TB, tag int, content string) []byte {
	t.Helper()
	der, err := asn1.Marshal([]relativeNameSET{{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: asn1.RawValue{Tag: tag, Bytes: []byte(content)}}}})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestRenderDNValues(t *testing.T) {
	tests := []struct {
		name, content string
		tag           int
		dialect, want string // want "": refused
	}{
		{"T61", "caf\xe9", asn1.TagT61String, "rfc2253-jdk", "CN=café"},
		{"BMP", "\x01\x41", asn1.TagBMPString, "rfc2253-jdk", "CN=Ł"},
		{"Universal", "\x00\x01\xf6\x00", tagUniversalString, "openssl-utf8", "CN=😀"},
		{"Numeric is no text for the JDK", "12", asn1.TagNumericString, "rfc2253-jdk", "CN=#12023132"},
		{"Numeric is text for OpenSSL", "12", asn1.TagNumericString, "openssl", "CN=12"},
		{"Visible", "ab", tagVisibleString, "openssl", "CN=ab"},
		{"octets", "ab", asn1.TagOctetString, "openssl", "CN=#04026162"},
		{"octets, JDK", "jk", asn1.TagOctetString, "rfc1779", "CN=#04026a6b"},
		{"only spaces", "  ", asn1.TagUTF8String, "rfc2253-jdk", `CN=\ \ `},
		{"one space", " ", asn1.TagUTF8String, "rfc4514", `CN=\ `},
		{"backslash and space", `x\ `, asn1.TagUTF8String, "rfc4514", `CN=x\\\ `},
		{"NUL", "a\x00b", asn1.TagUTF8String, "rfc2253-jdk", `CN=a\00b`},
		{"NUL", "a\x00b", asn1.TagUTF8String, "rfc4514", `CN=a\00b`},
		{"LF escaped", "a\nb", asn1.TagUTF8String, "openssl", `CN=a\0Ab`},
		{"LF escaped", "a\nb", asn1.TagUTF8String, "openssl-oneline", `CN = a\0Ab`},
		{"LF raw", "a\nb", asn1.TagUTF8String, "rfc2253-jdk", ""},
		{"C1 control", "a\u0085b", asn1.TagUTF8String, "rfc4514", ""},
		{"quoted already", `"a,b"`, asn1.TagUTF8String, "rfc1779", `CN="a,b"`},
		{"two spaces", "a  b", asn1.TagUTF8String, "rfc1779", `CN="a  b"`},
		{"not UTF-8", "\xff", asn1.TagUTF8String, "rfc2253-jdk", ""},
		{"not ASCII", "\xe9", asn1.TagIA5String, "rfc2253-jdk", ""},
		{"odd BMP", "\x01", asn1.TagBMPString, "rfc2253-jdk", ""},
		{"surrogate", "\xd8\x3d", asn1.TagBMPString, "rfc2253-jdk", ""},
		{"odd Universal", "\x01", tagUniversalString, "rfc2253-jdk", ""},
		{"beyond Unicode", "\x7f\xff\xff\xff", tagUniversalString, "rfc2253-jdk", ""},
	}
	for _, test := range tests {
		got, err := RenderDN(oneValue(t, test.tag, test.content), test.dialect, false)
		if got != test.want || (err != nil) != (test.want == "") || err != nil && !errors.Is(err, ErrKey) {
			t.Errorf("%s, %s: %q, %v, expected %q", test.name, test.dialect, got, err, test.want)
		}
	}
}

func TestRenderDNRefuses(t *testing.T) {
	if _, err := RenderDN(oneValue(t, asn1.TagUTF8String, "x"), "latin", false); !errors.Is(err, ErrSpec) {
		t.Errorf("unknown dialect: %v", err)
	}
	for name, der := range map[string][]byte{
		"nothing": nil, "no sequence": {0x02, 0x01, 0x00}, "cut off": {0x30, 0x05, 0x31},
		"trailing": append(oneValue(t, asn1.TagUTF8String, "x"), 0),
	} {
		if _, err := RenderDN(der, "", false); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRenderDN(f *testing.F) {
	for _, name := range []string{"01-plain.pem", "04-comma-plus-quote.pem", "05-utf8.pem", "06-many-types.pem", "07-string-types.pem"} {
		f.Add(loadCertificate(f, "dn", name).RawIssuer)
	}
	f.Add(oneValue(f, asn1.TagUTF8String, "a\r\nX: y"))
	dialects := dialectNames()
	f.Fuzz(func(t *testing.T, der []byte) {
		var plain pkix.RDNSequence
		_, malformed := asn1.Unmarshal(der, &plain)
		for _, dialect := range dialects {
			for _, reverse := range []bool{false, true} {
				got, err := RenderDN(der, dialect, reverse)
				if err != nil {
					if got != "" {
						t.Fatalf("%s: text beside an error", dialect)
					}
					continue
				}
				if hasControl(got, false) {
					t.Fatalf("%s: control character in %q", dialect, got)
				}
				if malformed == nil && slices.ContainsFunc(plain, func(rdn pkix.RelativeDistinguishedNameSET) bool { return len(rdn) > 0 }) && got == "" {
					t.Fatalf("%s: a name is lost", dialect)
				}
			}
		}
	})
}
