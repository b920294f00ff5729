package certs

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// noon is the time all certificates of the tests are judged at.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newAuthority(t testing.TB) *testpki.Authority {
	t.Helper()
	root, err := testpki.NewAuthority(testpki.AuthorityOptions{Now: noon, OrganizationIdentifier: "VATFR-12345678901"})
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// tpp is a profile nothing can be said against. P-256 keys keep tests quick.
func tpp(kind testpki.Kind) testpki.Profile {
	return testpki.Profile{
		Kind: kind, CommonName: "tpp.example", Organization: "Example TPP", Country: "FR",
		OrganizationIdentifier: "PSDFR-ACPR-12345", Roles: []string{"PSP_AI", "PSP_IC"},
		NCAName: "Autorité de contrôle prudentiel et de résolution", NCAID: "FR-ACPR", Key: "p256",
	}
}

func issue(t testing.TB, a *testpki.Authority, p testpki.Profile) *testpki.Issued {
	t.Helper()
	issued, err := a.Issue(p)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// store writes the pair and gives its source.
func store(t testing.TB, dir, name string, issued *testpki.Issued) Source {
	t.Helper()
	cert, key, err := issued.WriteFiles(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	return Source{CertFile: cert, KeyFile: key}
}

func write(t testing.TB, name string, parts ...[]byte) string {
	t.Helper()
	var data []byte
	for _, part := range parts {
		data = append(data, part...)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func load(t testing.TB, slot Slot, src Source) *Pair {
	t.Helper()
	pair, err := LoadPair(slot, src)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func ing(name string) Source {
	return Source{
		CertFile: filepath.Join("testdata", "ing", name+".pem"),
		KeyFile:  filepath.Join("testdata", "ing", name+"-key.pem"),
	}
}

// codes lists findings as "code", refusing ones as "!code".
func codes(findings []Finding) []string {
	list := []string{}
	for _, f := range findings {
		code := f.Code
		if f.Refuse {
			code = "!" + code
		}
		list = append(list, code)
	}
	return list
}
