package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"math/big"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// minRSABits is the smallest RSA key accepted (ETSI TS 119 312 section 6.2.2.1
// allows 1900 bits and recommends 3000; no qualified certificate has less than 2048).
const minRSABits = 2048

// algorithm is one real signature algorithm.
type algorithm struct {
	name    string
	label   string // draft-cavage's name
	jose    jose.SignatureAlgorithm
	message string      // RFC 9421's name, "" if it registers none
	hash    crypto.Hash // 0: Ed25519, which hashes by itself
	pss     bool
	curve   elliptic.Curve // nil: RSA or Ed25519
}

// The first that fits a key is what "auto" means.
var algorithms = [...]algorithm{
	{name: "rsa-sha256", label: "rsa-sha256", jose: jose.RS256, message: "rsa-v1_5-sha256", hash: crypto.SHA256},
	{name: "rsa-sha384", label: "rsa-sha384", jose: jose.RS384, hash: crypto.SHA384},
	{name: "rsa-sha512", label: "rsa-sha512", jose: jose.RS512, hash: crypto.SHA512},
	{name: "rsa-pss-sha256", label: "hs2019", jose: jose.PS256, hash: crypto.SHA256, pss: true},
	{name: "rsa-pss-sha384", label: "hs2019", jose: jose.PS384, hash: crypto.SHA384, pss: true},
	{name: "rsa-pss-sha512", label: "hs2019", jose: jose.PS512, message: "rsa-pss-sha512", hash: crypto.SHA512, pss: true},
	{name: "ecdsa-sha256", label: "ecdsa-sha256", jose: jose.ES256, message: "ecdsa-p256-sha256", hash: crypto.SHA256, curve: elliptic.P256()},
	{name: "ecdsa-sha384", label: "ecdsa-sha384", jose: jose.ES384, message: "ecdsa-p384-sha384", hash: crypto.SHA384, curve: elliptic.P384()},
	{name: "ecdsa-sha512", label: "hs2019", jose: jose.ES512, hash: crypto.SHA512, curve: elliptic.P521()},
	{name: "ed25519", label: "hs2019", jose: jose.EdDSA, message: "ed25519"},
}

func algorithmNames() []string {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = a.name
	}
	return names
}

// algorithmFor finds the algorithm for pub. A JWS with an RSA key is PS256
// unless configured: FAPI forbids RS256 (FAPI 1.0 part 2 section 8.6).
func (s *Spec) algorithmFor(pub crypto.PublicKey, minBits int) (*algorithm, error) {
	name := s.Algorithm
	if _, isRSA := pub.(*rsa.PublicKey); isRSA && name == "auto" && s.isJOSE() {
		name = "rsa-pss-sha256"
	}
	return algorithmFor(name, pub, minBits)
}

// algorithmFor finds the algorithm called name, or for "auto" the one that
// suits pub, and checks that pub can be used with it.
func algorithmFor(name string, pub crypto.PublicKey, minBits int) (*algorithm, error) {
	var curve elliptic.Curve
	edwards := false
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minBits {
			return nil, fmt.Errorf("%w: RSA key of %d bits, at least %d are needed", ErrKey, k.N.BitLen(), minBits)
		}
	case *ecdsa.PublicKey:
		curve = k.Curve
	case ed25519.PublicKey:
		edwards = true
	default:
		return nil, fmt.Errorf("%w: %T is neither an RSA, nor an ECDSA, nor an Ed25519 key", ErrKey, pub)
	}
	for i := range algorithms {
		a := &algorithms[i]
		if (name == "auto" || name == a.name) && a.curve == curve && (a.hash == 0) == edwards {
			return a, nil
		}
	}
	kind := "RSA"
	switch {
	case edwards:
		kind = "Ed25519"
	case curve != nil:
		kind = "ECDSA " + curve.Params().Name
	}
	return nil, fmt.Errorf("%w: signature.algorithm %q does not work with an %s key", ErrKey, name, kind)
}

// options are what crypto.Signer.Sign wants to know.
func (a *algorithm) options() crypto.SignerOpts {
	if a.pss {
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.hash}
	}
	return a.hash
}

// sum writes the hash of text into buf and returns it; for Ed25519 it is text.
func (a *algorithm) sum(buf *[sha512.Size]byte, text []byte) []byte {
	switch a.hash {
	case 0:
		return text
	case crypto.SHA384:
		h := sha512.Sum384(text)
		return buf[:copy(buf[:], h[:])]
	case crypto.SHA512:
		h := sha512.Sum512(text)
		return buf[:copy(buf[:], h[:])]
	default:
		h := sha256.Sum256(text)
		return buf[:copy(buf[:], h[:])]
	}
}

// verify checks sig, encoded as the bank gets it, over text.
func (a *algorithm) verify(pub crypto.PublicKey, text, sig []byte, raw bool) error {
	var buf [sha512.Size]byte
	digest := a.sum(&buf, text)
	ok := false
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if a.pss {
			ok = rsa.VerifyPSS(k, a.hash, digest, sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		} else {
			ok = rsa.VerifyPKCS1v15(k, a.hash, digest, sig) == nil
		}
	case *ecdsa.PublicKey:
		if raw {
			ok = verifyRaw(k, digest, sig)
		} else {
			ok = ecdsa.VerifyASN1(k, digest, sig)
		}
	case ed25519.PublicKey:
		ok = ed25519.Verify(k, digest, sig)
	}
	if !ok {
		return fmt.Errorf("%w: wrong key, or not what was signed", ErrSignature)
	}
	return nil
}

func verifyRaw(k *ecdsa.PublicKey, digest, sig []byte) bool {
	n := orderBytes(k.Curve)
	if len(sig) != 2*n {
		return false
	}
	return ecdsa.Verify(k, digest, new(big.Int).SetBytes(sig[:n]), new(big.Int).SetBytes(sig[n:]))
}

// orderBytes is the length of the curve's order in bytes.
func orderBytes(c elliptic.Curve) int { return (c.Params().N.BitLen() + 7) / 8 }

// rawSignature turns an ASN.1 ECDSA signature into r and s side by side.
func rawSignature(der []byte, c elliptic.Curve) ([]byte, error) {
	var inner cryptobyte.String
	var r, s big.Int
	n := orderBytes(c)
	in := cryptobyte.String(der)
	if !in.ReadASN1(&inner, asn1.SEQUENCE) || !in.Empty() ||
		!inner.ReadASN1Integer(&r) || !inner.ReadASN1Integer(&s) || !inner.Empty() ||
		r.Sign() <= 0 || s.Sign() <= 0 || r.BitLen() > 8*n || s.BitLen() > 8*n {
		return nil, fmt.Errorf("%w: it returned a malformed ECDSA signature", ErrKey)
	}
	raw := make([]byte, 2*n)
	r.FillBytes(raw[:n])
	s.FillBytes(raw[n:])
	return raw, nil
}
