package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
)

// checkVerifier holds the code_verifier of an exchange against the challenge
// of the authorization (RFC 7636 section 4.6). One without the other is refused
// (RFC 9700 section 4.8.2).
func checkVerifier(form url.Values, challenge string) *problem {
	verifier := form.Get("code_verifier")
	sum := sha256.Sum256([]byte(verifier))
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	switch {
	case challenge == "" && form.Has("code_verifier"):
		return refuse(http.StatusBadRequest, "invalid_grant", "code_verifier is there, but the authorize request had no code_challenge")
	case challenge == "":
		return nil
	case verifier == "":
		return refuse(http.StatusBadRequest, "invalid_grant", "code_verifier is missing")
	case len(verifier) < 43 || len(verifier) > 128 || strings.Trim(verifier, allowed) != "":
		return refuse(http.StatusBadRequest, "invalid_grant", "code_verifier is not 43 to 128 unreserved characters")
	case base64.RawURLEncoding.EncodeToString(sum[:]) != challenge:
		return refuse(http.StatusBadRequest, "invalid_grant", "code_verifier does not fit the code_challenge")
	}
	return nil
}
