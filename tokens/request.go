package tokens

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// newTokenRequest makes a client_credentials request (RFC 6749 section 4.4.2)
// with client authentication.
func newTokenRequest(ctx context.Context, key Key, ep *Endpoint) (*http.Request, error) {
	target, err := ep.TokenEndpoint(ctx)
	if err != nil {
		return nil, err
	}
	form := url.Values{"grant_type": {GrantClientCredentials}}
	if key.Scope != "" && !ep.Spec.NoScope {
		form.Set("scope", key.Scope)
	}
	header := http.Header{}
	if err := ep.authenticate(form, header, key.ClientID, target); err != nil {
		return nil, err
	}
	return newPost(ctx, target, form, header)
}

// newPost makes a form post. Each has an X-Request-ID of its own. It holds what
// OAuth2 needs and no more: Date, signature, User-Agent and the like are
// [Endpoint.Do]'s.
func newPost(ctx context.Context, target string, form url.Values, header http.Header) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("%w: the endpoint's URL cannot be used", ErrSpec)
	}
	// Without GetBody net/http cannot repeat the request by itself, with the
	// same X-Request-ID, Date and signature that a bank refuses as a replay, and
	// with a code or refresh token that is good only once.
	request.GetBody = nil
	maps.Copy(request.Header, header)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("X-Request-ID", uuid.NewString())
	return request, nil
}
