package sidecar_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// rawRequest is a request as a rawBank read it.
type rawRequest struct {
	head   string
	body   []byte
	serial string // of the client certificate
	*http.Request
}

// rawBank is a TLS server that reads whole requests and lets a test decide,
// byte by byte, what comes back: what the sandbox is too well-bred to do.
type rawBank struct {
	listener net.Listener
	answer   func(conn *tls.Conn, r *rawRequest, nth int)
	wg       sync.WaitGroup

	mu       sync.Mutex
	requests []*rawRequest
	conns    map[net.Conn]bool
}

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

// newRawBank serves answer for the nth request (from 1) of all connections.
// change may alter the TLS configuration.
func newRawBank(t testing.TB, change func(*tls.Config), answer func(conn *tls.Conn, r *rawRequest, nth int)) *rawBank {
	t.Helper()
	config := &tls.Config{
		Certificates: []tls.Certificate{serverCertificate(t, testpki.Profile{})}, ClientAuth: tls.RequireAndVerifyClientCert,
		ClientCAs: authority().Pool(), NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
	}
	if change != nil {
		change(config)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &rawBank{listener: l, answer: answer, conns: map[net.Conn]bool{}}
	b.wg.Go(func() { b.accept(config) })
	t.Cleanup(b.close)
	return b
}

// serverCertificate issues a bank's certificate for 127.0.0.1, unless p says otherwise.
func serverCertificate(t testing.TB, p testpki.Profile) tls.Certificate {
	t.Helper()
	p.Kind, p.Key = testpki.Server, "p256"
	if p.DNSNames == nil {
		p.IPs = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	issued, err := authority().Issue(p)
	if err != nil {
		t.Fatal(err)
	}
	return issued.TLSCertificate()
}

func (b *rawBank) accept(config *tls.Config) {
	for {
		raw, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.conns[raw] = true
		b.mu.Unlock()
		b.wg.Go(func() {
			b.serve(tls.Server(raw, config))
			raw.Close()
			b.mu.Lock()
			delete(b.conns, raw)
			b.mu.Unlock()
		})
	}
}

func (b *rawBank) serve(conn *tls.Conn) {
	for {
		r, err := readRaw(conn)
		if err != nil {
			return
		}
		if peers := conn.ConnectionState().PeerCertificates; len(peers) > 0 {
			r.serial = peers[0].SerialNumber.Text(16)
		}
		b.mu.Lock()
		b.requests = append(b.requests, r)
		nth := len(b.requests)
		b.mu.Unlock()
		b.answer(conn, r, nth)
	}
}

// readRaw reads a request with its head as it was on the wire.
func readRaw(conn io.Reader) (*rawRequest, error) {
	var seen bytes.Buffer
	request, err := http.ReadRequest(bufio.NewReader(io.TeeReader(conn, &seen)))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(request.Body)
	head, _, _ := strings.Cut(seen.String(), "\r\n\r\n")
	return &rawRequest{head: head + "\r\n", body: body, Request: request}, err
}

// live is how many connections are open.
func (b *rawBank) live() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.conns)
}

func (b *rawBank) url() string { return "https://" + b.listener.Addr().String() }

func (b *rawBank) close() {
	b.listener.Close()
	b.mu.Lock()
	for conn := range b.conns {
		conn.Close()
	}
	b.mu.Unlock()
	b.wg.Wait()
}

func (b *rawBank) received() []*rawRequest {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*rawRequest(nil), b.requests...)
}

func (b *rawBank) last(t testing.TB) *rawRequest {
	t.Helper()
	all := b.received()
	if len(all) == 0 {
		t.Fatal("the bank received nothing")
	}
	return all[len(all)-1]
}

// write sends an answer; a connection that is gone is the client's matter.
func write(conn io.Writer, answer string) { _, _ = io.WriteString(conn, answer) }

// answerOK answers every request with an empty JSON object.
func answerOK(conn *tls.Conn, r *rawRequest, _ int) {
	if r.Method == http.MethodHead {
		write(conn, strings.TrimSuffix(okAnswer, "{}"))
		return
	}
	write(conn, okAnswer)
}

// reset closes with a TCP reset.
func reset(conn *tls.Conn) {
	_ = conn.NetConn().(*net.TCPConn).SetLinger(0)
	conn.NetConn().Close()
}

// appAuthorizes takes tokens out of the picture: the app brings its own.
const appAuthorizes = `{"grant":"none","from_app":true}`

// toward makes a rig whose ASPSP is a raw bank. Calls need an Authorization.
func (b *rawBank) toward(t testing.TB, o options) *rig {
	t.Helper()
	change := o.config
	o.config = func(c *sidecar.Config) {
		c.BaseURL, c.AnswerTimeout, c.ConnectTimeout = b.url()+"/base", 5*time.Second, 5*time.Second
		if change != nil {
			change(c)
		}
	}
	if o.overrides.Token == nil {
		o.overrides.Token = []byte(appAuthorizes)
	}
	return newRig(t, o)
}

// raw writes bytes to the sidecar's listener and reads one answer.
func (r *rig) raw(request string) answer {
	r.t.Helper()
	a, err := r.tryRaw(request, false)
	r.check(err)
	return a
}

// rawFunds makes the call of the main job with these header lines.
func (r *rig) rawFunds(connection, lines string) answer {
	r.t.Helper()
	return r.raw("POST /funds-confirmations HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n" + connection +
		"\r\nContent-Length: " + strconv.Itoa(len(fundsBody)) + "\r\n" + lines + "\r\n" + fundsBody)
}

// tryRaw is raw with its error. halfClose ends the app's side first, which a
// server takes for an app that went away once it has all of the request.
func (r *rig) tryRaw(request string, halfClose bool) (a answer, err error) {
	conn, err := net.Dial("tcp", r.app.Listener.Addr().String())
	if err != nil {
		return a, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err = io.WriteString(conn, request); err != nil {
		return a, err
	}
	if halfClose {
		if err = conn.(*net.TCPConn).CloseWrite(); err != nil {
			return a, err
		}
	}
	reader := bufio.NewReader(conn)
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(reader, &http.Request{Method: method})
	for err == nil && response.StatusCode == http.StatusContinue {
		response, err = http.ReadResponse(reader, nil)
	}
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body)}, err
}
