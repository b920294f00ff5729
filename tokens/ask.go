package tokens

import (
	"context"
	"net/url"
)

// Request asks for tokens of a PSU's authorization: the exchange of a code
// (RFC 6749 section 4.1.3) or a refresh (section 6). Whatever way it is
// printed, logged or marshalled, its values do not appear.
type Request struct {
	// GrantType is [GrantAuthorizationCode] or [GrantRefreshToken].
	GrantType string
	// Code, RedirectURI and CodeVerifier (RFC 7636) belong to a code.
	Code, RedirectURI, CodeVerifier string
	// RefreshToken belongs to a refresh.
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
// The error is [*UnansweredError] if there was none at all. Any other means
// that nothing was sent: [ErrSpec], or the error of Application or Secret.
func (ep *Endpoint) Ask(ctx context.Context, r Request) (*Answer, error) {
	return nil, ErrSpec
}

// Push posts an authorization request to the pushed authorization request
// endpoint (RFC 9126), once, with client authentication. Errors are as of
// [Endpoint.Ask], or [ErrMetadata].
func (ep *Endpoint) Push(ctx context.Context, form url.Values, clientID string) (*Answer, error) {
	return nil, ErrSpec
}

// Revoke revokes a token at the bank (RFC 7009). hint is "refresh_token",
// "access_token" or "". nil means that the bank said yes, also to a token it does
// not know. Errors are [ErrNoRevocation], [*RefusedError], [ErrUnavailable],
// [ErrRedirected] and those of [Endpoint.Ask].
func (ep *Endpoint) Revoke(ctx context.Context, token, hint, clientID string) error {
	return ErrNoRevocation
}

// SignJWT makes a signed JWT of claims (any value that marshals to a JSON
// object) with the endpoint's key, and the algorithm and kid of the assertion
// section. typ becomes the header's typ.
func (ep *Endpoint) SignJWT(typ string, claims any) (string, error) {
	return "", ErrSpec
}
