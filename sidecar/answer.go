package sidecar

import (
	"context"
	"io"
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// HeaderBankRequestID carries the X-Request-ID of the bank's answer to the app,
// if it is another one than was sent.
const HeaderBankRequestID = "Sidecar-Bank-Request-ID"

// receive takes the bank's answer for the app. What is no final answer, though
// net/http takes it for one, is refused: an unasked switch of protocols would
// reach the app as an empty success.
func (ex *Exchange) receive(ctx context.Context, response *http.Response) (*http.Response, error) {
	if response.StatusCode < http.StatusOK || response.StatusCode > 999 {
		_ = response.Body.Close()
		return nil, refuseReached(CodeBankAnswerUnreadable, "its status is no final one", nil)
	}
	cleanControl(response.Trailer)
	if response.ContentLength < 0 {
		// Only such an answer can have trailers, known when its body is read.
		response.Body = &trailerCleaner{ReadCloser: response.Body, response: response}
	}
	verdict, err := ex.judge(ctx, response)
	if err != nil {
		_ = response.Body.Close()
		return nil, err
	}
	ex.cleanAnswer(response.Header)
	if verdict != "" {
		response.Header.Set(HeaderVerdict, verdict)
	}
	ex.relink(response)
	ex.status = response.StatusCode
	return response, nil
}

// cleanAnswer keeps the bank from sounding like the sidecar, and tells the app
// the X-Request-ID under which its call was sent.
func (ex *Exchange) cleanAnswer(h http.Header) {
	cleanControl(h)
	if key := ex.aspsp.requestIDKey; key != usualRequestIDKey && len(h[key]) == 0 {
		// Under another name the bank's own is the app's to see.
		h[key] = []string{ex.requestID}
	}
	if echoed := h.Get("X-Request-ID"); echoed != ex.requestID {
		if echoed != "" {
			h.Set(HeaderBankRequestID, echoed)
		}
		h.Set("X-Request-ID", ex.requestID)
	}
}

// cleanControl removes Sidecar-* headers, which only the sidecar may answer with.
func cleanControl[H http.Header | textproto.MIMEHeader](h H) {
	for name := range h {
		if strings.HasPrefix(name, controlPrefix) {
			delete(h, name)
		}
	}
}

// trailerCleaner cleans an answer's trailers, which net/http adds when it
// reads the end of the body.
type trailerCleaner struct {
	io.ReadCloser
	response *http.Response
}

// Read implements io.Reader.
func (c *trailerCleaner) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if err == io.EOF {
		cleanControl(c.response.Trailer)
	}
	return n, err
}

// discardTime bounds how long a refused answer is read.
const discardTime = 100 * time.Millisecond

// discard reads a short body to its end, so that the connection can be reused,
// but waits for no bank that does not send it.
func discard(body io.ReadCloser) {
	late := time.AfterFunc(discardTime, func() { _ = body.Close() })
	defer late.Stop()
	_, _ = io.CopyN(io.Discard, body, 64<<10)
	_ = body.Close()
}
