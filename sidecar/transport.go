package sidecar

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/caddy-tpp/caddy-tpp/certs"
)

// newTransport makes the connections of one ASPSP and one generation of
// certificates. A pool of connections does not know which client certificate it
// was opened with, so each generation has a pool, and TLS sessions, of its own.
func newTransport(c Config, generation *certs.Generation) *http.Transport {
	dialer := &net.Dialer{Timeout: c.ConnectTimeout}
	// The server name is the host that is dialled; empty lets net/http fill it in.
	secured := generation.TLSConfig(c.TrustPool, "")
	if generation.QWAC == nil {
		secured.GetClientCertificate = nil // crypto/tls then shows none
	}
	t := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &countedConn{Conn: conn}, nil
		},
		TLSClientConfig:       secured,
		TLSHandshakeTimeout:   c.ConnectTimeout,
		ResponseHeaderTimeout: c.AnswerTimeout,
		MaxIdleConns:          c.IdleConns,
		MaxIdleConnsPerHost:   c.IdleConns,
		IdleConnTimeout:       90 * time.Second,
		// Transparent decompression would add Accept-Encoding after signing, and
		// the bank's Digest would no longer match the body handed to the app.
		DisableCompression: true,
		ForceAttemptHTTP2:  c.HTTP2,
		// Enough for any bank's headers, and little enough to hold for each call.
		MaxResponseHeaderBytes: maxAnswerHead,
		// A connection that died without a word would otherwise take all calls
		// with it until TCP gives up.
		HTTP2: &http.HTTP2Config{SendPingTimeout: c.ConnectTimeout, PingTimeout: c.ConnectTimeout},
		// No Proxy: a QWAC is not sent wherever an environment variable points.
	}
	if !c.HTTP2 {
		t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	return t
}

// maxAnswerHead bounds the head of a bank's answer, in bytes.
const maxAnswerHead = 256 << 10

// countedConn counts the bytes written to the network, which tells whether any
// part of a request can have reached the bank.
type countedConn struct {
	net.Conn
	written atomic.Int64
}

// lastWords is how long a failed write keeps its error to itself. Why it failed
// may be waiting to be read: a bank that refuses a certificate says so in a TLS
// alert and closes while the request is still being written. net/http tells
// of the error that comes first, and the alert says more than "broken pipe".
const lastWords = 50 * time.Millisecond

// Write implements net.Conn.
func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	if err != nil && len(p) > largestAlert {
		time.Sleep(lastWords)
	}
	return n, err
}

// writtenOn returns how much was written so far on a connection made by
// newTransport, and whether that says anything about a single request: on h2,
// where requests share a connection, it does not.
func writtenOn(conn net.Conn) (written int64, telling bool) {
	secured, ok := conn.(*tls.Conn)
	if !ok || secured.ConnectionState().NegotiatedProtocol == "h2" {
		return 0, false
	}
	counted, ok := secured.NetConn().(*countedConn)
	if !ok {
		return 0, false
	}
	return counted.written.Load(), true
}
