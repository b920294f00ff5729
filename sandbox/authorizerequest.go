package sandbox

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// givenRequest is an authorization request, however it came.
type givenRequest struct {
	params url.Values
	pushed bool
	signed bool
	handle string // of a pushed one
}

// requestOf finds the request that a browser's query stands for: the query
// itself, one pushed before, or a signed one inside it.
func (b *Bank) requestOf(q url.Values) (givenRequest, *problem) {
	for name, values := range q {
		if len(values) > 1 {
			return givenRequest{}, refuse(http.StatusBadRequest, "invalid_request", "the parameter %.40q is there more than once", name)
		}
	}
	given := givenRequest{params: q}
	switch {
	case q.Has("request") && q.Has("request_uri"):
		return given, refuse(http.StatusBadRequest, "invalid_request", "request and request_uri exclude each other")
	case q.Has("request_uri"):
		handle := q.Get("request_uri")
		pushed, ok := b.pushed.find(b.now(), handle)
		if !ok {
			return given, refuse(http.StatusBadRequest, "invalid_request_uri", "request_uri is unknown, used or expired")
		}
		given = pushed
		given.pushed, given.handle = true, handle
	case q.Has("request"):
		params, p := b.openRequestObject(q.Get("client_id"), q.Get("request"))
		if p != nil {
			return given, p
		}
		given = givenRequest{params: params, signed: true}
	default:
		return given, nil
	}
	if !q.Has("client_id") {
		return given, refuse(http.StatusBadRequest, "invalid_request", "client_id is missing beside request or request_uri")
	}
	return given, sameParameters(q, given.params)
}

// sameParameters lets parameters stand beside a request object only if they
// say the same (RFC 9101 section 6.3).
func sameParameters(q, params url.Values) *problem {
	for name := range q {
		if name != "request" && name != "request_uri" && q.Get(name) != params.Get(name) {
			return refuse(http.StatusBadRequest, "invalid_request", "the parameter %.40q is not that of the pushed or signed request", name)
		}
	}
	return nil
}

// readAuthorization checks the parameters of a request to the authorization
// server at a path.
func (b *Bank) readAuthorization(q url.Values, path string) (*authorization, *problem) {
	client := b.client(q.Get("client_id"))
	rules := b.Rules().Authorize
	var err error
	switch {
	case q.Get("response_type") != "code":
		err = errors.New("response_type is not code")
	case client == nil:
		err = errors.New("client_id is not the organizationIdentifier of a registered TPP")
	case len(q.Get("state")) > 34:
		err = errors.New("state is longer than 34 characters")
	default:
		err = errors.Join(checkRedirect(client, q.Get("redirect_uri")), checkChallenge(q, rules.PKCE))
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "invalid_request", "%v", err)
	}
	if p := b.scopeRule(path)(q.Get("scope")); p != nil {
		return nil, p
	}
	if slices.Contains(strings.Fields(q.Get("scope")), "openid") && q.Get("nonce") == "" {
		return nil, refuse(http.StatusBadRequest, "invalid_request", "nonce is missing, which scope openid needs here")
	}
	return &authorization{ClientID: q.Get("client_id"), RedirectURI: q.Get("redirect_uri"), Scope: q.Get("scope"),
		Challenge: q.Get("code_challenge"), Nonce: q.Get("nonce")}, nil
}

func checkRedirect(client *Client, uri string) error {
	redirect, err := url.Parse(uri)
	switch {
	case err != nil || redirect.Scheme == "" || redirect.Host == "" || redirect.Fragment != "" || len(uri) > 140:
		return errors.New("redirect_uri is missing, not absolute or longer than 140 characters")
	case client.RedirectURIs != nil && !slices.Contains(client.RedirectURIs, uri):
		return errors.New("redirect_uri is not registered for the client")
	}
	return nil
}

// checkChallenge judges PKCE's part of a request (RFC 7636 section 4.3). plain
// is not taken.
func checkChallenge(q url.Values, demanded bool) error {
	if !q.Has("code_challenge") && !q.Has("code_challenge_method") {
		if demanded {
			return errors.New("code_challenge is missing, which this bank demands (RFC 7636)")
		}
		return nil
	}
	sum, err := base64.RawURLEncoding.Strict().DecodeString(q.Get("code_challenge"))
	switch {
	case q.Get("code_challenge_method") != "S256":
		return errors.New("code_challenge_method is not S256")
	case err != nil || len(sum) != 32:
		return errors.New("code_challenge is not base64url of a SHA-256")
	}
	return nil
}
