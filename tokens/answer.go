package tokens

import "time"

// Answer is what a bank answered, raw: it is stored before it is judged.
// Printed and logged it shows its status only. Marshalled to JSON it shows
// everything, tokens included: that form is for an encrypted store alone.
type Answer struct {
	// Status is the HTTP status.
	Status int
	// Body is what came of the body, at most 64 KiB.
	Body []byte
	// Truncated says that the body broke off, was too long, or was not complete
	// when time ran out.
	Truncated bool
	// AskedAt is just before the request was sent, from where lifetimes count.
	AskedAt time.Time
	// ContentType is the answer's Content-Type. Nothing is decided by it.
	ContentType string
	// RetryAfter is how long the bank asks to wait, 0 if it does not say.
	RetryAfter time.Duration
	// Echoes says that the error code repeats something secret of the request,
	// and must not be shown.
	Echoes bool
}

// Verdict is what an answer amounts to.
type Verdict string

// All verdicts.
const (
	// VerdictGranted: there are tokens.
	VerdictGranted Verdict = "granted"
	// VerdictRefused: the bank says no, and no token has changed.
	VerdictRefused Verdict = "refused"
	// VerdictNotProcessed: the bank says that it has done nothing.
	VerdictNotProcessed Verdict = "not_processed"
	// VerdictUnclear: tokens may have been issued, used up or rotated.
	VerdictUnclear Verdict = "unclear"
)

// Pair is what a bank granted. Whatever way it is printed, logged or
// marshalled, its values do not appear.
type Pair struct {
	// Access is the access token. With a Lifetime of zero it is not usable beyond
	// the request that waits for it.
	Access *Token
	// Refresh is the new refresh token; "" means that the old one is kept.
	Refresh string
	// IDToken is the id_token as it came, not validated.
	IDToken string
	// Scope is the scope that the bank says was granted, "" if it does not say.
	Scope string
	// Lifetime is that of the access token, within the bounds of the Spec.
	Lifetime time.Duration
}

// Judge says what the answer amounts to. It depends on nothing but the answer
// and the Spec, so that it can be repeated after a crash.
//
// Only VerdictGranted comes without an error: a [*RefusedError] for
// VerdictRefused, [ErrUnavailable], [ErrMalformed] or [ErrRedirected] otherwise.
// The Pair is complete with VerdictGranted. With VerdictUnclear it may hold
// a refresh token that could be read, without an access token; else it is nil.
func (a *Answer) Judge(s *Spec) (Verdict, *Pair, error) {
	return VerdictUnclear, nil, ErrMalformed
}

// Fatal reports whether a refusal ends the PSU's authorization: invalid_grant
// and its kin, by OAuth error code. Everything else is the TPP's matter, or the
// bank's, and leaves the authorization as it is.
func Fatal(err error) bool { return false }

// ClientRefused reports whether the bank refuses this TPP or its certificate:
// invalid_client or unauthorized_client.
func ClientRefused(err error) bool { return false }

// UnansweredError means that a request for tokens got no answer. It wraps
// [ErrUnavailable] and the cause.
type UnansweredError struct {
	// NotSent says that nothing reached the bank, so that nothing has changed
	// there.
	NotSent bool
	cause   error
}

// Error says why, in words that hold nothing the far side chose.
func (e *UnansweredError) Error() string { return e.cause.Error() }

// Unwrap gives [ErrUnavailable] and the cause.
func (e *UnansweredError) Unwrap() error { return e.cause }
