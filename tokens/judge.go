package tokens

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
)

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

// OAuth error codes that are told apart: those that end a PSU's authorization
// (RFC 6749 section 5.2, RFC 8628 section 3.5, OpenID Connect Core section
// 3.1.2.6), and those that speak of the TPP. access_denied is not among them: at
// a token endpoint it is no code of RFC 6749, and gateways answer with it to
// clients, certificates and addresses that they do not let in.
var (
	fatalCodes  = []string{"invalid_grant", "expired_token", "consent_required", "interaction_required", "login_required"}
	clientCodes = []string{"invalid_client", "unauthorized_client"}
	// notYetCodes say that nothing was done, this time.
	notYetCodes = []string{"temporarily_unavailable", "slow_down"}
	// registeredCodes are no secrets, even if one is part of a secret.
	registeredCodes = slices.Concat(fatalCodes, clientCodes, notYetCodes,
		[]string{"access_denied", "server_error", "invalid_request", "invalid_scope", "unsupported_grant_type"})
)

// Judge says what the answer amounts to. It depends on nothing but the answer
// and the Spec, so that it can be repeated after a crash.
//
// Tokens are taken wherever they can be read as a whole. Of a body that broke
// off that is the case once both of them are there: behind an access token
// alone, a rotated refresh token may have been lost.
//
// Only VerdictGranted comes without an error: a [*RefusedError] for
// VerdictRefused, [ErrUnavailable], [ErrMalformed] or [ErrRedirected] otherwise.
// The Pair is complete with VerdictGranted. With VerdictUnclear it may hold
// a refresh token that could be read, without an access token; else it is nil.
func (a *Answer) Judge(s *Spec) (Verdict, *Pair, error) {
	m := salvage(a.Body)
	code, refused := m.refusal()
	if a.Echoes {
		code = ""
	}
	switch {
	case s.saysNotProcessed(a.Status) || slices.Contains(notYetCodes, code):
		return VerdictNotProcessed, nil, fmt.Errorf("%w: not processed (HTTP %d)", ErrUnavailable, a.Status)
	case a.Status >= 300 && a.Status < 400:
		return VerdictUnclear, nil, fmt.Errorf("%w (HTTP %d)", ErrRedirected, a.Status)
	case isHTML(a.Body):
		return VerdictUnclear, nil, fmt.Errorf("%w: an HTML page (HTTP %d)", ErrUnavailable, a.Status)
	case a.Status < 200 || a.Status >= 500 || a.Status == http.StatusRequestTimeout || code == "server_error":
		return VerdictUnclear, nil, fmt.Errorf("%w: HTTP %d", ErrUnavailable, a.Status)
	case a.Status >= 400 || refused:
		// Some banks refuse with status 200 and an error member.
		return VerdictRefused, nil, &RefusedError{OAuthError: code, Status: a.Status}
	}
	return a.judgeSuccess(m, s)
}

// judgeSuccess is Judge for a status of 2xx without an error member.
func (a *Answer) judgeSuccess(m members, s *Spec) (Verdict, *Pair, error) {
	pair, err := m.pair(a.AskedAt, s)
	switch {
	case err == nil && (m.complete || pair.Refresh != ""):
		return VerdictGranted, pair, nil
	case errors.Is(err, ErrTokenType):
	case a.Truncated && !m.complete:
		err = fmt.Errorf("%w: the answer broke off (HTTP %d)", ErrUnavailable, a.Status)
	case !m.complete:
		err = fmt.Errorf("%w: the body is not a JSON object", ErrMalformed)
	}
	if pair.Refresh == "" {
		return VerdictUnclear, nil, err
	}
	return VerdictUnclear, &Pair{Refresh: pair.Refresh, IDToken: pair.IDToken, Scope: pair.Scope}, err
}

// saysNotProcessed reports whether the status means that nothing was done.
func (s *Spec) saysNotProcessed(status int) bool {
	if s.NotProcessed == nil {
		return status == http.StatusTooManyRequests
	}
	return slices.Contains(s.NotProcessed, status)
}

// Fatal reports whether a refusal ends the PSU's authorization: invalid_grant
// and its kin, by OAuth error code. Everything else is the TPP's matter, or the
// bank's, and leaves the authorization as it is.
func Fatal(err error) bool {
	var application *ApplicationError
	return !errors.As(err, &application) && hasCode(err, fatalCodes)
}

// ClientRefused reports whether the bank refuses this TPP or its certificate:
// invalid_client or unauthorized_client.
func ClientRefused(err error) bool { return hasCode(err, clientCodes) }

func hasCode(err error, codes []string) bool {
	var refused *RefusedError
	return errors.As(err, &refused) && slices.Contains(codes, refused.OAuthError)
}
