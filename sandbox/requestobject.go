package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
)

// openRequestObject verifies a signed request (RFC 9101) and gives what is in
// it. Its claims must be the client's, for this bank, and short-lived.
func (b *Bank) openRequestObject(clientID, compact string) (url.Values, *problem) {
	bad := func(format string, args ...any) *problem {
		return refuse(http.StatusBadRequest, "invalid_request_object", "request: "+format, args...)
	}
	client := b.client(clientID)
	if client == nil {
		return nil, refuse(http.StatusBadRequest, "invalid_request", "client_id is not the organizationIdentifier of a registered TPP")
	}
	j, err := parseJWT(compact)
	if err == nil {
		err = j.verify(b.keysOf(client), client.Algorithms)
	}
	if err == nil {
		here := stetPrefix + "oauth/authorize"
		err = j.claims.check(wanted{issuer: client.ID, audiences: []string{b.issuer(), b.URL() + here, b.browserURL() + here,
			b.URL() + "/obie/authorize", b.browserURL() + "/obie/authorize"}, now: b.now()})
	}
	if err != nil {
		return nil, bad("%v", err)
	}
	if !slices.Contains([]string{"", "JWT", "oauth-authz-req+jwt"}, j.header.Type) {
		return nil, bad("typ of the JWT is not oauth-authz-req+jwt")
	}
	if j.claims.ID != "" && !b.jwtIDs.remember(clientID+" "+j.claims.ID) {
		return nil, bad("its jti was used before")
	}
	params := requestClaims(j.payload)
	switch {
	case params.Get("client_id") != clientID:
		return nil, bad("its client_id is not that of the request")
	case params.Has("request") || params.Has("request_uri"):
		return nil, bad("it must not hold request or request_uri")
	}
	return params, nil
}

// requestClaims are the parameters in a request object: all that is text and
// no claim of the JWT itself.
func requestClaims(payload []byte) url.Values {
	var all map[string]json.RawMessage
	// It was read before.
	_ = json.Unmarshal(payload, &all)
	params := url.Values{}
	for name, raw := range all {
		var text string
		switch {
		case slices.Contains([]string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}, name):
		case json.Unmarshal(raw, &text) == nil:
			params.Set(name, text)
		default:
			params.Set(name, string(raw))
		}
	}
	return params
}
