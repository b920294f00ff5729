package sidecar

import (
	"errors"
	"io"
	"net/http"
)

// readBody reads a request's body once, into a buffer that the exchange owns:
// what is digested is what is sent, however often it is sent.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil, nil
	}
	if r.ContentLength > limit {
		return nil, refuse(CodeBodyTooLarge, "", nil)
	}
	if r.ContentLength > 0 && r.ContentLength <= trusted {
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, bodyError(err)
		}
		return body, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1)) // net/http holds it to an announced length
	if err != nil {
		return nil, bodyError(err)
	}
	if int64(len(body)) > limit {
		return nil, refuse(CodeBodyTooLarge, "", nil)
	}
	return body, nil
}

// trusted is the announced length up to which memory is set aside before the
// body arrives: a larger one has to be sent first.
const trusted = 1 << 20

// bodyError tells a limit set elsewhere (request_body max_size) from a broken body.
func bodyError(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return refuse(CodeBodyTooLarge, "", tooLarge)
	}
	return refuse(CodeBodyUnreadable, "", err)
}
