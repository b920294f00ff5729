package sandbox

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestResumption: a resumed session still shows the QWAC.
func TestResumption(t *testing.T) {
	w := newWorld(t)
	token := w.cardToken("cbpii")
	w.bank.Reset()
	config := w.tlsConfig(w.qwac, "http/1.1")
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for range 2 {
		conn, err := tls.Dial("tcp", w.bank.Addr().String(), config)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := exchange(conn, w.confirmation(token).bytes(), "POST")
		conn.Close()
		if err != nil {
			t.Fatal(err)
		}
		w.expect(resp, 200, "")
		if cert := w.bank.Last().ClientCert; cert == nil || !cert.Equal(w.qwac.Certificate) {
			t.Error("no client certificate in the record")
		}
	}
	if s := w.bank.Stats(); s.Connections != 2 || s.Resumed != 1 {
		t.Errorf("%+v", s)
	}
}

// TestConcurrentClients: heads of different connections are not mixed up.
func TestConcurrentClients(t *testing.T) {
	const clients, requests = 8, 5
	w := newWorld(t)
	token := w.cardToken("cbpii")
	w.bank.Reset()
	var wg sync.WaitGroup
	for range clients {
		conn := w.dial(w.qwac)
		wg.Go(func() {
			for range requests {
				resp, err := exchange(conn, w.confirmation(token).bytes(), "POST")
				if err != nil || resp.status != 200 {
					t.Errorf("%v %+v", err, resp)
					return
				}
			}
		})
	}
	wg.Wait()
	if s := w.bank.Stats(); s.Requests != clients*requests || s.Refused != 0 || s.Connections != clients {
		t.Errorf("%+v", s)
	}
}

// TestPipelining: two requests in one packet keep their own heads.
func TestPipelining(t *testing.T) {
	w := newWorld(t)
	token := w.cardToken("cbpii")
	w.bank.Reset()
	first, second := w.confirmation(token), w.confirmation(token)
	conn := w.dial(w.qwac)
	if _, err := conn.Write(append(first.bytes(), second.bytes()...)); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	for i, r := range []*request{first, second} {
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 || resp.Header.Get("X-Request-ID") != r.get("X-Request-ID") {
			t.Errorf("%d: %v %+v", i, err, resp)
		}
		resp.Body.Close()
	}
	for i, r := range []*request{first, second} {
		head, _, _ := strings.Cut(string(r.bytes()), "{")
		if got := string(w.bank.Records()[i].RawHead); got != head {
			t.Errorf("%d: got %q, want %q", i, got, head)
		}
	}
}

// TestServe: a listener of one's own; Serve ends with Close.
func TestServe(t *testing.T) {
	p, err := issuePKI()
	if err != nil {
		t.Fatal(err)
	}
	bank, err := New(Options{ClientCAs: p.ca.Pool(), Certificate: p.server.TLSCertificate()})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- bank.Serve(l) }()
	w := &world{t, p, bank}
	conn, err := tls.Dial("tcp", l.Addr().String(), w.tlsConfig(p.qwac, "http/1.1"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// The handshake may be over for the client before it is for the bank.
	if resp, err := exchange(conn, []byte("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"), "GET"); err != nil || resp.status != 400 {
		t.Errorf("%+v %v", resp, err)
	}
	if bank.Addr().String() != l.Addr().String() || bank.URL() != "https://"+l.Addr().String() {
		t.Error(bank.Addr(), bank.URL())
	}
	if err := bank.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
