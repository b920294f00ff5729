package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// idToken makes the id_token of an answer (OpenID Connect Core section 2), as
// the rules spoil it; "" if there is to be none.
func (b *Bank) idToken(p pair, refreshed bool) (string, error) {
	all := b.Rules()
	rules := all.IDToken
	if !all.Authorize.OpenID || p.family == nil || !slices.Contains(strings.Fields(p.Scope), "openid") ||
		rules.Wrong == WrongMissing || (refreshed && !rules.OnRefresh) {
		return "", nil
	}
	payload, err := json.Marshal(b.idClaims(p, rules.Wrong, refreshed))
	if err != nil {
		return "", err
	}
	return b.signIDToken(payload, rules)
}

func (b *Bank) idClaims(p pair, wrong string, refreshed bool) map[string]any {
	now := b.now()
	subject := sha256.Sum256([]byte(p.Org + " " + p.PSU))
	issued := map[string]any{
		"iss": b.issuer(), "sub": hex.EncodeToString(subject[:16]), "aud": p.ClientID,
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "at_hash": atHash(p.Access),
	}
	if at, ok := b.tokens.authenticated(p.grant); ok {
		issued["auth_time"] = at.Unix()
	}
	if p.Intent != "" {
		issued[intentClaim] = p.Intent
	}
	// A refreshed one should have none (OpenID Connect Core section 12.2).
	if p.family.nonce != "" && !refreshed {
		issued["nonce"] = p.family.nonce
	}
	switch wrong {
	case WrongNonce:
		issued["nonce"] = "not the one that was sent"
	case WrongAudience:
		issued["aud"] = "another client"
	case WrongIssuer:
		issued["iss"] = "https://another.example"
	case WrongExpiry:
		issued["iat"], issued["exp"] = now.Add(-2*time.Hour).Unix(), now.Add(-time.Hour).Unix()
	case WrongHash:
		issued["at_hash"] = atHash("another access token")
	}
	return issued
}

// atHash is the left half of the hash, all algorithms here being of 256 bits
// (OpenID Connect Core section 3.1.3.6).
func atHash(access string) string {
	sum := sha256.Sum256([]byte(access))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

func (b *Bank) signIDToken(payload []byte, rules IDTokenRules) (string, error) {
	rsaKey, ecKey, err := b.keys.get()
	if err != nil {
		return "", err
	}
	if rules.Wrong == WrongNone {
		encode := base64.RawURLEncoding.EncodeToString
		return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + ".", nil
	}
	algorithm := jose.SignatureAlgorithm(rules.Algorithm)
	var key any = rsaKey
	kid := keyID(rsaKey.Public())
	if algorithm == jose.ES256 {
		key, kid = ecKey, keyID(ecKey.Public())
	}
	switch rules.Wrong {
	case WrongSignature:
		if key, err = strangeKey(key); err != nil {
			return "", err
		}
	case WrongHMAC:
		// The trick on verifiers that let the header choose what the key is.
		if key, err = x509.MarshalPKIXPublicKey(rsaKey.Public()); err != nil {
			return "", err
		}
		algorithm, kid = jose.HS256, keyID(rsaKey.Public())
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", kid))
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// strangeKey is one of the same kind that nobody knows.
func strangeKey(like any) (any, error) {
	if _, ok := like.(*ecdsa.PrivateKey); ok {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return rsa.GenerateKey(rand.Reader, 2048)
}
