package certs

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

type vector struct {
	Hex     string
	Decoded struct {
		QcType         []string
		Roles          [][]string
		NCAName, NCAID string
	}
}

func vectors(t testing.TB) []vector {
	var list []vector
	if err := json.Unmarshal(read(t, "testdata/qcstatements.json"), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 12 {
		t.Fatalf("%d vectors, want 12", len(list))
	}
	return list
}

func TestPublishedStatements(t *testing.T) {
	for _, v := range vectors(t) {
		der, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		var got Info
		if err := got.readStatements(der); err != nil {
			t.Fatal(err)
		}
		want := Info{HasPSD2: true, NCAName: v.Decoded.NCAName, NCAID: v.Decoded.NCAID}
		for _, id := range v.Decoded.QcType {
			want.Types = append(want.Types, map[string]QcType{
				"0.4.0.1862.1.6.2": "eseal", "0.4.0.1862.1.6.3": "web"}[id])
		}
		for _, role := range v.Decoded.Roles {
			want.Roles = append(want.Roles, Role(role[1]))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v\nwant %+v", v.Hex, got, want)
		}
	}
}

func TestDescribe(t *testing.T) {
	root := newAuthority(t)
	issued := func(p testpki.Profile) *x509.Certificate { return issue(t, root, p).Certificate }
	const ncaName = "Autorité de contrôle prudentiel et de résolution"
	tests := []struct {
		name        string
		certificate *x509.Certificate
		want        Info
	}{
		{"QWAC", issued(tpp(testpki.QWAC)), Info{
			Types: []QcType{QcTypeWeb}, Roles: []Role{RoleAI, RoleIC}, NCAName: ncaName, NCAID: "FR-ACPR",
			OrganizationIdentifier: "PSDFR-ACPR-12345", HasPSD2: true, QcCompliance: true,
		}},
		{"QSEAL", issued(tpp(testpki.QSEAL)), Info{
			Types: []QcType{QcTypeESeal}, Roles: []Role{RoleAI, RoleIC}, NCAName: ncaName, NCAID: "FR-ACPR",
			OrganizationIdentifier: "PSDFR-ACPR-12345", HasPSD2: true, QcCompliance: true,
		}},
		{"server", issued(testpki.Profile{Kind: testpki.Server, Key: "p256"}), Info{}},
		{"ING PSD2 QWAC", load(t, QWAC, ing("psd2_example_client_tls")).Leaf(), Info{
			Types: []QcType{QcTypeWeb}, Roles: []Role{RoleAI, RolePI, RoleAS}, NCAName: "X-WING", NCAID: "NL-XWG",
			OrganizationIdentifier: "PSDNL-SBX-1234512345", HasPSD2: true, QcCompliance: true,
			Odd: []string{"QcCompliance has a statementInfo"},
		}},
		{"ING PSD2 QSEAL", load(t, QSEAL, ing("psd2_example_client_signing")).Leaf(), Info{
			Types: []QcType{QcTypeESeal}, Roles: []Role{RoleAI, RolePI, RoleAS}, NCAName: "X-WING", NCAID: "NL-XWG",
			OrganizationIdentifier: "PSDNL-SBX-1234512345", HasPSD2: true, QcCompliance: true,
			Odd: []string{"QcCompliance has a statementInfo"},
		}},
		{"ING plain", load(t, QWAC, ing("example_client_tls")).Leaf(), Info{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Describe(test.certificate)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("\n got %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// Statements put together by hand: what deviates is noted, the rest is read.
func TestOddStatements(t *testing.T) {
	const (
		webType = "3013060604008e4601063009060704008e46010603"
		psd2Ok  = "30440606040081982702303a301330110607040081982701030c065053505f41490c1b46696e616e6369616c20436f6e6475637420417574686f726974790c0647422d464341"
		sscd    = "3008060604008e460104"
	)
	unhex := func(parts ...string) (der []byte) {
		for _, part := range parts {
			data, err := hex.DecodeString(part)
			if err != nil {
				t.Fatal(err)
			}
			der = append(der, data...)
		}
		return der
	}
	sequenceOf := func(parts ...string) []byte {
		body := unhex(parts...)
		if len(body) > 127 {
			return append([]byte{0x30, 0x81, byte(len(body))}, body...)
		}
		return append([]byte{0x30, byte(len(body))}, body...)
	}
	tests := []struct {
		name string
		der  []byte
		odd  string // part of the only note; empty: none
		want func(Info) bool
	}{
		{"SSCD", sequenceOf(sscd, webType), "", func(i Info) bool { return i.QcSSCD && len(i.Types) == 1 }},
		{"SSCD with info", sequenceOf("300a060604008e4601040500"), "QcSSCD has", func(i Info) bool { return i.QcSSCD }},
		{"statement is no sequence", sequenceOf("0500", webType), "statement 1", func(i Info) bool { return len(i.Types) == 1 }},
		{"statement without identifier", sequenceOf("3000", webType), "statement 1", func(i Info) bool { return len(i.Types) == 1 }},
		{"type is no list", sequenceOf("300a060604008e4601060500", psd2Ok), "QcType", func(i Info) bool { return i.HasRole(RoleAI) }},
		{"unknown type", sequenceOf("3013060604008e4601063009060704008e46010609"), "",
			func(i Info) bool { return slices.Equal(i.Types, []QcType{"0.4.0.1862.1.6.9"}) }},
		{"unknown statement", sequenceOf("3008060604008e460177", webType), "", func(i Info) bool { return len(i.Types) == 1 }},
		{"PSD2 without content", sequenceOf("30080606040081982702", webType), "PSD2 statement cannot",
			func(i Info) bool { return i.HasPSD2 && len(i.Types) == 1 }},
		{"PSD2 twice", sequenceOf(psd2Ok, psd2Ok), "more than one PSD2", func(i Info) bool { return slices.Equal(i.Roles, []Role{RoleAI}) }},
		{"unknown role", sequenceOf("30280606040081982702301e301330110607040081982701090c065053505f41490c0141" + "0c0447422d41"), "unknown PSD2 role",
			func(i Info) bool { return len(i.Roles) == 0 && i.NCAID == "GB-A" }},
		{"role with another name", sequenceOf("30280606040081982702301e301330110607040081982701030c065053505f50490c0141" + "0c0447422d41"), "has the name",
			func(i Info) bool { return i.HasRole(RoleAI) && i.NCAID == "GB-A" }},
		{"roles are no list", sequenceOf("30150606040081982702300b05000c01410c0447422d41"), "roles in the PSD2",
			func(i Info) bool { return i.NCAID == "GB-A" }},
		{"no authority", sequenceOf("301f06060400819827023015301330110607040081982701030c065053505f4149"), "competent authority",
			func(i Info) bool { return i.HasRole(RoleAI) }},
		{"bytes behind the list", append(sequenceOf(webType), 5, 0), "bytes follow the qcStatements", func(i Info) bool { return len(i.Types) == 1 }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got Info
			if err := got.readStatements(test.der); err != nil {
				t.Fatal(err)
			}
			if test.odd == "" && len(got.Odd) > 0 || test.odd != "" && (len(got.Odd) != 1 || !strings.Contains(got.Odd[0], test.odd)) {
				t.Errorf("notes %q, want %q", got.Odd, test.odd)
			}
			if !test.want(got) {
				t.Errorf("read %+v", got)
			}
		})
	}
}

func TestUndecodableExtensionIsAFinding(t *testing.T) {
	p := tpp(testpki.QWAC)
	p.QcStatements = []byte{0x04, 0x01, 0x00}
	src := store(t, t.TempDir(), "qwac", issue(t, newAuthority(t), p))
	pair := load(t, QWAC, src)
	if _, err := Describe(pair.Leaf()); err == nil {
		t.Error("Describe gave no error")
	}
	findings := Check(pair, Requirements{Now: noon})
	if !slices.Contains(codes(findings), CodeOddStatement) || len(refusals(findings)) > 0 {
		t.Errorf("findings %v", findings)
	}
	if pair.Info.OrganizationIdentifier != "PSDFR-ACPR-12345" {
		t.Errorf("organizationIdentifier %q", pair.Info.OrganizationIdentifier)
	}
}

func TestParseRole(t *testing.T) {
	for _, role := range []Role{RoleAS, RolePI, RoleAI, RoleIC} {
		if got, err := ParseRole(string(role)); err != nil || got != role {
			t.Errorf("%s: %v, %v", role, got, err)
		}
	}
	if _, err := ParseRole("AISP"); err == nil {
		t.Error("AISP accepted")
	}
}

func FuzzDescribe(f *testing.F) {
	for _, v := range vectors(f) {
		der, err := hex.DecodeString(v.Hex)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	f.Add([]byte{0x30, 0x00})
	f.Fuzz(func(t *testing.T, der []byte) {
		var info Info
		if err := info.readStatements(der); err != nil {
			return
		}
		for _, role := range info.Roles {
			if _, err := ParseRole(string(role)); err != nil || !info.HasPSD2 {
				t.Errorf("role %q, PSD2 statement %v", role, info.HasPSD2)
			}
		}
	})
}
