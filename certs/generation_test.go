package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// bank is a TLS server that asks for a client certificate and tells the serial
// number it was shown, and whether the session was resumed.
func bank(t *testing.T, root *testpki.Authority, configure func(*tls.Config)) (address string, seen <-chan tls.ConnectionState) {
	t.Helper()
	server := issue(t, root, testpki.Profile{Kind: testpki.Server, DNSNames: []string{"bank.example"}, Key: "p256"})
	config := &tls.Config{
		Certificates: []tls.Certificate{server.TLSCertificate()},
		ClientAuth:   tls.RequireAnyClientCert,
		Time:         func() time.Time { return noon },
	}
	if configure != nil {
		configure(config)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	states := make(chan tls.ConnectionState, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if err := conn.(*tls.Conn).Handshake(); err == nil {
				states <- conn.(*tls.Conn).ConnectionState()
				io.WriteString(conn, "!") // lets the client read the session ticket
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return listener.Addr().String(), states
}

func dial(address string, config *tls.Config) error {
	config.Time = func() time.Time { return noon }
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", address, config)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = io.ReadAll(conn)
	return err
}

func generation(t *testing.T, root *testpki.Authority, serial int64) *Generation {
	t.Helper()
	p := tpp(testpki.QWAC)
	p.Serial = big.NewInt(serial)
	return &Generation{QWAC: load(t, QWAC, store(t, t.TempDir(), "qwac", issue(t, root, p)))}
}

func TestTLSConfigShowsItsQWAC(t *testing.T) {
	root := newAuthority(t)
	address, seen := bank(t, root, func(c *tls.Config) {
		stranger, err := testpki.NewAuthority(testpki.AuthorityOptions{CommonName: "stranger"})
		if err != nil {
			t.Fatal(err)
		}
		c.ClientCAs = stranger.Pool() // the list does not name the QWAC's issuer
	})
	first := generation(t, root, 1).TLSConfig(root.Pool(), "bank.example")
	second := generation(t, root, 2).TLSConfig(root.Pool(), "bank.example")
	steps := []struct {
		config  *tls.Config
		serial  int64
		resumed bool
	}{{first, 1, false}, {first, 1, true}, {second, 2, false}, {second, 2, true}, {first, 1, true}}
	for n, step := range steps {
		if err := dial(address, step.config); err != nil {
			t.Fatalf("step %d: %v", n, err)
		}
		state := <-seen
		if got := state.PeerCertificates[0].SerialNumber.Int64(); got != step.serial || state.DidResume != step.resumed {
			t.Errorf("step %d: serial %d, resumed %v, want %d, %v", n, got, state.DidResume, step.serial, step.resumed)
		}
	}
}

func TestTLSConfigsShareNothing(t *testing.T) {
	g := generation(t, newAuthority(t), 1)
	a, b := g.TLSConfig(nil, ""), g.TLSConfig(nil, "")
	if a.ClientSessionCache == nil || a.ClientSessionCache == b.ClientSessionCache {
		t.Error("session cache is missing or shared")
	}
	if a.MinVersion != tls.VersionTLS12 || a.InsecureSkipVerify {
		t.Errorf("configuration is weak: %+v", a)
	}
}

func TestTLSConfigVerifiesTheBank(t *testing.T) {
	root := newAuthority(t)
	address, _ := bank(t, root, nil)
	g := generation(t, root, 1)
	var unknown x509.UnknownAuthorityError
	if err := dial(address, g.TLSConfig(newAuthority(t).Pool(), "bank.example")); !errors.As(err, &unknown) {
		t.Errorf("unknown authority: %v", err)
	}
	var name x509.HostnameError
	if err := dial(address, g.TLSConfig(root.Pool(), "other.example")); !errors.As(err, &name) {
		t.Errorf("other name: %v", err)
	}
}

func TestGenerationWithoutQWAC(t *testing.T) {
	root := newAuthority(t)
	address, _ := bank(t, root, nil)
	if err := dial(address, new(Generation).TLSConfig(root.Pool(), "bank.example")); !errors.Is(err, errNoQWAC) {
		t.Errorf("error %v", err)
	}
}

func TestClientID(t *testing.T) {
	pair := func(id string) *Pair { return &Pair{Info: Info{OrganizationIdentifier: id}} }
	tests := []struct {
		g    Generation
		want string
	}{
		{Generation{}, ""},
		{Generation{QWAC: pair("a")}, "a"},
		{Generation{QWAC: pair("a"), QSEAL: pair("b")}, "a"},
		{Generation{QWAC: pair(""), QSEAL: pair("b")}, "b"},
		{Generation{QWAC: pair("")}, ""},
	}
	for _, test := range tests {
		if got := test.g.ClientID(); got != test.want {
			t.Errorf("%+v: %q, want %q", test.g, got, test.want)
		}
	}
}

func TestSlotNames(t *testing.T) {
	if QWAC.String() != "QWAC" || QSEAL.String() != "QSEAL" || Slot(7).String() != "Slot(7)" {
		t.Errorf("%v %v %v", QWAC, QSEAL, Slot(7))
	}
}
