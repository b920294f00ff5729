package tokens

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds what is read of a token endpoint's answer. Real ones are
// below 10 KiB, even with a JWT as token.
const maxBody = 64 << 10

// maxErrorCode bounds an OAuth error code; the longest registered one has 32
// characters.
const maxErrorCode = 64

// grantedToken is what a token response (RFC 6749 section 5.1) says.
type grantedToken struct {
	value string
	// seconds is expires_in; only meaningful if hasLifetime.
	seconds     float64
	hasLifetime bool
	// clientID is the client_id that some banks hand out along with the token.
	clientID string
}

// parseTokenResponse reads a successful answer. The Content-Type is not looked
// at, since banks get it wrong; the body must be one JSON object. Member names
// are case-sensitive; of duplicate members the last counts. Errors wrap
// ErrMalformed and quote nothing of the body.
func parseTokenResponse(body []byte) (grantedToken, error) {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(body, &values); err != nil || values == nil {
		return grantedToken{}, fmt.Errorf("%w: the body is not a JSON object", ErrMalformed)
	}
	m := members{values: values, complete: true}
	granted, err := m.accessToken()
	if err != nil {
		return grantedToken{}, err
	}
	granted.clientID = m.text("client_id")
	return granted, nil
}

// parseRefusal reports whether an answer has an error member (RFC 6749 section
// 5.2), and gives its code if that can be shown, else "".
func parseRefusal(body []byte) (code string, refused bool) {
	var values map[string]json.RawMessage
	if json.Unmarshal(body, &values) != nil {
		return "", false
	}
	return refusalIn(values)
}

// refusalIn is parseRefusal of the members of an answer.
func refusalIn(members map[string]json.RawMessage) (code string, refused bool) {
	code, _ = stringMember(members, "error")
	token, _ := stringMember(members, "access_token")
	switch {
	case code == "":
		return "", false
	case len(code) > maxErrorCode || strings.ContainsAny(code, `"\`) || !headerSafe(code):
		return "", true
	case token != "" && strings.Contains(code, token):
		return "", true // a bank that repeats secrets shall not leak them
	}
	return code, true
}

// stringMember gives a string member, "" if it is missing or null, and false if
// it is something else.
func stringMember(members map[string]json.RawMessage, name string) (string, bool) {
	raw, present := members[name]
	if !present {
		return "", true
	}
	var value string
	err := json.Unmarshal(raw, &value)
	return value, err == nil
}

// headerSafe reports whether every character is visible ASCII (VCHAR of
// RFC 5234): wider than b64token of RFC 6750 section 2.1, which not all banks
// keep to, and still nothing that could end or split a header.
func headerSafe(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// parseExpiresIn reads a lifetime in seconds: a number, or a number in a
// string as some banks write it. What cannot be read counts as missing, for
// the member is optional and the token good without it.
func parseExpiresIn(raw json.RawMessage) (seconds float64, ok bool) {
	text := string(bytes.Trim(raw, `"`))
	seconds, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	// Out of range gives ±Inf with an error; the sign is all that is needed.
	if (err != nil && !math.IsInf(seconds, 0)) || math.IsNaN(seconds) {
		return 0, false
	}
	return seconds, true
}

// lifetime is how long the token lives, within the section's bounds. Zero
// means that it must not be kept.
func (g grantedToken) lifetime(s *Spec) time.Duration {
	switch longest := s.maxLifetime(); {
	case !g.hasLifetime:
		return min(s.defaultLifetime(), longest)
	case g.seconds <= 0:
		return 0
	case g.seconds >= longest.Seconds():
		return longest
	default:
		return time.Duration(g.seconds * float64(time.Second))
	}
}

// isHTML reports whether a body is a page for humans: an outage notice or a
// gateway's refusal, not an answer of the authorization server.
func isHTML(body []byte) bool {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	return bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
}
