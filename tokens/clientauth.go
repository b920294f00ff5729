package tokens

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
)

// assertionType is RFC 7523 section 2.2's.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// defaultAssertionLifetime is used when Assertion.Lifetime is zero.
const defaultAssertionLifetime = time.Minute

// needsClientID reports whether no request can be made without a client_id.
func (s *Spec) needsClientID() bool {
	return !s.NoClientID || s.ClientAuth == ClientAuthBasic || s.ClientAuth == ClientAuthJWT
}

// authenticate puts the client authentication into a form post. tokenURL is what
// an assertion is made for, unless the bank wants something else: the token
// endpoint counts as the server's name at its other endpoints too (RFC 9126
// section 2).
func (ep *Endpoint) authenticate(form url.Values, header http.Header, clientID, tokenURL string) error {
	if clientID == "" && ep.Spec.needsClientID() {
		return fmt.Errorf("%w: client_id is empty: set it, or use a QWAC with an organizationIdentifier", ErrSpec)
	}
	if !ep.Spec.NoClientID && ep.Spec.ClientAuth != ClientAuthBasic {
		form.Set("client_id", clientID)
	}
	switch ep.Spec.ClientAuth {
	case ClientAuthBasic:
		secret, err := ep.secret()
		if err != nil {
			return err
		}
		pair := url.QueryEscape(clientID) + ":" + url.QueryEscape(secret)
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	case ClientAuthPost:
		secret, err := ep.secret()
		if err != nil {
			return err
		}
		form.Set("client_secret", secret)
	case ClientAuthJWT:
		assertion, err := ep.assertion(clientID, tokenURL)
		if err != nil {
			return err
		}
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", assertion)
	}
	return nil
}

// secret resolves the client_secret, which is never kept.
func (ep *Endpoint) secret() (string, error) {
	if ep.Secret == nil {
		return "", fmt.Errorf("%w: client_auth %s needs a client_secret: configure it", ErrSpec, ep.Spec.ClientAuth)
	}
	secret, err := ep.Secret()
	if err != nil {
		return "", fmt.Errorf("%w: client_secret: %w", ErrSpec, err)
	}
	if secret == "" {
		return "", fmt.Errorf("%w: client_secret is empty", ErrSpec)
	}
	return secret, nil
}

// assertion proves who the TPP is (RFC 7523 section 3). Each is used once.
func (ep *Endpoint) assertion(clientID, tokenURL string) (string, error) {
	audience := ep.Spec.Assertion.Audience
	if audience == "" {
		audience = tokenURL
	}
	now := ep.now()
	return ep.SignJWT("JWT", map[string]any{
		"iss": clientID,
		"sub": clientID,
		"aud": audience,
		"jti": uuid.NewString(),
		"iat": now.Unix(),
		"exp": now.Add(orDefault(ep.Spec.Assertion.Lifetime, defaultAssertionLifetime)).Unix(),
	})
}
