package tokens

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
)

// UnansweredError means that a request for tokens got no answer. It wraps
// [ErrUnavailable] and the cause.
type UnansweredError struct {
	// NotSent says that nothing reached the bank, so that nothing has changed
	// there.
	NotSent bool
	cause   error
}

// Error says why, in words that hold nothing the far side chose.
func (e *UnansweredError) Error() string {
	switch {
	case e.cause == nil:
		return ErrUnavailable.Error()
	case e.NotSent:
		return e.cause.Error() + " (nothing was sent)"
	}
	return e.cause.Error()
}

// Unwrap gives [ErrUnavailable] and the cause.
func (e *UnansweredError) Unwrap() error {
	if e.cause == nil {
		return ErrUnavailable
	}
	return e.cause
}

// ApplicationError means that a request was not made for want of the
// application token. It wraps the reason, which says nothing about the PSU's
// authorization.
type ApplicationError struct{ cause error }

// Error gives the reason.
func (e *ApplicationError) Error() string { return "application token: " + e.cause.Error() }

// Unwrap gives the reason.
func (e *ApplicationError) Unwrap() error { return e.cause }

// NotSent reports whether an error of [Endpoint.Ask], [Endpoint.Push] or
// [Endpoint.Revoke] means that nothing reached the bank. An error that comes
// with an answer is none.
func NotSent(err error) bool {
	var (
		application *ApplicationError
		unanswered  *UnansweredError
		refused     *RefusedError
	)
	if errors.As(err, &application) {
		return true
	}
	if errors.As(err, &unanswered) {
		return unanswered.NotSent
	}
	return err != nil && !errors.As(err, &refused)
}

// unanswered wraps an error of [Endpoint.Do].
func unanswered(ctx context.Context, cause error) error {
	return &UnansweredError{NotSent: knownNotSent(cause), cause: unavailable(ctx, cause)}
}

// knownNotSent reports whether an error of an exchange says by itself, or by its
// kind, that nothing was sent: without a name, a connection or trust in the
// far side nothing is.
func knownNotSent(err error) bool {
	var knows interface{ NotSent() bool }
	if errors.As(err, &knows) {
		return knows.NotSent()
	}
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		operation   *net.OpError
	)
	return errors.As(err, &dns) || errors.As(err, &certificate) ||
		errors.As(err, &operation) && operation.Op == "dial"
}
