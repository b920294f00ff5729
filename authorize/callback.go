package authorize

import (
	"fmt"
	"net/url"
	"strings"
)

// maxCode bounds an authorization code, in bytes. STET says 34; JWTs occur.
const maxCode = 4096

// Callback is what the PSU's browser brings back from the bank.
type Callback struct {
	// Query is that of the address called.
	Query url.Values
	// ASPSP is the bank whose redirect_uri was called, where each has its own;
	// "" where several share one. An answer to another bank's flow is refused
	// then, which protects from mix-up also where banks send no iss.
	ASPSP string
}

// Format prints nothing of the query, for any verb: it holds code and state.
func (c Callback) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("[callback]")) }

// MarshalText hides the query from encoders and loggers.
func (Callback) MarshalText() ([]byte, error) { return []byte("[callback]"), nil }

// reply is an answer as RFC 6749 section 4.1.2 has it: one of code and error.
type reply struct {
	code    string
	refusal string // the bank's OAuth error code
}

// stateOf is the state of an answer, whatever else is wrong with it.
func (c Callback) stateOf() (string, error) {
	states := c.Query["state"]
	if len(states) != 1 || states[0] == "" {
		return "", fmt.Errorf("%w: it must have state once", ErrCallback)
	}
	return states[0], nil
}

// read judges an answer to the flow of a record. Unknown parameters mean nothing.
func (c Callback) read(kept *record) (reply, error) {
	for _, name := range []string{"code", "error", "iss"} {
		if len(c.Query[name]) > 1 {
			return reply{}, fmt.Errorf("%w: it has %s twice", ErrCallback, name)
		}
	}
	// Who answers comes first: the rest means nothing if it is somebody else.
	if c.ASPSP != "" && c.ASPSP != kept.ASPSP {
		return reply{}, fmt.Errorf("%w: it came to the redirect_uri of another ASPSP", ErrIssuer)
	}
	switch issuer, named := c.Query.Get("iss"), c.Query.Has("iss"); {
	case kept.IssNeeded && !named:
		return reply{}, fmt.Errorf("%w: the bank says that it names itself in iss, and there is none", ErrIssuer)
	case named && kept.Issuer != "" && issuer != kept.Issuer:
		return reply{}, fmt.Errorf("%w: iss is not the bank's", ErrIssuer)
	}
	code, refusal := c.Query.Get("code"), c.Query.Get("error")
	switch {
	case c.Query.Has("code") == c.Query.Has("error"):
		return reply{}, fmt.Errorf("%w: it must have either code or error", ErrCallback)
	case c.Query.Has("error"):
		shown := oauthCode(refusal, c.Query.Get("state"), kept.Nonce, kept.Verifier)
		if shown == "" {
			return reply{}, fmt.Errorf("%w: its error is no code", ErrCallback)
		}
		return reply{refusal: shown}, nil
	case code == "", len(code) > maxCode, strings.ContainsFunc(code, func(r rune) bool { return r < ' ' || r > '~' }):
		return reply{}, fmt.Errorf("%w: its code is empty, too long, or not of ASCII characters", ErrCallback)
	}
	return reply{code: code}, nil
}
