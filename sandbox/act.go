package sandbox

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// act applies the fault, runs the endpoint unless a check failed, and answers.
func (c *call) act(w http.ResponseWriter, fault Fault) {
	if fault.Reset == ResetBefore || (fault.Hang && !fault.Processed) {
		c.neverAct(fault)
	}
	if fault.Delay > 0 && !fault.Processed {
		c.wait(time.Duration(fault.Delay))
	}
	a, executed := c.respond(fault)
	c.forget(executed, a.status)
	if fault.Processed {
		c.wait(time.Duration(fault.Delay))
		if fault.Status != 0 {
			a = c.faultAnswer(fault)
		}
	}
	c.correlate(a)
	if fault.Status == 0 {
		c.signAnswer(a)
	}
	c.countOutcome(fault, executed)
	if fault.Hang || fault.Reset == ResetAfter {
		c.record(0)
		if fault.Hang {
			c.waitForEnd()
		}
		c.cut()
	}
	c.record(a.status)
	c.write(w, a, fault)
}

// correlate gives the request's id back, in the header of the standard. Open
// Banking makes one up if there is none.
func (c *call) correlate(a *answer) {
	a.header.Set("X-CorrelationID", uuid.NewString())
	if id, ok := c.msg.first("x-request-id"); ok {
		a.header.Set("X-Request-ID", id)
	}
	id, ok := c.msg.first("x-fapi-interaction-id")
	if !ok && c.endpoint.dialect.openBanking() {
		id = uuid.NewString()
	}
	if id != "" {
		a.header.Set("X-FAPI-Interaction-ID", id)
	}
}

// neverAct ends a call that the bank does not act on and does not answer.
func (c *call) neverAct(fault Fault) {
	c.wait(time.Duration(fault.Delay))
	c.forget(false, 0)
	c.countOutcome(fault, false)
	c.record(0)
	if fault.Hang {
		c.waitForEnd()
	}
	c.cut()
}

func (c *call) respond(fault Fault) (a *answer, executed bool) {
	switch {
	case fault.Status != 0 && !fault.Processed:
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

// wait waits that long, but not longer than client and bank live.
func (c *call) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.r.Context().Done():
	case <-c.bank.closed:
	}
}

// waitForEnd waits for the end of client or bank.
func (c *call) waitForEnd() {
	select {
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

func (c *call) write(w http.ResponseWriter, a *answer, fault Fault) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if a.status == http.StatusLengthRequired || a.status == http.StatusRequestEntityTooLarge {
		// What is left of the body must not be read as the next request.
		w.Header().Set("Connection", "close")
	}
	body, promised := fault.cutShort(a.body)
	if a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(promised))
	}
	w.WriteHeader(a.status)
	c.send(w, body, fault)
	if c.shop.delivery != nil {
		// The delivery is to come after the answer.
		_ = http.NewResponseController(w).Flush()
	}
	closing := fault.CloseAfter > 0 && c.conn != nil && c.conn.answered() >= fault.CloseAfter
	if !closing && promised == len(body) && fault.Reset != ResetMidway {
		return
	}
	_ = http.NewResponseController(w).Flush()
	if fault.Reset == ResetMidway || c.conn == nil {
		c.cut()
	}
	c.conn.raw.Close()
	panic(http.ErrAbortHandler)
}

// cutShort is what is sent of a body, and the length that is promised.
func (f *Fault) cutShort(body []byte) (sent []byte, promised int) {
	keep := len(body)
	switch {
	case f.Reset == ResetMidway || (f.Truncate != "" && f.TruncateAt == 0):
		keep /= 2
	case f.Truncate != "" && f.TruncateAt < 0:
		keep = max(0, keep+f.TruncateAt)
	case f.Truncate != "":
		keep = min(keep, f.TruncateAt)
	}
	if f.Truncate == TruncateClean {
		return body[:keep], keep
	}
	return body[:keep], len(body)
}

// send writes the body, slowly if the fault says so. A client that went away
// is no concern of the bank's.
func (c *call) send(w http.ResponseWriter, body []byte, fault Fault) {
	if fault.DripBytes == 0 {
		_, _ = w.Write(body)
		return
	}
	flusher := http.NewResponseController(w)
	for len(body) > 0 && c.r.Context().Err() == nil {
		_ = flusher.Flush()
		c.wait(time.Duration(fault.DripEvery))
		n := min(fault.DripBytes, len(body))
		_, _ = w.Write(body[:n])
		body = body[n:]
	}
}

func (c *call) faultAnswer(f Fault) *answer {
	code := f.Code
	if code == "" && f.Status == http.StatusTooManyRequests {
		code = codeTooMany
	} else if code == "" {
		code = codeInternal
	}
	text := f.Description
	if text == "" {
		text = fmt.Sprintf("injected fault: the sandbox was told to answer %d", f.Status)
	}
	a := c.refusal([]*problem{{f.Status, code, text}})
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
