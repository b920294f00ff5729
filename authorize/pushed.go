package authorize

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// maxRequestURI bounds a request_uri; those of known servers have below 150.
const maxRequestURI = 512

// pushedEndpoint reports whether the request is to be pushed.
func (r *request) pushedEndpoint(ctx context.Context) (bool, error) {
	if r.endpoint.Spec.Authorize.Pushed == "" && r.endpoint.PushedURL == "" {
		return false, nil
	}
	endpoint, err := r.endpoint.PushedEndpoint(ctx)
	if err != nil {
		return false, err
	}
	if endpoint == "" {
		return false, fmt.Errorf("%w: there is no endpoint to push the request to", ErrNoAuthorize)
	}
	return true, nil
}

// push posts the request to the bank over mTLS with client authentication
// (RFC 9126 section 2.1) and returns the request_uri that stands for it.
func (r *request) push(ctx context.Context, parameters url.Values) (string, error) {
	answer, err := r.endpoint.Push(ctx, parameters, r.clientID)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrPushed, err)
	}
	return r.readPushed(answer)
}

// readPushed reads the answer to a pushed request (RFC 9126 sections 2.2 and 2.3).
func (r *request) readPushed(answer *tokens.Answer) (string, error) {
	var body struct {
		RequestURI string `json:"request_uri"`
		Error      string `json:"error"`
	}
	status := answer.Status
	readable := json.Unmarshal(answer.Body, &body) == nil
	switch {
	case status >= 300 && status < 400:
		return "", pushFailed(status, "a redirect", tokens.ErrRedirected)
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooManyRequests,
		body.Error == "temporarily_unavailable", body.Error == "server_error", answer.Truncated && !readable:
		return "", pushFailed(status, "not now", tokens.ErrUnavailable)
	case !readable && strings.HasPrefix(strings.TrimSpace(string(answer.Body)), "<"):
		return "", pushFailed(status, "an HTML page", tokens.ErrUnavailable)
	case status >= 400 || body.Error != "":
		refused := &tokens.RefusedError{Status: status}
		if !answer.Echoes {
			p := r.parameters
			refused.OAuthError = oauthCode(body.Error, r.clientID, p.Get("state"), p.Get("nonce"), p.Get("code_challenge"))
		}
		return "", &pushError{reason: fmt.Sprintf("refused: %s (HTTP %d)", refused.OAuthError, status), cause: refused}
	case body.RequestURI == "" || len(body.RequestURI) > maxRequestURI || strings.ContainsFunc(body.RequestURI, func(c rune) bool { return c <= ' ' || c > '~' }):
		return "", pushFailed(status, "no usable request_uri", tokens.ErrMalformed)
	}
	return body.RequestURI, nil
}

// pushError is ErrPushed with its reason. The cause's own words speak of the
// token endpoint.
type pushError struct {
	reason string
	cause  error
}

func (e *pushError) Error() string   { return ErrPushed.Error() + ": " + e.reason }
func (e *pushError) Unwrap() []error { return []error{ErrPushed, e.cause} }

func pushFailed(status int, reason string, cause error) error {
	return &pushError{reason: fmt.Sprintf("%s (HTTP %d)", reason, status), cause: cause}
}
