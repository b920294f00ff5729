package tokens

import (
	"fmt"
	"strings"
	"time"
)

// Pair is what a bank granted. Whatever way it is printed, logged or
// marshalled, its values do not appear.
type Pair struct {
	// Access is the access token. With a Lifetime of zero it is not usable beyond
	// the request that waits for it.
	Access *Token
	// Refresh is the new refresh token; "" means that the old one is kept.
	Refresh string
	// IDToken is the id_token as it came, not validated.
	IDToken string
	// Scope is the scope that the bank says was granted, "" if it does not say, or
	// says what cannot be a scope.
	Scope string
	// Lifetime is that of the access token, within the bounds of the Spec.
	Lifetime time.Duration
}

// pair makes what can be made of a successful answer's members. Without a usable
// access token the error says why, and only the other members are there.
func (m members) pair(askedAt time.Time, s *Spec) (*Pair, error) {
	p := &Pair{Refresh: m.text("refresh_token"), IDToken: m.text("id_token")}
	if scope := m.text("scope"); scopeSafe(scope) {
		p.Scope = scope
	}
	granted, err := m.accessToken()
	if err != nil {
		return p, err
	}
	p.Lifetime = granted.lifetime(s)
	p.Access = NewToken(granted.value, askedAt, p.Lifetime, s)
	return p, nil
}

// scopeSafe reports whether all characters are those of a scope (RFC 6749
// section 3.3). It is shown to operators, whose terminal obeys others.
func scopeSafe(scope string) bool {
	for i := range len(scope) {
		if c := scope[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// accessToken gives the access token, if it is one that can be used.
func (m members) accessToken() (granted grantedToken, err error) {
	value, ok := stringMember(m.values, "access_token")
	switch {
	case !ok || value == "":
		return granted, fmt.Errorf("%w: access_token is missing or not a string", ErrMalformed)
	case !headerSafe(value):
		return granted, fmt.Errorf("%w: access_token has characters that no header may carry", ErrMalformed)
	}
	granted.value = value
	// A missing type is tolerated. Any other is an unknown way to use the
	// token, even if the bank's page prints RFC 6749's "example".
	tokenType, ok := stringMember(m.values, "token_type")
	if !ok || tokenType != "" && !strings.EqualFold(tokenType, "Bearer") {
		return granted, ErrTokenType
	}
	granted.seconds, granted.hasLifetime = parseExpiresIn(m.values["expires_in"])
	return granted, nil
}
