package sandbox

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// tokenAnswer is the answer of RFC 6749 section 5.1, as the rules distort it.
func (c *call) tokenAnswer(rules *TokenRules, p pair) (*answer, *problem) {
	id, err := c.bank.idToken(p, c.grantType == "refresh_token")
	if err != nil {
		return nil, refuse(http.StatusInternalServerError, "server_error", "the id_token could not be made: %v", err)
	}
	a := asJSON(http.StatusOK, typeJSON, struct {
		AccessToken  string `json:"access_token"`
		TokenType    string `json:"token_type"`
		ExpiresIn    any    `json:"expires_in,omitempty"`
		RefreshToken string `json:"refresh_token,omitempty"`
		IDToken      string `json:"id_token,omitempty"`
	}{p.Access, rules.TokenType, expiresIn(rules), p.Refresh, id})
	noStore(a)
	return a, nil
}

// expiresIn is the lifetime as the answer tells it; nil leaves it out.
func expiresIn(rules *TokenRules) any {
	seconds := int64(time.Duration(rules.Lifetime) / time.Second)
	switch rules.ExpiresIn {
	case ExpiresMissing:
		return nil
	case ExpiresString:
		return strconv.FormatInt(seconds, 10)
	case ExpiresZero:
		return 0
	case ExpiresNegative:
		return -1
	case ExpiresAbsurd:
		return int64(1e12)
	}
	return seconds
}

func noStore(a *answer) {
	a.header.Set("Cache-Control", "no-store")
	a.header.Set("Pragma", "no-cache")
}

// tokenError is an error of RFC 6749 section 5.2. Codes of the general checks
// have no counterpart there.
func tokenError(first *problem, texts []string) *answer {
	code := first.Code
	if code != strings.ToLower(code) {
		code = "invalid_request"
		if first.Status >= http.StatusInternalServerError {
			code = "server_error"
		}
	}
	a := asJSON(first.Status, typeJSON, struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, strings.Join(texts, "; ")})
	noStore(a)
	return a
}
