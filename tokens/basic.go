package tokens

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
)

// BasicAuthorization is the value of an Authorization header with a client_id and
// its secret (RFC 7617 section 2), as they are: unlike client_secret_basic of RFC
// 6749 section 2.3.1, nothing is percent-encoded. Never log it. Errors wrap
// [ErrSpec] and hold neither of the two.
func BasicAuthorization(clientID, secret string) (string, error) {
	if err := CheckBasicID(clientID); err != nil {
		return "", err
	}
	if secret == "" || strings.ContainsFunc(secret, unicode.IsControl) {
		return "", fmt.Errorf("%w: client_secret is empty or holds a control character, which RFC 7617 forbids", ErrSpec)
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(clientID+":"+secret)), nil
}

// CheckBasicID refuses a client_id that cannot be sent with grant "basic": a
// colon in it would begin the secret.
func CheckBasicID(clientID string) error {
	switch {
	case clientID == "":
		return fmt.Errorf("%w: grant %q needs a client_id: set it", ErrSpec, GrantBasic)
	case strings.Contains(clientID, ":"):
		return fmt.Errorf("%w: grant %q cannot send a client_id with a colon (RFC 7617 section 2)", ErrSpec, GrantBasic)
	case strings.ContainsFunc(clientID, unicode.IsControl):
		return fmt.Errorf("%w: client_id holds a control character, which RFC 7617 forbids", ErrSpec)
	}
	return nil
}
