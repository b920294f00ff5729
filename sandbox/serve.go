package sandbox

import (
	"errors"
	"io"
	"net/http"
	"strings"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 64 << 10

// call is one request on its way through the bank.
type call struct {
	bank     *Bank
	r        *http.Request
	conn     *connection
	rec      *Record
	msg      message
	body     []byte
	endpoint *endpoint
	params   map[string]string
	qwac     *qualified
	grant    *grant
	problems []*problem

	// clientID is the OAuth client that a token request comes from, once it is
	// known to be; grantType is what the request says, before any check.
	clientID, grantType string
	// seal is the certificate that came with a request at ING.
	seal *qualified
	// shop is what a call to a system without PSD2 is about.
	shop shopCall

	// opened is what a signed body says, nil if the body is plain.
	opened []byte
	// signatureDue tells that the call has to be signed.
	signatureDue bool

	// requestID and signature are what this call itself put into the bank's
	// memory; empty if it put nothing there.
	requestID, signature string
}

// fail notes a failed check. The first one decides the status.
func (c *call) fail(status int, code, format string, args ...any) {
	c.problems = append(c.problems, refuse(status, code, format, args...))
}

// serve handles every request of the TLS listener.
func (b *Bank) serve(w http.ResponseWriter, r *http.Request) {
	c := &call{bank: b, r: r}
	c.conn, _ = r.Context().Value(connectionKey{}).(*connection)
	c.receive(w)
	isToken := c.endpoint.name == operationToken
	if isToken {
		c.readTokenCall()
	}
	fault := b.faults.take(isToken || c.endpoint.name == operationCaratToken, c.grantType)
	c.shop.fault = fault
	if fault.ExpireTokens {
		b.ExpireTokens()
	}
	c.rec.Fault = fault != Fault{}
	c.check()
	// Also when the answer is cut off, which ends the handler.
	defer c.deliver()
	c.act(w, fault)
}

// receive reads the whole request and finds its endpoint.
func (c *call) receive(w http.ResponseWriter) {
	r := c.r
	c.rec = &Record{Conn: r.RemoteAddr, Proto: r.Proto, Method: r.Method, RequestURI: r.RequestURI,
		Host: r.Host, Header: r.Header.Clone()}
	c.endpoint, c.params = c.bank.match(r.Method, r.URL.Path)
	c.rec.Operation = c.endpoint.name
	c.receiveHead()
	if len(r.TransferEncoding) > 0 {
		c.fail(http.StatusLengthRequired, codeRequest, "Transfer-Encoding is not accepted; send Content-Length")
	} else {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			c.fail(http.StatusRequestEntityTooLarge, codeRequest, "the body is larger than %d bytes", maxBody)
		case err != nil:
			c.fail(http.StatusBadRequest, codeRequest, "the body broke off before Content-Length was reached")
		}
		c.body, c.rec.Body = body, body
	}
	if c.endpoint.dialect == dialectPayline {
		c.readOperation()
	}
	c.rec.Time = c.bank.now()
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		c.rec.ClientCert = r.TLS.PeerCertificates[0]
	}
	if c.bank.opts.OnReceive != nil {
		c.bank.opts.OnReceive(c.rec)
	}
}

// receiveHead takes the message from the raw head (HTTP/1.1) or from what
// HTTP/2 delivered, where there are no header lines.
func (c *call) receiveHead() {
	if c.conn != nil && c.conn.recorded != nil {
		c.r.TLS = &c.conn.recorded.state
		c.rec.RawHead = c.conn.recorded.nextHead()
		msg, err := parseHead(c.rec.RawHead)
		if err != nil {
			c.fail(http.StatusBadRequest, codeRequest, "%v", err)
		}
		c.msg = msg
		return
	}
	c.msg = message{Method: c.r.Method, Target: c.r.RequestURI, Proto: c.r.Proto,
		Fields: []field{{"Host", "host", c.r.Host}}}
	for name, values := range c.r.Header {
		for _, v := range values {
			c.msg.Fields = append(c.msg.Fields, field{name, strings.ToLower(name), strings.Trim(v, " \t")})
		}
	}
}

// forget undoes what a call left in the bank's memory if it was not acted on.
// A request id is used up once the bank acts on it. A signature is used up
// once it arrived, except that a 401 invites the same request again, which
// within one second can have the same signature.
func (c *call) forget(executed bool, status int) {
	if !executed && c.requestID != "" {
		c.bank.requestIDs.forget(c.requestID)
	}
	if status == http.StatusUnauthorized && c.signature != "" {
		c.bank.signatures.forget(c.signature)
	}
	if status == http.StatusUnauthorized && c.shop.once != "" {
		c.bank.shops.once.forget(c.shop.once)
	}
}

func (c *call) record(status int) {
	c.rec.Status = status
	for _, p := range c.problems {
		c.rec.Problems = append(c.rec.Problems, p.Text)
	}
	c.bank.ledger.add(c.rec, c.signatureDue || c.endpoint.dialect == dialectSTET || c.endpoint.dialect == dialectBerlin)
	if c.bank.opts.OnRequest != nil {
		c.bank.opts.OnRequest(c.rec)
	}
}
