package tokens

import (
	"crypto"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-tpp/caddy-tpp/jws"
)

// signingAlgorithms are those of assertions and request objects (RFC 7518
// section 3.1), with their hashes.
var signingAlgorithms = map[jose.SignatureAlgorithm]crypto.Hash{
	jose.PS256: crypto.SHA256, jose.PS384: crypto.SHA384, jose.PS512: crypto.SHA512,
	jose.RS256: crypto.SHA256, jose.RS384: crypto.SHA384, jose.RS512: crypto.SHA512,
	jose.ES256: crypto.SHA256, jose.ES384: crypto.SHA384,
}

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
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jws.Opaque(ep.Key)}, options)
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
		return "", fmt.Errorf("%w: assertion: the key must be RSA of at least %d bits, or ECDSA on P-256 or P-384", ErrSpec, jws.MinRSABits)
	case wanted == "":
		return fitting[0], nil
	case !slices.Contains(fitting, wanted):
		return "", fmt.Errorf("%w: assertion.algorithm %s does not fit the key: use one of %v", ErrSpec, wanted, fitting)
	}
	return wanted, nil
}

// algorithmsOf lists what a key is good for here, its usual algorithm first.
func algorithmsOf(public crypto.PublicKey) []jose.SignatureAlgorithm {
	return slices.DeleteFunc(jws.Algorithms(public), func(algorithm jose.SignatureAlgorithm) bool { return signingAlgorithms[algorithm] == 0 })
}
