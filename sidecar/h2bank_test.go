package sidecar_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// newH2Bank is a rawBank that speaks HTTP/2; received has its requests without
// their heads, which HTTP/2 does not have.
func newH2Bank(t testing.TB, answer http.HandlerFunc) *rawBank {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &rawBank{listener: l, conns: map[net.Conn]bool{}}
	server := &http.Server{
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{serverCertificate(t, testpki.Profile{})}, ClientAuth: tls.RequireAndVerifyClientCert,
			ClientCAs: authority().Pool(), MinVersion: tls.VersionTLS12,
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			b.mu.Lock()
			b.requests = append(b.requests, &rawRequest{body: body, Request: r, serial: r.TLS.PeerCertificates[0].SerialNumber.Text(16)})
			b.mu.Unlock()
			answer(w, r)
		}),
	}
	b.wg.Go(func() { _ = server.ServeTLS(l, "", "") })
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		b.wg.Wait()
	})
	return b
}
