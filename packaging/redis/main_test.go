package main

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

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// command is the name under which this test is the program itself: linking it a
// second time would take longer than most tests.
const command = "caddy"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == command {
		if len(os.Args) > 1 && os.Args[1] == "run" {
			go func() { // no sidecar outlives its test, however that ends
				_, _ = io.Copy(io.Discard, os.Stdin)
				os.Exit(3)
			}()
		}
		main()
		return
	}
	flag.Parse()
	// The tests wait more than they work: for locks that expire, above all.
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
	authority    *testpki.Authority
	qwac, qseal  *testpki.Issued
	server, bank *testpki.Issued
}

var issued = sync.OnceValues(func() (*pki, error) {
	p := new(pki)
	var err error
	if p.authority, err = testpki.NewAuthority(testpki.AuthorityOptions{}); err != nil {
		return nil, err
	}
	if p.qwac, p.qseal, err = testpki.NewTPP(p.authority, time.Now(), organization, []string{"PSP_AI"}); err != nil {
		return nil, err
	}
	for name, to := range map[string]**testpki.Issued{"bank.test": &p.bank, "redis.test": &p.server} {
		if *to, err = p.authority.Issue(testpki.Profile{Kind: testpki.Server, CommonName: name,
			IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Key: "p256"}); err != nil {
			return nil, err
		}
	}
	return p, nil
})

// within is how long a condition may take on a busy machine.
const within = 30 * time.Second

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !condition(); time.Sleep(10 * time.Millisecond) {
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

func read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	check(t, err)
	return string(text)
}
