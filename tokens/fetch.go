package tokens

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
)

// check refuses what can never work before anything leaves.
func (ep *Endpoint) check() error {
	switch {
	case ep == nil || ep.Do == nil:
		return fmt.Errorf("%w: there is no way to reach the token endpoint", ErrSpec)
	case !ep.Spec.Fetches():
		return fmt.Errorf("%w: with grant %q there is no token to fetch: use one of %s, %s, %s", ErrSpec, ep.Spec.Grant,
			GrantClientCredentials, GrantJWT, GrantDelivered)
	case ep.Spec.Grant == GrantJWT && ep.JWT == nil, ep.Spec.Grant == GrantDelivered && ep.Inbox == nil:
		return fmt.Errorf("%w: nothing is there to make, or to receive, tokens", ErrSpec)
	}
	return nil
}

// fetchFunc is the coordinator's fetch step. It runs at most once at a time
// for a key, under a context that no caller can cancel.
type fetchFunc func(ctx context.Context, key Key, ep *Endpoint) (*Token, error)

// fetcher is the fetch step for the TPP's own tokens.
type fetcher struct {
	now func() time.Time
}

// fetch gets a token of the TPP itself, in the way that the bank knows.
func (g fetcher) fetch(ctx context.Context, key Key, ep *Endpoint) (*Token, error) {
	if err := ep.check(); err != nil {
		return nil, err
	}
	switch ep.Spec.Grant {
	case GrantJWT:
		return ep.JWT.token(g.now())
	case GrantDelivered:
		return g.delivered(ctx, key, ep)
	default:
		return g.clientCredentials(ctx, key, ep)
	}
}

// clientCredentials asks for a token, once more if the connection it was asked
// on turned out to be dead. A new client_credentials token harms no other, so
// that asking twice is safe even if the first request did arrive.
func (g fetcher) clientCredentials(ctx context.Context, key Key, ep *Endpoint) (*Token, error) {
	token, stale, err := g.attempt(ctx, key, ep)
	if stale {
		token, _, err = g.attempt(ctx, key, ep)
	}
	return token, err
}

// attempt makes one request. stale means that it failed on a kept-alive
// connection before any answer: tokens are fetched so seldom that the bank, or
// a firewall between, has often given the connection up by then.
func (g fetcher) attempt(ctx context.Context, key Key, ep *Endpoint) (token *Token, stale bool, err error) {
	var reused atomic.Bool
	ctx = context.WithValue(ctx, errandKey{}, errand{PurposeApplication, key.ClientID})
	request, err := newTokenRequest(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { reused.Store(info.Reused) },
	}), key, ep)
	if err != nil {
		return nil, false, err
	}
	// The bank counts the lifetime from some moment after this one.
	asked := g.now()
	response, err := ep.Do(request)
	if err != nil {
		return nil, reused.Load() && ctx.Err() == nil, unavailable(ctx, err)
	}
	defer response.Body.Close()
	granted, err := readResponse(ctx, response)
	if err != nil {
		return nil, false, withoutClientID(err, key)
	}
	token = NewToken(granted.value, asked, granted.lifetime(&ep.Spec), &ep.Spec)
	if !ep.Spec.ClientIDFromAnswer {
		return token, false, nil
	}
	if granted.clientID == "" || !headerSafe(granted.clientID) {
		return nil, false, fmt.Errorf("%w: client_id is missing or cannot be used", ErrMalformed)
	}
	return token.WithClientID(granted.clientID), false, nil
}

// readResponse sorts an answer: a token, or why there is none.
func readResponse(ctx context.Context, response *http.Response) (grantedToken, error) {
	status := response.StatusCode
	followed := response.Request != nil && response.Request.Response != nil
	if followed || status >= 300 && status < 400 {
		return grantedToken{}, fmt.Errorf("%w (HTTP %d)", ErrRedirected, status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return grantedToken{}, unavailable(ctx, err)
	}
	code, refused := parseRefusal(body)
	switch {
	case isHTML(body):
		return grantedToken{}, fmt.Errorf("%w: an HTML page (HTTP %d)", ErrUnavailable, status)
	case isTransient(status, code):
		return grantedToken{}, fmt.Errorf("%w: HTTP %d", ErrUnavailable, status)
	case status < 200 || status >= 400 || refused:
		// Some banks refuse with status 200 and an error member.
		return grantedToken{}, &RefusedError{OAuthError: code, Status: status}
	case len(body) > maxBody:
		return grantedToken{}, fmt.Errorf("%w: the body is larger than 64 KiB", ErrMalformed)
	}
	granted, err := parseTokenResponse(body)
	if err != nil && ctx.Err() != nil {
		// Giving up can make the far side end its answer in good order.
		return grantedToken{}, unavailable(ctx, ctx.Err())
	}
	return granted, err
}

// isTransient reports whether an answer says "not now" instead of "no".
func isTransient(status int, code string) bool {
	switch {
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		return true
	default:
		return code == "temporarily_unavailable" || code == "server_error"
	}
}

// withoutClientID takes the error code out of a refusal that repeats the
// client_id in it.
func withoutClientID(err error, key Key) error {
	var refused *RefusedError
	if errors.As(err, &refused) && key.ClientID != "" && strings.Contains(refused.OAuthError, key.ClientID) {
		return &RefusedError{Status: refused.Status}
	}
	return err
}
