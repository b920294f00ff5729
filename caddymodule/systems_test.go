package caddymodule_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// openBank is a far side without mutual TLS. It notes each request's head as it
// came, byte by byte, which net/http's own header map would not show.
type openBank struct {
	address string
	mu      sync.Mutex
	wire    bytes.Buffer
}

func newOpenBank(t testing.TB, handler http.HandlerFunc) *openBank {
	t.Helper()
	b := &openBank{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.address = listener.Addr().String()
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		_ = server.Serve(&watchedListener{Listener: tls.NewListener(listener, &tls.Config{
			MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{bankCertificate().TLSCertificate()},
		}), bank: b})
	}()
	t.Cleanup(func() { _ = server.Close() })
	return b
}

func (b *openBank) url() string { return "https://" + b.address }

// seen is all that the bank has received, in clear.
func (b *openBank) seen() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wire.String()
}

type watchedListener struct {
	net.Listener
	bank *openBank
}

func (l *watchedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return &watchedConn{Conn: conn, bank: l.bank}, err
}

type watchedConn struct {
	net.Conn
	bank *openBank
}

func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.bank.mu.Lock()
	defer c.bank.mu.Unlock()
	c.bank.wire.Write(p[:n])
	return n, err
}

// openSite passes /open/* to the aspsp of that name.
const openSite = "tpp_proxy /open/* open {\nstrip_prefix /open\n}"

// openASPSP is an aspsp block without an identity.
func (b *openBank) openASPSP(options string) string {
	return "aspsp open {\nprofile berlin-group\nbase_url " + b.url() + "/base\nclient_certificate none\ntrust_pool \"{{DIR}}/bank-ca.pem\"\n" +
		"signature {\ncontainer none\n}\n" + options + "\n}"
}

func answerCreated(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }

// A bank without certificate, signature and token is an aspsp like any other.
func TestWithoutIdentity(t *testing.T) {
	bank := newOpenBank(t, answerCreated)
	r := newRig(t)
	r.load(parts{tpp: bank.openASPSP("token {\noptional\n}"), site: openSite + "\n" + metricsSite})
	if a := r.call("POST", "/open/refund", `{"n":1}`); a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if got := bank.seen(); !strings.HasPrefix(got, "POST /base/refund HTTP/1.1\r\n") || strings.Contains(got, "Authorization:") ||
		strings.Contains(got, "Digest:") || !strings.HasSuffix(got, "\r\n\r\n{\"n\":1}") {
		t.Errorf("the bank received\n%s", got)
	}
	var states []map[string]any
	r.ask("GET", "/tpp/aspsps", 200, &states)
	if len(states) != 2 || states[1]["name"] != "open" || states[1]["client_certificate"] != "none" || states[1]["token"] != "none" ||
		states[1]["identity"] != nil || states[0]["client_certificate"] != "required" || states[0]["token"] != "client_credentials" {
		t.Errorf("%v", states)
	}
	if r.scrape()[`caddy_tpp_requests_total{aspsp="open",attended="no",identity="",operation="other",outcome="2xx"}`] != 1 {
		t.Error("the call was not counted")
	}
	config := strings.Replace(bank.openASPSP("token {\noptional\n}"), "client_certificate none\n", "", 1)
	if err := r.validate(parts{tpp: config, site: openSite}); err == nil || !strings.Contains(err.Error(), "aspsp open") ||
		!strings.Contains(err.Error(), "set identity") {
		t.Errorf("without client_certificate: %v", err)
	}
}
