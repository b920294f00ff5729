package main

import (
	"crypto"
	"net"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// parties are the run's certificates.
type parties struct {
	authority *testpki.Authority
	bank      *testpki.Issued
	seals     map[string]*testpki.Issued // by key type
}

// newParties makes them and writes those of the TPP to dir.
func newParties(dir string) (*parties, error) {
	authority, err := testpki.NewAuthority(testpki.AuthorityOptions{CommonName: "Bench CA", Organization: "Bench QTSP", Country: "FR"})
	if err != nil {
		return nil, err
	}
	p := &parties{authority: authority, seals: map[string]*testpki.Issued{}}
	if p.bank, err = authority.Issue(testpki.Profile{
		Kind: testpki.Server, CommonName: "localhost", DNSNames: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Key: "p256",
	}); err != nil {
		return nil, err
	}
	tpp := func(kind testpki.Kind, key string) (*testpki.Issued, error) {
		return authority.Issue(testpki.Profile{
			Kind: kind, CommonName: "tpp.example", Organization: "Example TPP", Country: "FR", OrganizationIdentifier: "PSDFR-ACPR-12345",
			Roles: []string{"PSP_IC"}, NCAName: "ACPR", NCAID: "FR-ACPR", DNSNames: []string{"tpp.example"}, Key: key,
			NotAfter: time.Now().Add(90 * 24 * time.Hour),
		})
	}
	qwac, err := tpp(testpki.QWAC, "rsa2048")
	if err != nil {
		return nil, err
	}
	if _, _, err := qwac.WriteFiles(dir, "qwac"); err != nil {
		return nil, err
	}
	for _, key := range []string{"rsa2048", "p256"} {
		seal, err := tpp(testpki.QSEAL, key)
		if err != nil {
			return nil, err
		}
		if _, _, err := seal.WriteFiles(dir, "qseal-"+key); err != nil {
			return nil, err
		}
		p.seals[key] = seal
	}
	return p, writeFile(dir, "bank-ca.pem", authority.PEM())
}

// signer returns a QSEAL's key.
func (p *parties) signer(key string) crypto.Signer { return p.seals[key].Key }
