package tokens

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// Request asks for tokens of a PSU's authorization: the exchange of a code
// (RFC 6749 section 4.1.3) or a refresh (section 6). Whatever way it is
// printed, logged or marshalled, its values do not appear.
type Request struct {
	// GrantType is [GrantAuthorizationCode] or [GrantRefreshToken].
	GrantType string
	// Code, RedirectURI and CodeVerifier (RFC 7636) belong to a code. Code is
	// required.
	Code, RedirectURI, CodeVerifier string
	// RefreshToken belongs to a refresh, and is required there.
	RefreshToken string
	// Scope is only sent where [Spec.CodeScope] or [Spec.RefreshScope] says so.
	Scope string
	// ClientID is the TPP's client_id. With [Spec.ClientIDFromAnswer] that of the
	// application token takes its place.
	ClientID string
}

// Ask sends a request for tokens, once, and gives the answer as it is. Nothing
// is judged here, so that the answer can be stored first; see [Answer.Judge].
// An answer that breaks off is an answer, with Truncated.
//
// Where an application token goes along, and the bank says 401, nothing has
// happened yet: the request is sent once more, with a new application token.
//
// The error is [*UnansweredError] if there was none at all. Any other means
// that nothing was sent, such as [ErrSpec], [ErrMetadata] or
// [*ApplicationError]; see [NotSent].
func (ep *Endpoint) Ask(ctx context.Context, r Request) (*Answer, error) {
	form, err := ep.form(r)
	if err != nil {
		return nil, err
	}
	answer, err := ep.post(ctx, PurposeToken, "", form, r.ClientID)
	if err == nil && ep.applicationRefused(answer) {
		answer, err = ep.post(ctx, PurposeToken, "", form, r.ClientID)
	}
	if err != nil {
		return nil, err
	}
	answer.hideEchoes(r.Code, r.CodeVerifier, r.RefreshToken, r.ClientID, form.Get("client_id"),
		form.Get("client_secret"), form.Get("client_assertion"))
	return answer, nil
}

// Push posts an authorization request to the pushed authorization request
// endpoint (RFC 9126), once, with client authentication. Errors are as of
// [Endpoint.Ask].
func (ep *Endpoint) Push(ctx context.Context, form url.Values, clientID string) (*Answer, error) {
	target, err := ep.PushedEndpoint(ctx)
	if err != nil {
		return nil, err
	}
	if target == "" {
		return nil, fmt.Errorf("%w: there is no pushed authorization request endpoint: set authorize.pushed", ErrSpec)
	}
	sent := url.Values{}
	for name, values := range form {
		sent[name] = values
	}
	answer, err := ep.post(ctx, PurposePush, target, sent, clientID)
	if err != nil {
		return nil, err
	}
	answer.hideEchoes(clientID, sent.Get("client_secret"), sent.Get("client_assertion"), sent.Get("request"), sent.Get("state"), sent.Get("nonce"))
	return answer, nil
}

// applicationRefused reports whether an answer may be about the application
// token alone, which has been given up for a new one.
func (ep *Endpoint) applicationRefused(answer *Answer) bool {
	if !ep.Spec.ApplicationToken || ep.ApplicationRefused == nil || answer.Status != http.StatusUnauthorized {
		return false
	}
	verdict, _, err := answer.Judge(&ep.Spec)
	return verdict == VerdictRefused && !Fatal(err) && !ClientRefused(err)
}

// form makes the body of a request, without client authentication.
func (ep *Endpoint) form(r Request) (url.Values, error) {
	form := url.Values{"grant_type": {r.GrantType}}
	set := func(name, value string) {
		if value != "" {
			form.Set(name, value)
		}
	}
	switch {
	case r.GrantType == GrantAuthorizationCode && r.Code != "":
		set("code", r.Code)
		set("redirect_uri", r.RedirectURI)
		set("code_verifier", r.CodeVerifier)
		if ep.Spec.CodeScope {
			set("scope", r.Scope)
		}
	case r.GrantType == GrantRefreshToken && r.RefreshToken != "":
		set("refresh_token", r.RefreshToken)
		if ep.Spec.RefreshScope {
			set("scope", r.Scope)
		}
	case r.GrantType == GrantAuthorizationCode, r.GrantType == GrantRefreshToken:
		return nil, fmt.Errorf("%w: there is no code or refresh token to send", ErrSpec)
	default:
		return nil, fmt.Errorf("%w: tokens of a PSU are asked for with %s or %s", ErrSpec, GrantAuthorizationCode, GrantRefreshToken)
	}
	return form, nil
}

// post sends a form once, with client authentication and, where the bank wants
// it so, the application token. An empty target is the token endpoint.
func (ep *Endpoint) post(ctx context.Context, purpose Purpose, target string, form url.Values, clientID string) (*Answer, error) {
	if ep.Do == nil {
		return nil, fmt.Errorf("%w: there is no way to reach the authorization server", ErrSpec)
	}
	// What has to be fetched first counts: who waits elsewhere for this call to
	// be over reckons with the timeout.
	ctx, cancel := context.WithTimeout(ctx, ep.timeout())
	defer cancel()
	tokenURL, err := ep.TokenEndpoint(ctx)
	if err != nil {
		return nil, err
	}
	if target == "" {
		target = tokenURL
	}
	application, err := ep.application(ctx)
	if err != nil {
		return nil, err
	}
	if named := application.ClientID(); named != "" {
		clientID = named
	}
	header := http.Header{}
	if application != nil {
		header.Set("Authorization", application.AuthorizationHeader())
	}
	if err := ep.authenticate(form, header, clientID, tokenURL); err != nil {
		return nil, err
	}
	ctx, end := ep.errandContext(ctx, purpose, clientID)
	defer end()
	request, err := newPost(ctx, target, form, header)
	if err != nil {
		return nil, err
	}
	answer, err := ep.once(request)
	if err == nil && answer.Status == http.StatusUnauthorized && application != nil && ep.ApplicationRefused != nil {
		ep.ApplicationRefused(application)
	}
	return answer, err
}

// application gets the application token if there must be one.
func (ep *Endpoint) application(ctx context.Context) (*Token, error) {
	if !ep.Spec.ApplicationToken {
		return nil, nil
	}
	if ep.Application == nil {
		return nil, fmt.Errorf("%w: application_token is set, but there is nothing to get it from", ErrSpec)
	}
	token, err := ep.Application(ctx)
	if err != nil {
		return nil, &ApplicationError{err}
	}
	if token.AuthorizationHeader() == "" {
		return nil, fmt.Errorf("%w: the application token is empty", ErrSpec)
	}
	return token, nil
}

// once sends a request one time and takes what comes. A panic in Do must not
// look as if nothing had been sent; of its value only the type is told, for it
// might hold anything.
func (ep *Endpoint) once(request *http.Request) (answer *Answer, err error) {
	ctx := request.Context()
	if cause := ctx.Err(); cause != nil {
		return nil, &UnansweredError{NotSent: true, cause: unavailable(ctx, cause)}
	}
	defer func() {
		if v := recover(); v != nil {
			answer, err = nil, &UnansweredError{cause: fmt.Errorf("%w: the call panicked (%T)", ErrUnavailable, v)}
		}
	}()
	// The bank counts lifetimes from some moment after this one.
	asked := ep.now()
	response, err := ep.Do(request)
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	return readAnswer(ctx, response, asked), nil
}
