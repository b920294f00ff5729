package tokens

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for the algorithms below
	_ "crypto/sha512"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// signingAlgorithms are those of assertions and request objects (RFC 7518
// section 3.1), with their hashes.
var signingAlgorithms = map[jose.SignatureAlgorithm]crypto.Hash{
	jose.PS256: crypto.SHA256, jose.PS384: crypto.SHA384, jose.PS512: crypto.SHA512,
	jose.RS256: crypto.SHA256, jose.RS384: crypto.SHA384, jose.RS512: crypto.SHA512,
	jose.ES256: crypto.SHA256, jose.ES384: crypto.SHA384,
}

// minRSABits is the shortest RSA key of RFC 7518 section 3.3.
const minRSABits = 2048

var errKeyAlgorithm = errors.New("the key does not fit the algorithm")

// SignJWT makes a signed JWT of claims (any value that marshals to a JSON
// object) with the endpoint's key, and the algorithm and kid of the assertion
// section. typ becomes the header's typ. Errors wrap [ErrSpec].
func (ep *Endpoint) SignJWT(typ string, claims any) (string, error) {
	if ep.Key == nil {
		return "", fmt.Errorf("%w: there is no key to sign a JWT with: configure a QSEAL or another key", ErrSpec)
	}
	algorithm, err := algorithmFor(ep.Key.Public(), jose.SignatureAlgorithm(ep.Spec.Assertion.Algorithm))
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("%w: the claims of a JWT cannot be written as JSON", ErrSpec)
	}
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	if kid := ep.Spec.Assertion.KeyID; kid != "" {
		options.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: opaqueSigner{ep.Key}}, options)
	if err != nil {
		return "", fmt.Errorf("%w: assertion: %w", ErrSpec, err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("%w: assertion: signing failed: %w", ErrSpec, err)
	}
	return signed.CompactSerialize()
}

// algorithmFor is the algorithm wanted, or the key's usual one, if it fits.
func algorithmFor(public crypto.PublicKey, wanted jose.SignatureAlgorithm) (jose.SignatureAlgorithm, error) {
	fitting := algorithmsOf(public)
	switch {
	case len(fitting) == 0:
		return "", fmt.Errorf("%w: assertion: the key must be RSA of at least %d bits, or ECDSA on P-256 or P-384", ErrSpec, minRSABits)
	case wanted == "":
		return fitting[0], nil
	case !slices.Contains(fitting, wanted):
		return "", fmt.Errorf("%w: assertion.algorithm %s does not fit the key: use one of %v", ErrSpec, wanted, fitting)
	}
	return wanted, nil
}

// algorithmsOf lists what a key is good for, its usual algorithm first.
func algorithmsOf(public crypto.PublicKey) []jose.SignatureAlgorithm {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() >= minRSABits {
			return []jose.SignatureAlgorithm{jose.PS256, jose.PS384, jose.PS512, jose.RS256, jose.RS384, jose.RS512}
		}
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return []jose.SignatureAlgorithm{jose.ES256}
		case elliptic.P384():
			return []jose.SignatureAlgorithm{jose.ES384}
		}
	}
	return nil
}

// opaqueSigner lets go-jose sign with a key that may be in an HSM. go-jose's own
// cryptosigner is not used: it makes PSS salts as long as they can be, while
// RFC 7518 section 3.5 wants the hash's length, and strict banks check it.
type opaqueSigner struct{ key crypto.Signer }

// Public implements [jose.OpaqueSigner]. It names no key: the kid is the
// configured one, or none.
func (s opaqueSigner) Public() *jose.JSONWebKey { return &jose.JSONWebKey{Key: s.key.Public()} }

// Algs implements [jose.OpaqueSigner].
func (s opaqueSigner) Algs() []jose.SignatureAlgorithm { return algorithmsOf(s.key.Public()) }

// SignPayload implements [jose.OpaqueSigner].
func (s opaqueSigner) SignPayload(payload []byte, algorithm jose.SignatureAlgorithm) ([]byte, error) {
	hash, ok := signingAlgorithms[algorithm]
	if !ok {
		return nil, jose.ErrUnsupportedAlgorithm
	}
	h := hash.New()
	h.Write(payload)
	digest := h.Sum(nil)
	switch algorithm[0] {
	case 'P':
		return s.key.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash})
	case 'E':
		signature, err := s.key.Sign(rand.Reader, digest, hash)
		if err != nil {
			return nil, err
		}
		return rawECDSA(signature, s.key.Public())
	default:
		return s.key.Sign(rand.Reader, digest, hash)
	}
}

// rawECDSA turns the ASN.1 form of a signature into R and S one after the other
// (RFC 7518 section 3.4).
func rawECDSA(signature []byte, public crypto.PublicKey) ([]byte, error) {
	key, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return nil, errKeyAlgorithm
	}
	var parts struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(signature, &parts)
	size := (key.Curve.Params().BitSize + 7) / 8
	if err != nil || len(rest) > 0 || !fits(parts.R, size) || !fits(parts.S, size) {
		return nil, errors.New("the key made no ECDSA signature")
	}
	raw := make([]byte, 2*size)
	parts.R.FillBytes(raw[:size])
	parts.S.FillBytes(raw[size:])
	return raw, nil
}

func fits(n *big.Int, size int) bool { return n.Sign() > 0 && n.BitLen() <= size*8 }
