package authorize

import (
	"errors"
	"strings"
)

// Why a flow does not begin or does not end well; [ErrReturnURL] too. Beside
// these there are the wrapped errors of packages tokens (bank unreachable, or
// refuses), grants (the exchange) and vault (the storage). No text holds a code,
// state, verifier, nonce, token, name of a grant or URL.
var (
	// ErrNoAuthorize means that PSUs cannot be sent to this ASPSP: redirect_uri,
	// return_urls or the authorization endpoint is not configured, or the
	// configuration contradicts itself. Nothing was sent.
	ErrNoAuthorize = errors.New("authorization is not configured")

	// ErrParameters means that a flow cannot begin with what the app asks for.
	ErrParameters = errors.New("invalid parameter")

	// ErrStateUnknown means that an answer's state belongs to no flow under way:
	// made up, used before, or expired. There is nowhere to send the PSU on to.
	ErrStateUnknown = errors.New("state is unknown")

	// ErrCallback means that an answer is neither a code nor an error in the form
	// of RFC 6749 section 4.1.2.
	ErrCallback = errors.New("answer to the authorization cannot be read")

	// ErrIssuer means that an answer does not come from the bank that the PSU was
	// sent to (RFC 9207), or from there through another ASPSP's redirect_uri. Its
	// code was not sent anywhere.
	ErrIssuer = errors.New("answer to the authorization comes from another issuer")

	// ErrReconfigured means that the ASPSP's token endpoint or client_id is
	// another than when the PSU was sent off. The code was not sent anywhere.
	ErrReconfigured = errors.New("ASPSP was configured anew during the authorization")

	// ErrPushed means that the bank took no pushed authorization request. In the
	// chain is [tokens.RefusedError], [tokens.ErrUnavailable],
	// [tokens.ErrRedirected] or [tokens.ErrMalformed].
	ErrPushed = errors.New("pushed authorization request failed")
)

// maxOAuthCode bounds an OAuth error code that is passed on.
const maxOAuthCode = 64

// oauthCode is an OAuth error code (RFC 6749 section 4.1.2.1) if it can be shown:
// a bank could put anything there. "" if not.
func oauthCode(code string, secrets ...string) string {
	if len(code) > maxOAuthCode || strings.ContainsFunc(code, func(r rune) bool {
		return r != '_' && r != '-' && r != '.' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	}) {
		return ""
	}
	for _, secret := range secrets {
		if secret != "" && strings.Contains(code, secret) {
			return ""
		}
	}
	return code
}
