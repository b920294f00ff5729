package certs

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/asn1"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

func TestCheck(t *testing.T) {
	const day = 24 * time.Hour
	esign := asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 1}
	_, ed25519Key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	none := []asn1.ObjectIdentifier{}
	tests := []struct {
		name   string
		kind   testpki.Kind
		slot   Slot
		change func(*testpki.Profile) // before issue
		mutate func(*Pair)            // after loading
		req    Requirements
		want   []string
	}{
		{name: "good QWAC"},
		{name: "good QSEAL", kind: testpki.QSEAL, slot: QSEAL},
		{name: "roles held", req: Requirements{Roles: []Role{RoleAI, RoleIC}}},
		{name: "expired", req: Requirements{Now: noon.AddDate(1, 0, 1)}, want: []string{"!" + CodeExpired}},
		{name: "not yet valid", req: Requirements{Now: noon.Add(-2 * time.Hour)}, want: []string{"!" + CodeNotYetValid}},
		{name: "first moment", req: Requirements{Now: noon.Add(-time.Hour)}},
		{name: "last moment", req: Requirements{Now: noon.AddDate(1, 0, 0)}, want: []string{CodeExpiring}},
		{name: "expires in 29 days", req: Requirements{Now: noon.AddDate(1, 0, -29)}, want: []string{CodeExpiring}},
		{name: "expires in 31 days", req: Requirements{Now: noon.AddDate(1, 0, -31)}},
		{name: "own warning", req: Requirements{Now: noon.AddDate(1, 0, -31), WarnBefore: 40 * day}, want: []string{CodeExpiring}},
		{name: "QSEAL as QWAC", kind: testpki.QSEAL, slot: QWAC, want: []string{"!" + CodeWrongSlot, CodeExtKeyUsage}},
		{name: "QWAC as QSEAL", kind: testpki.QWAC, slot: QSEAL, want: []string{"!" + CodeWrongSlot}},
		{name: "personal certificate", change: func(p *testpki.Profile) { p.QcTypes = []asn1.ObjectIdentifier{esign} },
			want: []string{"!" + CodeWrongSlot}},
		{name: "no QcType", change: func(p *testpki.Profile) { p.QcTypes = none }, want: []string{CodeNoQcType}},
		{name: "role missing", req: Requirements{Roles: []Role{RoleAI, RolePI}}, want: []string{"!" + CodeRoleMissing}},
		{name: "no PSD2 statement", change: func(p *testpki.Profile) { p.Roles, p.NCAName, p.NCAID = nil, "", "" },
			req: Requirements{Roles: []Role{RolePI}}, want: []string{CodeNoPSD2}},
		{name: "no statements", change: func(p *testpki.Profile) { p.QcStatements = []byte{} }, want: []string{CodeNoQcType, CodeNoPSD2}},
		{name: "RSA 1024", change: func(p *testpki.Profile) { p.Key = "rsa1024" }, want: []string{"!" + CodeWeakKey}},
		{name: "RSA 2048", change: func(p *testpki.Profile) { p.Key = "rsa2048" }},
		{name: "P-224", change: func(p *testpki.Profile) { p.Key = "p224" }, want: []string{"!" + CodeWeakKey}},
		{name: "P-384", change: func(p *testpki.Profile) { p.Key = "p384" }},
		{name: "P-521", change: func(p *testpki.Profile) { p.Key = "p521" }},
		{name: "Ed25519", change: func(p *testpki.Profile) { p.Signer = ed25519Key }, want: []string{"!" + CodeWeakKey}},
		{name: "authority", change: func(p *testpki.Profile) { p.CA = true }, want: []string{"!" + CodeCA}},
		{name: "server only", change: func(p *testpki.Profile) { p.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
			want: []string{"!" + CodeNoClientAuth}},
		{name: "any usage", change: func(p *testpki.Profile) { p.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }},
		{name: "QSEAL for servers", kind: testpki.QSEAL, slot: QSEAL,
			change: func(p *testpki.Profile) { p.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }},
		{name: "QWAC without usages", change: func(p *testpki.Profile) { p.OmitKeyUsage = true }, want: []string{CodeKeyUsageMissing, CodeExtKeyUsage}},
		{name: "QSEAL without usages", kind: testpki.QSEAL, slot: QSEAL, change: func(p *testpki.Profile) { p.OmitKeyUsage = true },
			want: []string{CodeKeyUsageMissing}},
		{name: "QWAC of nonRepudiation", mutate: func(p *Pair) { p.Leaf().KeyUsage = x509.KeyUsageContentCommitment }, want: []string{CodeKeyUsage}},
		{name: "QSEAL of nonRepudiation", kind: testpki.QSEAL, slot: QSEAL,
			mutate: func(p *Pair) { p.Leaf().KeyUsage = x509.KeyUsageContentCommitment }},
		{name: "QSEAL of encryption", kind: testpki.QSEAL, slot: QSEAL,
			mutate: func(p *Pair) { p.Leaf().KeyUsage = x509.KeyUsageKeyEncipherment }, want: []string{CodeKeyUsage}},
		{name: "issued with SHA-1", mutate: func(p *Pair) { p.Leaf().SignatureAlgorithm = x509.ECDSAWithSHA1 }, want: []string{"!" + CodeWeakSignature}},
		{name: "issued with MD5", mutate: func(p *Pair) { p.Leaf().SignatureAlgorithm = x509.MD5WithRSA }, want: []string{"!" + CodeWeakSignature}},
		{name: "no organizationIdentifier", change: func(p *testpki.Profile) { p.OrganizationIdentifier = "" }, want: []string{CodeOrganizationID}},
		{name: "VAT number", change: func(p *testpki.Profile) { p.OrganizationIdentifier = "VATFR-12345678901" }, want: []string{CodeOrganizationID}},
		{name: "odd characters", change: func(p *testpki.Profile) { p.OrganizationIdentifier = "PSDMT-MFSA-A 12345" }},
		{name: "odd statement", change: func(p *testpki.Profile) { p.ExtraStatements = [][]byte{{5, 0}} }, want: []string{CodeOddStatement}},
		{name: "issuer expired", mutate: func(p *Pair) { p.Chain[1].NotAfter = noon.Add(-day) }, want: []string{CodeIssuerExpired}},
		{name: "readable key", mutate: func(p *Pair) { os.Chmod(p.Source.KeyFile, 0o604) }, want: []string{CodeKeyReadable}},
		{name: "key of a group", mutate: func(p *Pair) { os.Chmod(p.Source.KeyFile, 0o640) }},
		{name: "several at once", slot: QSEAL, change: func(p *testpki.Profile) { p.Key = "rsa1024" },
			req:  Requirements{Now: noon.AddDate(1, 0, 1), Roles: []Role{RoleAS}},
			want: []string{"!" + CodeExpired, "!" + CodeWrongSlot, "!" + CodeRoleMissing, "!" + CodeWeakKey}},
	}
	root := newAuthority(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := tpp(test.kind)
			if test.change != nil {
				test.change(&p)
			}
			pair := load(t, test.slot, store(t, t.TempDir(), "pair", issue(t, root, p)))
			if test.mutate != nil {
				test.mutate(pair)
			}
			if test.req.Now.IsZero() {
				test.req.Now = noon
			}
			findings := Check(pair, test.req)
			if got := codes(findings); !slices.Equal(got, test.want) && len(got)+len(test.want) > 0 {
				t.Errorf("findings %v, want %v", got, test.want)
			}
			for _, f := range findings {
				if !strings.HasPrefix(f.String(), test.slot.String()+" ") || !strings.Contains(f.String(), f.File) ||
					!strings.HasSuffix(f.String(), ": "+f.Remedy) || f.Remedy == "" {
					t.Errorf("finding %q does not name slot, file and remedy", f)
				}
			}
		})
	}
}

// owned copies a pair of testdata, whose modes depend on the checkout.
func owned(t *testing.T, src Source) Source {
	dir := t.TempDir()
	return Source{
		CertFile: write(t, filepath.Join(dir, "cert.pem"), read(t, src.CertFile)),
		KeyFile:  write(t, filepath.Join(dir, "key.pem"), read(t, src.KeyFile)),
	}
}

func TestCheckRealCertificates(t *testing.T) {
	psd2 := []string{CodeKeyUsageMissing, CodeChainIncomplete, CodeOddStatement}
	psd2QWAC := []string{CodeKeyUsageMissing, CodeExtKeyUsage, CodeChainIncomplete, CodeOddStatement}
	plain := []string{CodeNoQcType, CodeNoPSD2, CodeKeyUsageMissing, CodeOrganizationID}
	tests := []struct {
		name string
		slot Slot
		src  Source
		now  time.Time
		want []string
	}{
		{"ING PSD2 QWAC", QWAC, ing("psd2_example_client_tls"), time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC), psd2QWAC},
		{"ING PSD2 QWAC, expired", QWAC, ing("psd2_example_client_tls"), noon, append([]string{"!" + CodeExpired}, psd2QWAC...)},
		{"ING PSD2 QWAC as QSEAL", QSEAL, ing("psd2_example_client_tls"), time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC), append([]string{"!" + CodeWrongSlot}, psd2...)},
		{"ING PSD2 QSEAL", QSEAL, ing("psd2_example_client_signing"), time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC), psd2},
		{"ING plain", QSEAL, ing("example_client_signing"), noon, plain},
		{"SHA-1", QSEAL, Source{CertFile: testdata("sha1.pem"), KeyFile: testdata("plain-key.pem")}, time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC),
			[]string{CodeNoQcType, CodeNoPSD2, "!" + CodeWeakSignature, "!" + CodeCA, CodeKeyUsageMissing, CodeOrganizationID}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := codes(Check(load(t, test.slot, owned(t, test.src)), Requirements{Now: test.now}))
			slices.Sort(got)
			slices.Sort(test.want)
			if !slices.Equal(got, test.want) {
				t.Errorf("findings %v, want %v", got, test.want)
			}
		})
	}
}

func TestCheckTogether(t *testing.T) {
	root := newAuthority(t)
	dir := t.TempDir()
	qwac := load(t, QWAC, store(t, dir, "qwac", issue(t, root, tpp(testpki.QWAC))))
	for id, want := range map[string][]string{
		"PSDFR-ACPR-12345": {}, "": {}, "PSDFR-ACPR-99999": {CodeDifferentTPP},
	} {
		p := tpp(testpki.QSEAL)
		p.OrganizationIdentifier = id
		qseal := load(t, QSEAL, store(t, dir, "qseal", issue(t, root, p)))
		if got := codes(CheckTogether(qwac, qseal)); !slices.Equal(got, want) {
			t.Errorf("%q: findings %v, want %v", id, got, want)
		}
	}
}

func TestFindingText(t *testing.T) {
	src := owned(t, ing("psd2_example_client_tls"))
	findings := Check(load(t, QWAC, src), Requirements{Now: noon})
	want := "QWAC certificate " + src.CertFile + " expired on 2026-01-26T16:31:01Z: replace it with a valid one"
	if got := findings[0].String(); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}
