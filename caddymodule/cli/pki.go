package cli

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
	"github.com/caddy-tpp/caddy-tpp/vault"
)

// organization is the authorisation number of the demo's TPP.
const organization = "PSDFR-ACPR-12345"

// parties are the test certificates of a demo or sandbox: an authority, the
// bank's server certificate, and a TPP with QWAC and QSEAL.
type parties struct {
	authority   *testpki.Authority
	bank        *testpki.Issued
	qwac, qseal *testpki.Issued
}

// newParties makes test certificates with real eIDAS extensions, issued by an
// authority that nobody trusts but the demo.
func newParties() (*parties, error) {
	now := time.Now()
	authority, err := testpki.NewAuthority(testpki.AuthorityOptions{
		CommonName: "Demo QTSP CA", Organization: "Demo QTSP", OrganizationIdentifier: "NTRFR-000000001", Country: "FR", Now: now,
	})
	if err != nil {
		return nil, err
	}
	bank, err := authority.Issue(testpki.Profile{
		Kind: testpki.Server, CommonName: "localhost", DNSNames: []string{"localhost"},
		IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, Key: "p256",
	})
	if err != nil {
		return nil, err
	}
	qwac, qseal, err := testpki.NewTPP(authority, now, organization, []string{"PSP_AI", "PSP_PI", "PSP_IC"})
	if err != nil {
		return nil, err
	}
	return &parties{authority: authority, bank: bank, qwac: qwac, qseal: qseal}, nil
}

// write puts what a TPP has into a folder: its two pairs, and the authority's
// certificate to verify the bank with.
func (p *parties) write(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, issued := range map[string]*testpki.Issued{"qwac": p.qwac, "qseal": p.qseal} {
		if _, _, err := issued.WriteFiles(dir, name); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return os.WriteFile(filepath.Join(dir, "bank-ca.pem"), p.authority.PEM(), 0o644)
}

// writeVaultKey writes a new key for a vault, unless there is one: what was
// encrypted with it could not be read any more.
func writeVaultKey(file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, base64.StdEncoding.EncodeToString(vault.NewSecret()))
	return errors.Join(err, f.Close())
}

// listen opens a loopback listener, on the port wanted or, if it is taken, on a free one.
func listen(wanted string) (net.Listener, error) {
	listener, err := net.Listen("tcp", wanted)
	if err == nil {
		return listener, nil
	}
	host, _, splitErr := net.SplitHostPort(wanted)
	if splitErr != nil {
		return nil, splitErr
	}
	return net.Listen("tcp", net.JoinHostPort(host, "0"))
}
