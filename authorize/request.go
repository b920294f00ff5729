package authorize

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// requestObjectType is the typ of a signed request (RFC 9101 section 10.8).
const requestObjectType = "oauth-authz-req+jwt"

// request is one authorization request on its way to the bank.
type request struct {
	endpoint *tokens.Endpoint
	// authorization is where the browser goes; issuer the server's identifier or "".
	authorization *url.URL
	issuer        string
	clientID      string
	parameters    url.Values
	// at and lifetime bound a request object.
	at       time.Time
	lifetime time.Duration
}

// location makes the address that the PSU's browser is sent to, in the way that
// the profile asks for.
func (r *request) location(ctx context.Context) (string, error) {
	visible := r.parameters
	if r.endpoint.Spec.Authorize.RequestObject {
		object, err := r.object()
		if err != nil {
			return "", err
		}
		visible = url.Values{"client_id": {r.clientID}, "request": {object}}
	}
	pushed, err := r.pushedEndpoint(ctx)
	switch {
	case err != nil:
		return "", err
	case pushed:
		uri, err := r.push(ctx, visible)
		if err != nil {
			return "", err
		}
		visible = url.Values{"client_id": {r.clientID}, "request_uri": {uri}}
	case visible.Has("request"):
		// OpenID Connect Core section 6.1 wants these outside as well, the same.
		for _, name := range []string{"response_type", "scope"} {
			if r.parameters.Has(name) {
				visible.Set(name, r.parameters.Get(name))
			}
		}
	}
	target := *r.authorization
	// A space as %20, which every reader of a query understands.
	query := strings.ReplaceAll(visible.Encode(), "+", "%20")
	if target.RawQuery != "" {
		query = strings.TrimSuffix(target.RawQuery, "&") + "&" + query
	}
	target.RawQuery, target.ForceQuery = query, false
	return target.String(), nil
}

// object makes the signed request object (RFC 9101 section 4). exp is bounded to
// the life of the flow, which the PSU's login does not prolong.
func (r *request) object() (string, error) {
	claims := map[string]any{
		"iss": r.clientID,
		"aud": r.audience(),
		"iat": r.at.Unix(),
		"nbf": r.at.Unix(),
		"exp": r.at.Add(r.lifetime).Unix(),
		"jti": uuid.NewString(),
	}
	for name := range r.parameters {
		claims[name] = claimOf(name, r.parameters.Get(name))
	}
	object, err := r.endpoint.SignJWT(requestObjectType, claims)
	if err != nil {
		return "", fmt.Errorf("sign the request object: %w", err)
	}
	return object, nil
}

func (r *request) audience() string {
	switch configured := r.endpoint.Spec.Authorize.Audience; {
	case configured != "":
		return configured
	case r.issuer != "":
		return r.issuer
	}
	return r.authorization.String()
}

// claimOf gives a parameter the JSON type that OpenID Connect Core section 6.1
// wants inside a request object.
func claimOf(name, value string) any {
	switch name {
	case "claims":
		if json.Valid([]byte(value)) && strings.HasPrefix(strings.TrimSpace(value), "{") {
			return json.RawMessage(value)
		}
	case "max_age":
		if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
			return seconds
		}
	}
	return value
}

// parameters are those of the request (RFC 6749 section 4.1.1), and what the
// profile adds.
func parametersOf(spec *tokens.Authorize, clientID, state string, kept *record) url.Values {
	parameters := url.Values{
		"response_type": {"code"},
		"client_id":     {clientID},
		"redirect_uri":  {kept.RedirectURI},
		"state":         {state},
	}
	if kept.Scope != "" {
		parameters.Set("scope", kept.Scope)
	}
	if kept.Verifier != "" {
		parameters.Set("code_challenge", challengeOf(kept.Verifier))
		parameters.Set("code_challenge_method", "S256")
	}
	if kept.Nonce != "" {
		parameters.Set("nonce", kept.Nonce)
	}
	for name, value := range maps.All(spec.Parameters) {
		parameters.Set(name, value)
	}
	return parameters
}

// authorizationURL reads the authorization endpoint. The browser goes there
// without the TPP's certificate, so it need not be a host of the profile's.
func authorizationURL(raw string, parameters url.Values) (*url.URL, error) {
	if raw == "" {
		return nil, fmt.Errorf("%w: the profile has no authorization endpoint: write token { authorize { endpoint } }", ErrNoAuthorize)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" && !tokens.LoopbackHTTP(raw) || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("%w: the authorization endpoint must be an https URL without user name and fragment", ErrNoAuthorize)
	}
	for name := range u.Query() {
		if parameters.Has(name) || name == "request" || name == "request_uri" {
			return nil, fmt.Errorf("%w: the authorization endpoint's own query sets %s: remove it there", ErrNoAuthorize, name)
		}
	}
	return u, nil
}
