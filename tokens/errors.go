package tokens

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// Why there is no token. The texts are safe to log and to show to the app.
var (
	// ErrUnavailable means the bank gave no answer that counts: network
	// failure, timeout, a 5xx, 408 or 429, an HTML page with whatever status, or a
	// truncated body. It says nothing about the credentials. The cause is
	// wrapped: [errors.Is] finds [context.DeadlineExceeded], [errors.As] finds
	// a [net.Error] with its Timeout.
	ErrUnavailable = errors.New("token endpoint unavailable")

	// ErrMalformed means the bank answered with success, but without a token
	// that can be used: no JSON, no or an unsafe access_token, a token_type
	// other than Bearer, or more than 64 KiB. Retrying seldom helps.
	ErrMalformed = errors.New("token endpoint's answer holds no usable token")

	// ErrTokenType means that the token is of another kind than Bearer, and so will be
	// the next ones. ErrMalformed is in its chain.
	ErrTokenType = fmt.Errorf("%w: token_type is not Bearer", ErrMalformed)

	// ErrRedirected means the bank answered 3xx. That is how fallback
	// interfaces answer (RTS article 33); it is never followed and never a token.
	ErrRedirected = errors.New("token endpoint answered with a redirect")

	// ErrUndelivered means the bank took the asking for a token that it delivers
	// elsewhere, and did not deliver one in time ([Delivered.Wait]).
	ErrUndelivered = errors.New("the bank has delivered no token")

	// ErrSpec means the token section, or what was made of it, cannot work.
	// Nothing was sent.
	ErrSpec = errors.New("invalid token configuration")

	// ErrIDToken means that an id_token does not hold. The reason is in the text.
	ErrIDToken = errors.New("id_token is not valid")

	// ErrMetadata means that what the authorization server says of itself cannot
	// be used. The text says what, and which setting helps.
	ErrMetadata = errors.New("authorization server metadata cannot be used")

	// ErrNoRevocation means that the bank offers no revocation endpoint.
	ErrNoRevocation = errors.New("the bank has no revocation endpoint")

	// ErrClosed means the cache was closed.
	ErrClosed = errors.New("token cache is closed")
)

// RefusedError means that the bank answered and refuses to issue a token
// (RFC 6749 section 5.2), such as with invalid_client or invalid_scope.
// Retrying without changing something does not help.
type RefusedError struct {
	// OAuthError is the answer's error code, or "" if it has none or one that
	// cannot be shown: longer than 64 characters, with spaces or characters that
	// RFC 6749 section 5.2 does not allow, or repeating the token or client_id.
	OAuthError string
	// Status is the HTTP status of the answer.
	Status int
}

// Error gives the code and the status, and nothing else of the answer.
func (e *RefusedError) Error() string {
	text := "token request refused"
	if e.OAuthError != "" {
		text += ": " + e.OAuthError
	}
	return text + " (HTTP " + strconv.Itoa(e.Status) + ")"
}

// unavailableError is ErrUnavailable with its cause. The cause's own text is
// not part of Error, since net/http quotes what the far side sent in some of
// its errors ("malformed HTTP response …"), which may be a token.
type unavailableError struct {
	reason string
	cause  error
}

func (e *unavailableError) Error() string   { return ErrUnavailable.Error() + ": " + e.reason }
func (e *unavailableError) Unwrap() []error { return []error{ErrUnavailable, e.cause} }

// unavailable wraps an error of the exchange with the bank.
func unavailable(ctx context.Context, cause error) error {
	if ctx.Err() != nil && !errors.Is(cause, ctx.Err()) {
		// A connection closed because time ran out need not say so itself.
		cause = errors.Join(ctx.Err(), cause)
	}
	return &unavailableError{reason: describe(cause), cause: cause}
}

// describe says what went wrong in words that hold nothing the far side chose,
// apart from the names in its certificate.
func describe(err error) string {
	var (
		certificate *tls.CertificateVerificationError
		dns         *net.DNSError
		operation   *net.OpError
		timeout     net.Error
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.As(err, &certificate):
		return certificate.Error()
	case errors.As(err, &dns):
		return dns.Error()
	case errors.As(err, &operation):
		return operation.Error()
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "connection closed before the answer was complete"
	case strings.HasPrefix(err.Error(), "tls: "):
		return err.Error() // crypto/tls's own words about a handshake
	default:
		return "the exchange failed"
	}
}
