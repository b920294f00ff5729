package sidecar

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/google/uuid"
)

// TypeBase is what a problem's code is appended to, to make its "type" URI
// (RFC 9457 section 3.1.1). It resolves to the documentation of the code.
const TypeBase = "https://github.com/caddy-tpp/caddy-tpp/blob/main/docs/errors.md#"

// ErrorHeader is the response header that carries a local refusal's code. The
// bank's own answers never carry it, so that an app tells the two apart at once.
const ErrorHeader = "Sidecar-Error"

// Code is the stable name of a local refusal.
type Code string

// Problem is what is known of a code beforehand: docs/errors.md lists the same.
type Problem struct {
	Code   Code
	Status int
	// Title says what happened, in a sentence without details.
	Title string
	// Remedy says what to do about it.
	Remedy string
}

// Refusal is a call that did not reach the bank, or whose answer did not come
// back, with the reason. It is the only error that this package hands to an app.
type Refusal struct {
	Problem
	// Detail says what exactly was wrong: names, never values of PSU headers,
	// tokens or bodies.
	Detail string
	// ASPSP and RequestID identify the call, where known.
	ASPSP, RequestID string
	// OAuthError is the bank's OAuth2 error code, if the token was refused (RFC 6749 section 5.2).
	OAuthError string
	// MaybeSent is true if the bank may have received and processed the request.
	// False means that nothing of it was sent, so that repeating it is safe.
	MaybeSent bool
	// Err is the cause, for logs and errors.Is.
	Err error
}

// Error implements error.
func (r *Refusal) Error() string {
	text := string(r.Code) + ": " + r.Title
	if r.Detail != "" {
		text += ": " + r.Detail
	}
	return text
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// NotSent reports whether it is certain that nothing reached the bank, so that
// nothing can have changed there.
func (r *Refusal) NotSent() bool { return !r.MaybeSent }

// refuse makes a refusal for one of the known codes.
func refuse(code Code, detail string, err error) *Refusal {
	return &Refusal{Problem: problemFor(code), Detail: detail, Err: err}
}

// problemFor returns what is known of a code. An unknown code would be a
// mistake in this package; it shows as internal-error.
func problemFor(code Code) Problem {
	i := slices.IndexFunc(problems, func(p Problem) bool { return p.Code == code })
	if i < 0 {
		return problemFor(CodeInternal)
	}
	return problems[i]
}

// AsRefusal returns err's refusal, or a refusal of its own making for an error
// that is none.
func AsRefusal(err error) *Refusal {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal
	}
	return refuse(CodeInternal, "", err)
}

// Of returns the refusal of a request for which there is no exchange, with an
// X-Request-ID to speak of it by: the app's, or a new one.
func (r *Refusal) Of(req *http.Request) *Refusal {
	known := *r
	if known.RequestID = req.Header.Get("X-Request-ID"); !validRequestID(known.RequestID) {
		known.RequestID = uuid.NewString()
	}
	return &known
}

// problemDocument is the body of a refusal (RFC 9457), members in reading order.
type problemDocument struct {
	Type        string `json:"type"`
	Title       string `json:"title"`
	Status      int    `json:"status"`
	Detail      string `json:"detail,omitempty"`
	Code        Code   `json:"code"`
	Remedy      string `json:"remedy"`
	ASPSP       string `json:"aspsp,omitempty"`
	RequestID   string `json:"request_id,omitempty"`
	OAuthError  string `json:"oauth_error,omitempty"`
	ReachedBank string `json:"reached_bank"`
}

// Body returns the refusal as application/problem+json.
func (r *Refusal) Body() []byte {
	reached := "no"
	if r.MaybeSent {
		reached = "maybe"
	}
	// The document holds only strings and one number, which always marshal.
	body, _ := json.Marshal(problemDocument{
		Type: TypeBase + string(r.Code), Title: r.Title, Status: r.Status, Detail: r.Detail,
		Code: r.Code, Remedy: r.Remedy, ASPSP: r.ASPSP, RequestID: r.RequestID,
		OAuthError: r.OAuthError, ReachedBank: reached,
	})
	return append(body, '\n')
}

// SetHeader sets the response header fields that go with Body.
func (r *Refusal) SetHeader(h http.Header) {
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(r.Body())))
	h.Set("Cache-Control", "no-store")
	h.Set(ErrorHeader, string(r.Code))
	if r.RequestID != "" {
		h["X-Request-ID"] = []string{r.RequestID}
	}
}

// response returns the refusal as an answer to req.
func (r *Refusal) response(req *http.Request) *http.Response {
	body := r.Body()
	response := &http.Response{
		StatusCode: r.Status, Status: strconv.Itoa(r.Status) + " " + http.StatusText(r.Status),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
	r.SetHeader(response.Header)
	return response
}

// Write answers the app with the refusal.
func (r *Refusal) Write(w http.ResponseWriter) {
	r.SetHeader(w.Header())
	w.WriteHeader(r.Status)
	_, _ = w.Write(r.Body())
}
