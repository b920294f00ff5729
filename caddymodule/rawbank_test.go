package caddymodule_test

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
)

// rawBank is a far side that answers as a test wants, behind mutual TLS and
// with a token endpoint.
type rawBank struct {
	server     *http.Server
	address    string
	tokenCalls atomic.Int64
}

// newRawBank serves a handler at address ("127.0.0.1:0" for a free port) until the test ends.
func newRawBank(t testing.TB, address string, handler http.HandlerFunc) *rawBank {
	t.Helper()
	b := &rawBank{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /stet/psd2/oauth/token", func(w http.ResponseWriter, _ *http.Request) {
		b.tokenCalls.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"raw-bank-token","token_type":"Bearer","expires_in":3600}`)
	})
	mux.HandleFunc("/", handler)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	b.address = listener.Addr().String()
	b.server = &http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		_ = b.server.Serve(tls.NewListener(listener, &tls.Config{
			MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{bankCertificate().TLSCertificate()},
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority().Pool(),
		}))
	}()
	t.Cleanup(b.close)
	return b
}

func (b *rawBank) url() string { return "https://" + b.address }

func (b *rawBank) close() { _ = b.server.Close() }
