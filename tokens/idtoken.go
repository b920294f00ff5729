package tokens

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// idTokenSkew is how far the bank's clock may be off.
const idTokenSkew = time.Minute

// defaultIDTokenAlgorithms are used when IDToken.Algorithms is empty.
var defaultIDTokenAlgorithms = []jose.SignatureAlgorithm{jose.PS256, jose.ES256, jose.RS256}

// Expect is what an id_token is held against.
type Expect struct {
	// ClientID must be in aud. Required.
	ClientID string
	// Nonce must be repeated; "" if none was sent.
	Nonce string
	// AccessToken must agree with at_hash, where there is one; "" if it is not
	// known.
	AccessToken string
}

// ValidateIDToken validates an id_token (OpenID Connect Core section 3.1.3.7):
// signature, iss, aud and azp, exp and iat with a minute of skew, nonce,
// at_hash. Errors wrap [ErrIDToken] if it does not hold; [ErrUnavailable],
// [ErrMetadata] or [ErrSpec] if that could not be found out. They name claims,
// never their values.
func ValidateIDToken(ctx context.Context, ep *Endpoint, raw string, expect Expect) error {
	issuer, err := ep.IssuerID(ctx)
	switch {
	case err != nil:
		return err
	case issuer == "":
		return fmt.Errorf("%w: the issuer of id_tokens is not known: set token.issuer", ErrSpec)
	case expect.ClientID == "":
		return fmt.Errorf("%w: there is no client_id to compare aud with", ErrSpec)
	}
	jws, err := jose.ParseSignedCompact(raw, ep.Spec.IDToken.algorithms())
	if err != nil {
		return notValid("it is not a JWT signed with one of the algorithms accepted")
	}
	payload, err := ep.verify(ctx, jws)
	if err != nil {
		return err
	}
	var claims idTokenClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return notValid("its claims cannot be read")
	}
	if err := claims.check(ep.now(), issuer, expect); err != nil {
		return err
	}
	return claims.checkAccessToken(expect.AccessToken, jose.SignatureAlgorithm(jws.Signatures[0].Header.Algorithm))
}

func notValid(reason string) error { return fmt.Errorf("%w: %s", ErrIDToken, reason) }

func (t IDToken) algorithms() []jose.SignatureAlgorithm {
	if len(t.Algorithms) == 0 {
		return defaultIDTokenAlgorithms
	}
	accepted := make([]jose.SignatureAlgorithm, len(t.Algorithms))
	for i, name := range t.Algorithms {
		accepted[i] = jose.SignatureAlgorithm(name)
	}
	return accepted
}

// verify checks the signature with the bank's keys, and with its newest if that
// fails: keys are exchanged without notice.
func (ep *Endpoint) verify(ctx context.Context, jws *jose.JSONWebSignature) ([]byte, error) {
	set := ep.Keys
	if set == nil {
		set = new(KeySet)
	}
	for _, renewed := range []bool{false, true} {
		keys, err := set.candidates(ctx, ep, jws.Signatures[0].Header, renewed)
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			if payload, err := jws.Verify(key.Key); err == nil {
				return payload, nil
			}
		}
	}
	return nil, notValid("no key of the bank verifies its signature")
}

// idTokenClaims are those that are checked.
type idTokenClaims struct {
	Issuer          string   `json:"iss"`
	Subject         string   `json:"sub"`
	Audience        audience `json:"aud"`
	AuthorizedParty *string  `json:"azp"`
	Expiry          *seconds `json:"exp"`
	IssuedAt        *seconds `json:"iat"`
	NotBefore       *seconds `json:"nbf"`
	Nonce           string   `json:"nonce"`
	AccessTokenHash string   `json:"at_hash"`
}

// audience is a string or a list of strings (RFC 7519 section 4.1.3).
type audience []string

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// seconds is a NumericDate (RFC 7519 section 2).
type seconds float64

func (s seconds) time() time.Time {
	whole, fraction := math.Modf(float64(s))
	return time.Unix(int64(whole), int64(fraction*float64(time.Second)))
}

// UnmarshalJSON implements [encoding/json.Unmarshaler]. Times beyond the year
// 9999 are no times.
func (s *seconds) UnmarshalJSON(data []byte) error {
	var value float64
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	if value < 0 || value > 253402300799 {
		return errors.New("no time")
	}
	*s = seconds(value)
	return nil
}

// check is OpenID Connect Core section 3.1.3.7, 2 to 5 and 9 to 11.
func (c *idTokenClaims) check(now time.Time, issuer string, expect Expect) error {
	switch {
	case c.Issuer != issuer:
		return notValid("iss is not the bank's issuer")
	case c.Subject == "":
		return notValid("sub is missing")
	case !slices.Contains(c.Audience, expect.ClientID):
		return notValid("aud does not name the client_id")
	case c.AuthorizedParty != nil && *c.AuthorizedParty != expect.ClientID:
		return notValid("azp is not the client_id")
	case len(c.Audience) > 1 && c.AuthorizedParty == nil:
		return notValid("azp is missing, with several in aud")
	case c.Expiry == nil:
		return notValid("exp is missing")
	case !now.Before(c.Expiry.time().Add(idTokenSkew)):
		return notValid("it has expired")
	case c.IssuedAt == nil:
		return notValid("iat is missing")
	case c.IssuedAt.time().After(now.Add(idTokenSkew)):
		return notValid("iat is in the future")
	case c.NotBefore != nil && c.NotBefore.time().After(now.Add(idTokenSkew)):
		return notValid("nbf is in the future")
	case expect.Nonce != "" && subtle.ConstantTimeCompare([]byte(c.Nonce), []byte(expect.Nonce)) != 1:
		return notValid("nonce is not the one sent")
	}
	return nil
}

// checkAccessToken is OpenID Connect Core section 3.1.3.8: at_hash is the left
// half of the hash that the algorithm uses.
func (c *idTokenClaims) checkAccessToken(token string, algorithm jose.SignatureAlgorithm) error {
	if c.AccessTokenHash == "" || token == "" {
		return nil
	}
	hash, ok := signingAlgorithms[algorithm]
	if !ok {
		return notValid("at_hash cannot be checked with this algorithm")
	}
	h := hash.New()
	h.Write([]byte(token))
	sum := h.Sum(nil)
	if base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2]) != c.AccessTokenHash {
		return notValid("at_hash does not belong to the access token")
	}
	return nil
}
