package e2e

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-tpp/caddy-tpp"
	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// command is the name under which this binary is Caddy: linking Caddy a second
// time would take longer than most tests, and so the sidecars run with the race
// detector whenever the tests do.
const command = "caddy"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == command {
		go func() { // no sidecar outlives its test, however that ends
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(3)
		}()
		caddycmd.Main()
		return
	}
	flag.Parse()
	// The tests wait more than they work: for locks that go stale, above all.
	if err := flag.Set("test.parallel", "16"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// organization is the TPP, and its client_id.
const organization = "PSDFR-ACPR-12345"

// pki is what all tests share, since RSA keys take long to make.
type pki struct {
	authority   *testpki.Authority
	qwac, qseal *testpki.Issued
	renewed     *testpki.Issued // the QWAC after its renewal
	bank        *testpki.Issued
}

var issued = sync.OnceValues(func() (*pki, error) {
	p := new(pki)
	var err error
	if p.authority, err = testpki.NewAuthority(testpki.AuthorityOptions{}); err != nil {
		return nil, err
	}
	roles := []string{"PSP_AI", "PSP_PI", "PSP_IC"}
	if p.qwac, p.qseal, err = testpki.NewTPP(p.authority, time.Now(), organization, roles); err != nil {
		return nil, err
	}
	if p.renewed, _, err = testpki.NewTPP(p.authority, time.Now(), organization, roles); err != nil {
		return nil, err
	}
	p.bank, err = p.authority.Issue(testpki.Profile{Kind: testpki.Server, CommonName: "bank.test",
		IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Key: "p256"})
	return p, err
})

// within is how long a condition may take on a busy machine.
const within = 30 * time.Second

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
