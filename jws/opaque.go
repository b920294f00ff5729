package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for the algorithms below
	_ "crypto/sha512"
	"encoding/asn1"
	"errors"
	"math/big"

	"github.com/go-jose/go-jose/v4"
)

// MinRSABits is the shortest RSA key that signs (RFC 7518 section 3.3).
const MinRSABits = 2048

// ErrKey means that a key does not fit the algorithm, or made no signature.
var ErrKey = errors.New("unusable JWS key")

// Algorithms lists what a key is good for, its usual algorithm first (RFC 7518
// section 3.1, RFC 8037). It is empty for keys that no JWS can be made with.
func Algorithms(public crypto.PublicKey) []jose.SignatureAlgorithm {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() >= MinRSABits {
			return []jose.SignatureAlgorithm{jose.PS256, jose.PS384, jose.PS512, jose.RS256, jose.RS384, jose.RS512}
		}
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return []jose.SignatureAlgorithm{jose.ES256}
		case elliptic.P384():
			return []jose.SignatureAlgorithm{jose.ES384}
		case elliptic.P521():
			return []jose.SignatureAlgorithm{jose.ES512}
		}
	case ed25519.PublicKey:
		return []jose.SignatureAlgorithm{jose.EdDSA}
	}
	return nil
}

// Opaque lets go-jose sign with a key that may be in an HSM. go-jose's own
// cryptosigner is not used: it makes PSS salts as long as they can be, while
// RFC 7518 section 3.5 wants the hash's length, and strict banks check it.
func Opaque(key crypto.Signer) jose.OpaqueSigner { return opaque{key} }

type opaque struct{ key crypto.Signer }

// Public implements [jose.OpaqueSigner]. It names no key: the kid is the
// configured one, or none.
func (s opaque) Public() *jose.JSONWebKey { return &jose.JSONWebKey{Key: s.key.Public()} }

// Algs implements [jose.OpaqueSigner].
func (s opaque) Algs() []jose.SignatureAlgorithm { return Algorithms(s.key.Public()) }

// SignPayload implements [jose.OpaqueSigner].
func (s opaque) SignPayload(payload []byte, algorithm jose.SignatureAlgorithm) ([]byte, error) {
	hash, err := hashOf(algorithm)
	if err != nil {
		return nil, err
	}
	if hash == 0 { // EdDSA hashes by itself (RFC 8032)
		return s.key.Sign(rand.Reader, payload, hash)
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

// hashOf is an algorithm's hash (RFC 7518 section 3.1), 0 for EdDSA.
func hashOf(algorithm jose.SignatureAlgorithm) (crypto.Hash, error) {
	switch algorithm {
	case jose.PS256, jose.RS256, jose.ES256:
		return crypto.SHA256, nil
	case jose.PS384, jose.RS384, jose.ES384:
		return crypto.SHA384, nil
	case jose.PS512, jose.RS512, jose.ES512:
		return crypto.SHA512, nil
	case jose.EdDSA:
		return 0, nil
	}
	return 0, jose.ErrUnsupportedAlgorithm
}

// rawECDSA turns the ASN.1 form of a signature into R and S one after the other
// (RFC 7518 section 3.4).
func rawECDSA(signature []byte, public crypto.PublicKey) ([]byte, error) {
	key, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return nil, ErrKey
	}
	var parts struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(signature, &parts)
	size := (key.Curve.Params().BitSize + 7) / 8
	if err != nil || len(rest) > 0 || !fits(parts.R, size) || !fits(parts.S, size) {
		return nil, ErrKey
	}
	raw := make([]byte, 2*size)
	parts.R.FillBytes(raw[:size])
	parts.S.FillBytes(raw[size:])
	return raw, nil
}

func fits(n *big.Int, size int) bool { return n.Sign() > 0 && n.BitLen() <= size*8 }
