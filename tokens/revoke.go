package tokens

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// Revoke revokes a token at the bank (RFC 7009). hint is "refresh_token",
// "access_token" or "". nil means that the bank said yes, also to a token it does
// not know. Errors are [ErrNoRevocation], [*RefusedError], [ErrUnavailable],
// [ErrRedirected] and those of [Endpoint.Ask]. It may be repeated.
func (ep *Endpoint) Revoke(ctx context.Context, token, hint, clientID string) error {
	target, err := ep.RevocationEndpoint(ctx)
	if err != nil {
		return err
	}
	if target == "" {
		return ErrNoRevocation
	}
	if token == "" {
		return fmt.Errorf("%w: there is no token to revoke", ErrSpec)
	}
	form := url.Values{"token": {token}}
	if hint != "" {
		form.Set("token_type_hint", hint)
	}
	answer, err := ep.post(ctx, PurposeRevoke, target, form, clientID)
	if err != nil {
		return err
	}
	answer.hideEchoes(token, clientID, form.Get("client_secret"), form.Get("client_assertion"))
	return answer.judgeRevocation()
}

// judgeRevocation sorts the answer to a revocation. A body that broke off
// changes nothing about the status.
func (a *Answer) judgeRevocation() error {
	code, refused := salvage(a.Body).refusal()
	if a.Echoes {
		code = ""
	}
	switch {
	case a.Status >= 300 && a.Status < 400:
		return fmt.Errorf("%w (HTTP %d)", ErrRedirected, a.Status)
	case isTransient(a.Status, code), slices.Contains(notYetCodes, code):
		return fmt.Errorf("%w: HTTP %d", ErrUnavailable, a.Status)
	case isHTML(a.Body):
		return fmt.Errorf("%w: an HTML page (HTTP %d)", ErrUnavailable, a.Status)
	case a.Status < http.StatusOK || a.Status >= 400 || refused:
		return &RefusedError{OAuthError: code, Status: a.Status}
	}
	return nil
}
