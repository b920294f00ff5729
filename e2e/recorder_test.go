package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
)

// recorder is a bank that keeps what it got, byte for byte.
type recorder struct {
	listener net.Listener
	mu       sync.Mutex
	raw      map[string][]byte // by request-target
}

func newRecorder(t *testing.T, p *pki) *recorder {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS12,
		Certificates: []tls.Certificate{p.bank.TLSCertificate()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: p.authority.Pool()})
	check(t, err)
	r := &recorder{listener: listener, raw: make(map[string][]byte)}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go r.serve(conn)
		}
	}()
	return r
}

// serve keeps one request and answers it.
func (r *recorder) serve(conn net.Conn) {
	defer conn.Close()
	var raw bytes.Buffer
	request, err := http.ReadRequest(bufio.NewReader(io.TeeReader(conn, &raw)))
	if err != nil {
		return
	}
	if _, err := io.Copy(io.Discard, request.Body); err != nil {
		return
	}
	r.mu.Lock()
	r.raw[request.RequestURI] = raw.Bytes()
	r.mu.Unlock()
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
}
