package grants

import (
	"errors"
	"time"
)

// Why a grant has no token, or cannot be changed. The texts name neither grant
// nor PSU and hold no token. Besides these there are the vault's errors
// ([vault.ErrUnavailable], [vault.ErrDamaged], [vault.ErrUnknownKey]) and those
// of the tokens package ([tokens.ErrUnavailable], [*tokens.RefusedError], …),
// wrapped.
var (
	// ErrName means that a grant's name cannot be one; see [ID].
	ErrName = errors.New("invalid name of a grant")

	// ErrUnknown means that there is no grant of that name.
	ErrUnknown = errors.New("no such grant")

	// ErrConsentExpired means that the PSU's strong authentication is too long
	// ago. Only the PSU can renew it. Details are in [*ExpiredError].
	ErrConsentExpired = errors.New("the PSU's consent has expired")

	// ErrRevoked means that the grant was revoked here.
	ErrRevoked = errors.New("the grant was revoked")

	// ErrRefused means that the bank has ended the grant: it refused its refresh
	// token for good, with invalid_grant or its kin. Details are in
	// [*RefusedError].
	ErrRefused = errors.New("the bank has ended the grant")

	// ErrQuarantined means that nobody can tell whether the bank still honours
	// the grant's tokens, so that none is sent. Details are in
	// [*QuarantinedError].
	ErrQuarantined = errors.New("the grant is quarantined")

	// ErrElsewhere means that the grant was given at another authorization
	// server, or to another client_id, than the configuration names now: a bank
	// moved, or sandbox and live system mixed up. Nothing is sent. See [Store.Adopt].
	ErrElsewhere = errors.New("the grant belongs to another token endpoint or client_id")

	// ErrNoClient means that there is no way to the bank: the ASPSP has no token
	// endpoint. Nothing is sent.
	ErrNoClient = errors.New("the ASPSP has no token endpoint")

	// ErrExists means that an import would overwrite a grant.
	ErrExists = errors.New("there is a grant of that name already")

	// ErrNoRefreshToken means that the access token is used up, and the bank has
	// given no refresh token. Only the PSU can renew it.
	ErrNoRefreshToken = errors.New("the grant has no refresh token")

	// ErrBusy means that the bank is being asked about the grant at this moment,
	// and that it took too long to wait for the outcome.
	ErrBusy = errors.New("the bank is being asked about the grant")

	// ErrImport means that what is to be imported cannot be a grant.
	ErrImport = errors.New("invalid import")

	// ErrCode means that an authorization code cannot be sent: it is empty, or
	// was sent before. Nothing is sent.
	ErrCode = errors.New("invalid authorization code")

	// ErrNotHeld means that a grant cannot be released: it is neither
	// quarantined nor refused.
	ErrNotHeld = errors.New("the grant is neither quarantined nor refused")

	// ErrActive means that a grant cannot be forgotten before it is revoked.
	ErrActive = errors.New("the grant is active: revoke it first")

	// ErrRevocationPending means that a grant cannot be forgotten before the bank has
	// confirmed its revocation: its token is the only way to that.
	ErrRevocationPending = errors.New("the bank has not confirmed the grant's revocation: revoke it again first")

	// ErrUnchecked means that an id_token had to be validated and could not be,
	// for the bank's keys were not to be had.
	ErrUnchecked = errors.New("the id_token could not be validated")

	// ErrCursor means that a page of the list was asked for with a cursor that
	// [Store.List] did not give.
	ErrCursor = errors.New("invalid cursor")

	// ErrClosed means that the store was closed or retired.
	ErrClosed = errors.New("grants are closed")
)

// ExpiredError says when the PSU's consent ended.
type ExpiredError struct {
	// Until is the end of the consent.
	Until time.Time
}

func (e *ExpiredError) Error() string {
	return ErrConsentExpired.Error() + " on " + e.Until.UTC().Format(time.DateOnly)
}

// Unwrap gives ErrConsentExpired.
func (e *ExpiredError) Unwrap() error { return ErrConsentExpired }

// OtherCertificateError means that another process has just refreshed the grant
// under its own certificate, and that this one's is another: they would take the
// token from each other without end. It is an ErrBusy.
type OtherCertificateError struct {
	// Until is when the token may be replaced by one for this process's certificate.
	Until time.Time
}

func (e *OtherCertificateError) Error() string {
	return "the grant was just refreshed under another certificate; give all instances the same one, or wait until " +
		e.Until.UTC().Format(time.TimeOnly)
}

// Unwrap gives ErrBusy.
func (e *OtherCertificateError) Unwrap() error { return ErrBusy }

// QuarantinedError says why a grant is quarantined.
type QuarantinedError struct {
	// Reason is one of the Reason constants.
	Reason string
	// Since is when it was quarantined.
	Since time.Time
}

func (e *QuarantinedError) Error() string {
	return ErrQuarantined.Error() + ": " + e.Reason
}

// Unwrap gives ErrQuarantined.
func (e *QuarantinedError) Unwrap() error { return ErrQuarantined }

// RefusedError says how the bank has ended a grant.
type RefusedError struct {
	// Reason is the bank's OAuth error code.
	Reason string
	// Since is when the bank said so.
	Since time.Time
}

func (e *RefusedError) Error() string { return ErrRefused.Error() + ": " + e.Reason }

// Unwrap gives ErrRefused.
func (e *RefusedError) Unwrap() error { return ErrRefused }
