package sidecar

import (
	"bytes"
	"errors"
	"io"
	"net/http"
)

// errTooLarge says that an answer's body is larger than may be held.
var errTooLarge = errors.New("the body is larger than the limit")

// hold reads an answer's body into memory, up to a limit, and leaves the answer
// so that the body can be read from the beginning: all that was there, and the
// error with which it ended. The error is errTooLarge or why it broke off.
func hold(response *http.Response, limit int) ([]byte, error) {
	original := response.Body
	if original == nil || original == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(original, int64(limit)+1))
	switch {
	case err != nil:
		response.Body = heldBody{io.MultiReader(bytes.NewReader(body), broken{err}), original}
		return nil, err
	case len(body) > limit:
		response.Body = heldBody{io.MultiReader(bytes.NewReader(body), original), original}
		return nil, errTooLarge
	}
	_ = original.Close() // it was read to its end: the connection can be used again
	response.Body = io.NopCloser(bytes.NewReader(body))
	return body, nil
}

// heldBody is a body of which the beginning was read already.
type heldBody struct {
	io.Reader
	io.Closer
}

// broken is the end of a body that broke off.
type broken struct{ err error }

// Read implements io.Reader.
func (b broken) Read([]byte) (int, error) { return 0, b.err }
