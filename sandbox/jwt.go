package sandbox

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// jwt is a signed JSON Web Token in compact form (RFC 7515 section 7.1, RFC
// 7519), taken apart with this package's own code and not verified yet.
type jwt struct {
	header struct {
		Algorithm string   `json:"alg"`
		KeyID     string   `json:"kid"`
		Type      string   `json:"typ"`
		Critical  []string `json:"crit"`
	}
	claims    claims
	payload   []byte
	signed    string
	signature []byte
}

func parseJWT(compact string) (*jwt, error) {
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return nil, errors.New("it is not a signed JWT in compact form")
	}
	decoded := make([][]byte, 3)
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return nil, errors.New("a part of the JWT is not base64url without padding")
		}
	}
	j := &jwt{payload: decoded[1], signed: parts[0] + "." + parts[1], signature: decoded[2]}
	if json.Unmarshal(decoded[0], &j.header) != nil {
		return nil, errors.New("the header of the JWT is no JSON object of the right types")
	}
	if json.Unmarshal(decoded[1], &j.claims) != nil {
		return nil, errors.New("the claims of the JWT are no JSON object of the right types")
	}
	if j.header.Critical != nil {
		return nil, errors.New("the JWT has critical header parameters, which are not understood")
	}
	return j, nil
}

// jwtHash is the hash of a signature algorithm (RFC 7518 section 3.1).
func jwtHash(algorithm string) (crypto.Hash, bool) {
	if len(algorithm) == 5 && slices.Contains([]string{"PS", "RS", "ES"}, algorithm[:2]) {
		switch algorithm[2:] {
		case "256":
			return crypto.SHA256, true
		case "384":
			return crypto.SHA384, true
		case "512":
			return crypto.SHA512, true
		}
	}
	return 0, false
}

// verify checks the signature with any of the keys that the header allows.
func (j *jwt) verify(keys []jose.JSONWebKey, algorithms []string) error {
	hash, known := jwtHash(j.header.Algorithm)
	if !known || !slices.Contains(algorithms, j.header.Algorithm) {
		return fmt.Errorf("alg %.20q of the JWT is none of %q", j.header.Algorithm, algorithms)
	}
	h := hash.New()
	h.Write([]byte(j.signed))
	digest := h.Sum(nil)
	tried := false
	for _, key := range keys {
		if key.KeyID != "" && key.KeyID != j.header.KeyID {
			continue
		}
		tried = true
		if verifyJWS(key.Key, j.header.Algorithm, hash, digest, j.signature) {
			return nil
		}
	}
	if !tried {
		return errors.New("kid of the JWT names no key registered for the client")
	}
	return errors.New("the signature of the JWT does not verify with a key registered for the client")
}

// verifyJWS wants a salt as long as the hash (RFC 7518 section 3.5), and R and
// S of full length (section 3.4).
func verifyJWS(key any, algorithm string, hash crypto.Hash, digest, signature []byte) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		switch algorithm[:2] {
		case "PS":
			return rsa.VerifyPSS(key, hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		case "RS":
			return rsa.VerifyPKCS1v15(key, hash, digest, signature) == nil
		}
	case *ecdsa.PublicKey:
		size := (key.Curve.Params().BitSize + 7) / 8
		curves := map[string]int{"ES256": 32, "ES384": 48, "ES512": 66}
		if curves[algorithm] != size || len(signature) != 2*size {
			return false
		}
		return ecdsa.Verify(key, digest, new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:]))
	}
	return false
}

// claims are those registered (RFC 7519 section 4.1).
type claims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	Expires   *float64 `json:"exp"`
	NotBefore *float64 `json:"nbf"`
	IssuedAt  *float64 `json:"iat"`
	ID        string   `json:"jti"`
}

// audience is one name or a list.
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audience{one}
		return nil
	}
	var list []string
	err := json.Unmarshal(text, &list)
	*a = list
	return err
}

const (
	// jwtSkew is how far a client's clock may be ahead.
	jwtSkew = 10 * time.Second
	// jwtLifetime is the longest life of a client's JWT.
	jwtLifetime = time.Hour
)

// wanted is what claims are held against.
type wanted struct {
	issuer, subject string // subject "" is not looked at
	audiences       []string
	now             time.Time
	single          bool // a jti must be there
}

func (c *claims) check(w wanted) error {
	at := func(seconds *float64) time.Time { return time.Unix(int64(*seconds), 0) }
	switch {
	case c.Issuer != w.issuer:
		return errors.New("iss is not the client_id")
	case w.subject != "" && c.Subject != w.subject:
		return errors.New("sub is not the client_id")
	case !slices.ContainsFunc(c.Audience, func(a string) bool { return slices.Contains(w.audiences, a) }):
		return fmt.Errorf("aud does not name this bank: one of %q is expected", w.audiences)
	case c.Expires == nil:
		return errors.New("exp is missing")
	case !w.now.Before(at(c.Expires)):
		return errors.New("exp is over")
	case at(c.Expires).After(w.now.Add(jwtLifetime + jwtSkew)):
		return fmt.Errorf("exp is more than %s ahead", jwtLifetime)
	case c.NotBefore != nil && at(c.NotBefore).After(w.now.Add(jwtSkew)):
		return errors.New("nbf is still ahead")
	case c.IssuedAt != nil && at(c.IssuedAt).After(w.now.Add(jwtSkew)):
		return errors.New("iat is in the future")
	case w.single && c.ID == "":
		return errors.New("jti is missing")
	}
	return nil
}

// timely looks at the claims about time, as far as they are there.
func (c *claims) timely(now time.Time) error {
	at := func(seconds *float64) time.Time { return time.Unix(int64(*seconds), 0) }
	switch {
	case c.Expires != nil && !now.Before(at(c.Expires)):
		return errors.New("exp is over")
	case c.NotBefore != nil && at(c.NotBefore).After(now.Add(jwtSkew)):
		return errors.New("nbf is still ahead")
	case c.IssuedAt != nil && at(c.IssuedAt).After(now.Add(jwtSkew)):
		return errors.New("iat is in the future")
	}
	return nil
}
