package sandbox

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync"
	"time"
)

// handshakeTimeout bounds a TLS handshake.
const handshakeTimeout = 10 * time.Second

// mtlsListener hands out connections that have passed the TLS handshake. The
// handshake is done here, not in net/http, so that a refused one is recorded
// and the decrypted bytes of HTTP/1.1 can be kept.
type mtlsListener struct {
	net.Listener
	config   *tls.Config
	refused  func(remote string, cert *x509.Certificate, err error)
	accepted func(resumed bool)

	ready  chan net.Conn
	failed chan error
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func newMTLSListener(l net.Listener, config *tls.Config, accepted func(bool), refused func(string, *x509.Certificate, error)) *mtlsListener {
	ctx, cancel := context.WithCancel(context.Background())
	m := &mtlsListener{Listener: l, config: config, refused: refused, accepted: accepted,
		ready: make(chan net.Conn), failed: make(chan error, 1), ctx: ctx, cancel: cancel}
	m.wg.Go(m.loop)
	return m
}

func (m *mtlsListener) loop() {
	for {
		raw, err := m.Listener.Accept()
		if err != nil {
			m.failed <- err
			return
		}
		m.wg.Go(func() { m.handshake(raw) })
	}
}

func (m *mtlsListener) handshake(raw net.Conn) {
	ctx, cancel := context.WithTimeout(m.ctx, handshakeTimeout)
	defer cancel()
	conn := tls.Server(raw, m.config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		if m.ctx.Err() == nil {
			m.refused(raw.RemoteAddr().String(), refusedCertificate(err), err)
		}
		return
	}
	state := conn.ConnectionState()
	m.accepted(state.DidResume)
	out := net.Conn(conn)
	if state.NegotiatedProtocol != "h2" {
		out = &recordedConn{Conn: conn, raw: raw, state: state}
	}
	select {
	case m.ready <- out:
	case <-m.ctx.Done():
		raw.Close()
	}
}

// Accept returns the next connection whose handshake succeeded: a *tls.Conn
// for HTTP/2, a *recordedConn otherwise.
func (m *mtlsListener) Accept() (net.Conn, error) {
	select {
	case conn := <-m.ready:
		return conn, nil
	case err := <-m.failed:
		m.failed <- err
		return nil, err
	}
}

// Close stops accepting and ends handshakes under way.
func (m *mtlsListener) Close() error {
	m.cancel()
	err := m.Listener.Close()
	m.wg.Wait()
	return err
}

// certificateError refuses a client certificate during the handshake.
type certificateError struct {
	cert   *x509.Certificate
	reason string
}

func (e *certificateError) Error() string { return "client certificate refused: " + e.reason }

// refusedCertificate digs out the certificate a failed handshake was about.
func refusedCertificate(err error) *x509.Certificate {
	var own *certificateError
	if errors.As(err, &own) {
		return own.cert
	}
	var chain *tls.CertificateVerificationError
	if errors.As(err, &chain) && len(chain.UnverifiedCertificates) > 0 {
		return chain.UnverifiedCertificates[0]
	}
	return nil
}

// recordedConn is an HTTP/1.1 connection that keeps the request heads as they
// come out of TLS. It is not a *tls.Conn to net/http, which therefore leaves
// Request.TLS empty; the handler fills it in.
type recordedConn struct {
	*tls.Conn
	raw   net.Conn
	state tls.ConnectionState

	mu    sync.Mutex
	split headSplitter
}

func (c *recordedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.mu.Lock()
		c.split.feed(p[:n])
		c.mu.Unlock()
	}
	return n, err
}

func (c *recordedConn) nextHead() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.split.next()
}

// connection is what the handler knows of the connection of a request.
type connection struct {
	recorded *recordedConn // nil for HTTP/2
	raw      net.Conn

	mu      sync.Mutex
	answers int
}

type connectionKey struct{}

// withConnection is an http.Server's ConnContext.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	c := &connection{raw: conn}
	switch conn := conn.(type) {
	case *recordedConn:
		c.recorded, c.raw = conn, conn.raw
	case *tls.Conn:
		c.raw = conn.NetConn()
	}
	return context.WithValue(ctx, connectionKey{}, c)
}

// reset cuts the TCP connection with a RST.
func (c *connection) reset() {
	if tcp, ok := c.raw.(*net.TCPConn); ok {
		// Best effort: without it the client sees an orderly end, which is a cut too.
		_ = tcp.SetLinger(0)
	}
	c.raw.Close()
}

// answered counts an answer and returns how many there were.
func (c *connection) answered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers++
	return c.answers
}

// tlsConfig is the bank's: a client certificate is required unless the options
// say otherwise, must chain to ClientCAs, be valid now and be a QWAC.
func (b *Bank) tlsConfig() *tls.Config {
	protocols := []string{"http/1.1"}
	if b.opts.HTTP2 {
		protocols = []string{"h2", "http/1.1"}
	}
	demand := tls.RequireAndVerifyClientCert
	if b.opts.Shops.CertificateOptional {
		demand = tls.VerifyClientCertIfGiven
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{b.opts.Certificate},
		ClientAuth:   demand,
		ClientCAs:    b.opts.ClientCAs,
		NextProtos:   protocols,
		Time:         b.opts.Now,
		// Runs for resumed sessions too.
		VerifyConnection: verifyQWAC,
	}
}

// verifyQWAC refuses a client certificate that is no QWAC of a TPP. Whether
// there may be none was decided before.
func verifyQWAC(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	cert := state.PeerCertificates[0]
	q, err := inspect(cert)
	switch {
	case err != nil:
		return &certificateError{cert, err.Error()}
	case q.seal() && !q.web():
		return &certificateError{cert, "it is a QSEAL certificate (QcType eseal); a QWAC (QcType web) is expected"}
	case !q.web():
		return &certificateError{cert, "its QcType is not web, so it is no QWAC"}
	case q.OrgID == "":
		return &certificateError{cert, "its subject has no organizationIdentifier (2.5.4.97)"}
	case len(q.Roles) == 0:
		return &certificateError{cert, "it has no PSD2 roles"}
	}
	return nil
}

func (b *Bank) handshakeRefused(remote string, cert *x509.Certificate, err error) {
	rec := &Record{Time: b.now(), Conn: remote, Proto: "TLS", ClientCert: cert,
		Problems: []string{"TLS handshake refused: " + err.Error()}}
	b.ledger.add(rec, false)
	if b.opts.OnRequest != nil {
		b.opts.OnRequest(rec)
	}
}
