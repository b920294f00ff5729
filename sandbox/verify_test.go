package sandbox

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func readFile(t *testing.T, parts ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{"testdata"}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestCavageVectors verifies the signatures of draft-cavage appendix C from
// the raw request, and sees them fail when a byte changes.
func TestCavageVectors(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	block, _ := pem.Decode(readFile(t, "cavage", "rsa-test-pub.pem"))
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{PublicKey: key}
	raw := bytes.ReplaceAll(readFile(t, "cavage", "request.http"), []byte("\r\n"), []byte("\n"))
	head, body, _ := bytes.Cut(raw, []byte("\n\n"))
	msg, err := parseHead([]byte(strings.ReplaceAll(string(head), "\n", "\r\n") + "\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	var versions []struct {
		Version string
		Digest  string
		Tests   []struct {
			Name      string
			Text      string  `json:"signing_string"`
			Headers   *string `json:"headers_param_as_printed"`
			Signature string
			Algorithm string
		}
	}
	if err := json.Unmarshal(readFile(t, "cavage", "cavage.json"), &versions); err != nil {
		t.Fatal(err)
	}
	for _, v := range versions {
		if err := checkDigest(v.Digest, bytes.TrimSuffix(body, []byte("\n"))); err != nil {
			t.Errorf("%s: %v", v.Version, err)
		}
		for _, test := range v.Tests {
			headers := "date"
			if test.Headers != nil {
				headers = strings.Replace(*test.Headers, "(created) (expires) ", "", 1)
			}
			h, err := parseSignature(`keyId="Test",algorithm="` + test.Algorithm + `",headers="` + headers + `",signature="` + test.Signature + `"`)
			if err != nil {
				t.Fatalf("%s %s: %v", v.Version, test.Name, err)
			}
			text, err := signingString(&msg, h.Headers)
			if err != nil || text != test.Text {
				t.Errorf("%s %s: %v, signing string %q, want %q", v.Version, test.Name, err, text, test.Text)
			}
			if err := verifySignature(cert, h.Algorithm, text, h.Signature); err != nil {
				t.Errorf("%s %s: %v", v.Version, test.Name, err)
			}
			if verifySignature(cert, h.Algorithm, text+" ", h.Signature) == nil {
				t.Errorf("%s %s: a changed signing string verified", v.Version, test.Name)
			}
		}
	}
}

// TestGatewayName compares names and keyIds with what a JDK prints.
func TestGatewayName(t *testing.T) {
	n := 0
	for line := range strings.Lines(string(readFile(t, "dn", "java.tsv"))) {
		parts := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(parts) != 3 || (parts[1] != "java_getName_RFC2253" && parts[1] != "serial_hex_toString16") {
			continue
		}
		n++
		block, _ := pem.Decode(readFile(t, "dn", parts[0]))
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if parts[1] == "serial_hex_toString16" {
			for _, spelled := range []string{parts[2], strings.ToUpper(parts[2]), "00" + parts[2]} {
				serial, issuer, err := splitSerialIssuer("SN=" + spelled + ",CA=CN=x,CA=y")
				if err != nil || serial.Cmp(cert.SerialNumber) != 0 || issuer != "CN=x,CA=y" {
					t.Errorf("%s: %v %v %q", parts[0], err, serial, issuer)
				}
			}
			continue
		}
		got, err := gatewayName(cert.RawIssuer)
		if err != nil || got != parts[2] {
			t.Errorf("%s: %v\n got %s\nwant %s", parts[0], err, got, parts[2])
		}
		escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(parts[2])
		for _, written := range []string{escaped, strings.ReplaceAll(escaped, " ", "%20"), parts[2]} {
			read, _, err := quoted(written + `"`)
			if err != nil {
				t.Fatal(err)
			}
			if err := matchIssuer(cert, read); err != nil {
				t.Errorf("%s written as %s: %v", parts[0], written, err)
			}
		}
		if matchIssuer(cert, parts[2]+" ") == nil || matchIssuer(cert, strings.ToLower(parts[2])) == nil {
			t.Errorf("%s: a different name matched", parts[0])
		}
	}
	if n != 10 {
		t.Errorf("%d vectors, want 10", n)
	}
}

// TestStringTypes: names come in several ASN.1 string types. A value that is no
// text, and a type without a keyword, are printed as hexadecimal.
func TestStringTypes(t *testing.T) {
	attr := func(oid, value string) string { return "30" + length(oid+value) + oid + value }
	rdn := func(attrs string) string { return "31" + length(attrs) + attrs }
	name := rdn(attr("0603550406", "13024652")) + // C, PrintableString FR
		rdn(attr("0603550407", "1e0400c90074")) + // L, BMPString Ét
		rdn(attr("060355040a", "1403e974e9")) + // O, T61String été
		rdn(attr("0603550403", "0c0161")+attr("060355040b", "020105")) + // CN, UTF8String a, with OU, INTEGER 5
		rdn(attr("0603550405", "130131")) // serialNumber
	der, err := hex.DecodeString("30" + length(name) + name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := gatewayName(der)
	if want := "2.5.4.5=#130131,CN=a+OU=#020105,O=été,L=Ét,C=FR"; err != nil || got != want {
		t.Errorf("%v: got %s, want %s", err, got, want)
	}
}

// length is the DER length of what the hexadecimal text stands for.
func length(text string) string { return hex.EncodeToString([]byte{byte(len(text) / 2)}) }

func TestQcStatementsVectors(t *testing.T) {
	var vectors []struct {
		Hex     string
		Decoded struct {
			QcType []string
			Roles  [][]string
		}
	}
	if err := json.Unmarshal(readFile(t, "eidas", "qcstatements.json"), &vectors); err != nil || len(vectors) != 12 {
		t.Fatal(len(vectors), err)
	}
	for i, v := range vectors {
		der, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		var q qualified
		if err := q.statements(der); err != nil {
			t.Errorf("%d: %v", i, err)
		}
		var roles []string
		for _, r := range v.Decoded.Roles {
			roles = append(roles, r[1])
		}
		if !slices.Equal(q.Types, v.Decoded.QcType) || !slices.Equal(q.Roles, roles) {
			t.Errorf("%d: %v %v, want %v %v", i, q.Types, q.Roles, v.Decoded.QcType, roles)
		}
	}
}

func TestParseSignatureRefuses(t *testing.T) {
	const sig = `,signature="AAAA"`
	for value, want := range map[string]string{
		``:                                       `not name="value"`,
		`keyId=x` + sig:                          "unexpected parameter",
		`keyId="x",algorithm="a",headers="date"`: "lacks the parameter signature",
		`keyId="x",keyId="y"` + sig:              "twice",
		`keyId="x",algorithm="a",headers="date",opaque="1"` + sig:         "unexpected parameter",
		`keyId="x",algorithm="a",headers="date` + sig:                     "not separated",
		`keyId="x",algorithm="a",headers="Date"` + sig:                    "lower case",
		`keyId="x",algorithm="a",headers="date  host"` + sig:              "empty entry",
		`keyId="x",algorithm="a",headers="date date"` + sig:               "twice",
		`keyId="x",algorithm="a",headers="date",signature="A"`:            "base64",
		`keyId="x";algorithm="a"`:                                         "not separated",
		`keyId="x",  algorithm="a"`:                                       "unexpected parameter",
		`keyId="x",algorithm="a",headers="date",signature="AAAA",`:        `not name="value"`,
		`keyId="",algorithm="a",headers="date",signature="AAAA"`:          "lacks the parameter keyId",
		`keyId="x",algorithm="a",headers="date",signature="AAAA\"`:        "closing quotation mark",
		`keyId="x",algorithm="a",headers="(created)",signature="AA==AA="`: "base64",
	} {
		if h, err := parseSignature(value); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v %+v, want %q", value, err, h, want)
		}
	}
	h, err := parseSignature(`keyId="a\"b\\c\d", algorithm="rsa-sha256",headers="(request-target) date", signature="AAAA"`)
	if err != nil || h.KeyID != `a"b\c\d` || !slices.Equal(h.Headers, []string{"(request-target)", "date"}) {
		t.Errorf("%+v %v", h, err)
	}
}

func FuzzParseSignature(f *testing.F) {
	f.Add(`keyId="SN=1f,CA=CN=a\, b,C=FR",algorithm="rsa-sha256",headers="(request-target) date",signature="AAAA"`)
	f.Add(`keyId="a\"b", algorithm="x",headers="date",signature="AA=="`)
	f.Add(`keyId="`)
	f.Fuzz(func(t *testing.T, value string) {
		h, err := parseSignature(value)
		if err != nil {
			return
		}
		// What was read can be written again and reads the same.
		escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
		again, err := parseSignature(`keyId="` + escape.Replace(h.KeyID) + `",algorithm="` + escape.Replace(h.Algorithm) +
			`",headers="` + escape.Replace(strings.Join(h.Headers, " ")) + `",signature="` + base64.StdEncoding.EncodeToString(h.Signature) + `"`)
		if err != nil || again.KeyID != h.KeyID || again.Algorithm != h.Algorithm || !slices.Equal(again.Headers, h.Headers) ||
			!bytes.Equal(again.Signature, h.Signature) {
			t.Fatalf("%q: %+v, again %+v, %v", value, h, again, err)
		}
	})
}

func FuzzParseName(f *testing.F) {
	for _, name := range []string{"02-orgid-in-issuer.pem", "04-comma-plus-quote.pem"} {
		data, err := os.ReadFile(filepath.Join("testdata", "dn", name))
		if err != nil {
			f.Fatal(err)
		}
		block, _ := pem.Decode(data)
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(cert.RawIssuer)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		name, err := gatewayName(der)
		if err != nil && name != "" {
			t.Fatalf("a name and an error: %q %v", name, err)
		}
		var q qualified
		// Any bytes may come in the extension; they must not panic.
		_ = q.statements(der)
	})
}
