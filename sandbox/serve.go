package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
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
	fault := b.faults.take(c.endpoint.name == operationToken)
	if fault.ExpireTokens {
		b.ExpireTokens()
	}
	c.rec.Fault = fault != Fault{}
	c.check()
	c.act(w, fault)
}

// receive reads the whole request and finds its endpoint.
func (c *call) receive(w http.ResponseWriter) {
	r := c.r
	c.rec = &Record{Conn: r.RemoteAddr, Proto: r.Proto, Method: r.Method, RequestURI: r.RequestURI,
		Host: r.Host, Header: r.Header.Clone()}
	c.endpoint, c.params = c.bank.match(r.URL.Path)
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
	c.rec.Time = c.bank.now()
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		c.rec.ClientCert = r.TLS.PeerCertificates[0]
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

// act applies the fault, runs the endpoint unless a check failed, and answers.
func (c *call) act(w http.ResponseWriter, fault Fault) {
	if fault.Delay > 0 {
		c.wait(time.Duration(fault.Delay))
	}
	switch {
	case fault.Hang:
		c.forget(false, 0)
		c.record(0)
		c.wait(0)
		c.cut()
	case fault.Reset == ResetBefore:
		c.forget(false, 0)
		c.record(0)
		c.cut()
	}
	a, executed := c.respond(fault)
	c.forget(executed, a.status)
	if id, ok := c.msg.first("x-request-id"); ok {
		a.header.Set("X-Request-ID", id)
	}
	a.header.Set("X-CorrelationID", uuid.NewString())
	if fault.Reset == ResetAfter {
		c.record(0)
		c.cut()
	}
	c.record(a.status)
	c.write(w, a, fault)
}

func (c *call) respond(fault Fault) (a *answer, executed bool) {
	switch {
	case fault.Status != 0:
		return c.faultAnswer(fault), false
	case len(c.problems) > 0:
		return c.refusal(c.problems), false
	}
	a, p := c.endpoint.run(c)
	if p != nil {
		c.problems = append(c.problems, p)
		a = c.refusal(c.problems)
	}
	return a, true
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
}

// wait waits that long (0: without end), but not longer than client and bank live.
func (c *call) wait(d time.Duration) {
	var timeout <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-timeout:
	case <-c.r.Context().Done():
	case <-c.bank.closed:
	}
}

// cut resets the connection and ends the handler.
func (c *call) cut() {
	if c.conn != nil {
		c.conn.reset()
	}
	panic(http.ErrAbortHandler)
}

func (c *call) record(status int) {
	c.rec.Status = status
	for _, p := range c.problems {
		c.rec.Problems = append(c.rec.Problems, p.Text)
	}
	c.bank.ledger.add(c.rec, c.endpoint.dialect == dialectSTET || c.endpoint.dialect == dialectBerlin)
	if c.bank.opts.OnRequest != nil {
		c.bank.opts.OnRequest(c.rec)
	}
}

func (c *call) write(w http.ResponseWriter, a *answer, fault Fault) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if a.status == http.StatusLengthRequired || a.status == http.StatusRequestEntityTooLarge {
		// What is left of the body must not be read as the next request.
		w.Header().Set("Connection", "close")
	}
	if a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	body := a.body
	if fault.Reset == ResetMidway {
		body = body[:len(body)/2]
	}
	// A client that went away is no concern of the bank's.
	_, _ = w.Write(body)
	closing := fault.CloseAfter > 0 && c.conn != nil && c.conn.answered() >= fault.CloseAfter
	if !closing && fault.Reset != ResetMidway {
		return
	}
	_ = http.NewResponseController(w).Flush()
	if fault.Reset == ResetMidway {
		c.cut()
	}
	c.conn.raw.Close()
	panic(http.ErrAbortHandler)
}

func (c *call) faultAnswer(f Fault) *answer {
	code := f.Code
	if code == "" && f.Status == http.StatusTooManyRequests {
		code = codeTooMany
	} else if code == "" {
		code = codeInternal
	}
	a := c.refusal([]*problem{refuse(f.Status, code, "injected fault: the sandbox was told to answer %d", f.Status)})
	if f.HTML {
		page := fmt.Sprintf("<html><head><title>%d %s</title></head><body>Service interrompu</body></html>",
			f.Status, http.StatusText(f.Status))
		a = newAnswer(f.Status, "text/html; charset=utf-8", []byte(page))
	}
	if f.RetryAfter > 0 {
		a.header.Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	return a
}
