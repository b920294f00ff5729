package tokens

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// newTokenRequest makes a client_credentials request (RFC 6749 section 4.4.2)
// with the client authentication of RFC 8705 section 2.1. Each has an
// X-Request-ID of its own. It holds what the grant needs and no more: Date,
// signature, User-Agent and the like are [Endpoint.Do]'s.
func newTokenRequest(ctx context.Context, key Key, ep *Endpoint) (*http.Request, error) {
	form := url.Values{"grant_type": {GrantClientCredentials}}
	if key.Scope != "" && !ep.Spec.NoScope {
		form.Set("scope", key.Scope)
	}
	if !ep.Spec.NoClientID {
		form.Set("client_id", key.ClientID)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, ep.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("%w: the token endpoint's URL cannot be used", ErrSpec)
	}
	// Without GetBody net/http cannot repeat the request by itself, with the
	// same X-Request-ID, Date and signature that a bank refuses as a replay.
	request.GetBody = nil
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("X-Request-ID", uuid.NewString())
	return request, nil
}
