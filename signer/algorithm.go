package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// minRSABits is the smallest RSA key accepted (ETSI TS 119 312 section 6.2.2.1
// allows 1900 bits and recommends 3000; no qualified certificate has less than 2048).
const minRSABits = 2048

// algorithm is one real signature algorithm.
type algorithm struct {
	name  string
	label string // draft-cavage's name
	hash  crypto.Hash
	pss   bool
	curve elliptic.Curve // nil: RSA
}

var algorithms = [...]algorithm{
	{name: "rsa-sha256", label: "rsa-sha256", hash: crypto.SHA256},
	{name: "rsa-sha384", label: "rsa-sha384", hash: crypto.SHA384},
	{name: "rsa-sha512", label: "rsa-sha512", hash: crypto.SHA512},
	{name: "rsa-pss-sha256", label: "hs2019", hash: crypto.SHA256, pss: true},
	{name: "rsa-pss-sha384", label: "hs2019", hash: crypto.SHA384, pss: true},
	{name: "rsa-pss-sha512", label: "hs2019", hash: crypto.SHA512, pss: true},
	{name: "ecdsa-sha256", label: "ecdsa-sha256", hash: crypto.SHA256, curve: elliptic.P256()},
	{name: "ecdsa-sha384", label: "ecdsa-sha384", hash: crypto.SHA384, curve: elliptic.P384()},
}

func algorithmNames() []string {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = a.name
	}
	return names
}

// algorithmFor finds the algorithm called name, or for "auto" the one that
// suits pub, and checks that pub can be used with it.
func algorithmFor(name string, pub crypto.PublicKey, minBits int) (*algorithm, error) {
	var curve elliptic.Curve
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minBits {
			return nil, fmt.Errorf("%w: RSA key of %d bits, at least %d are needed", ErrKey, k.N.BitLen(), minBits)
		}
	case *ecdsa.PublicKey:
		curve = k.Curve
	default:
		return nil, fmt.Errorf("%w: %T is neither an RSA nor an ECDSA key", ErrKey, pub)
	}
	for i := range algorithms {
		a := &algorithms[i]
		if (name == "auto" || name == a.name) && a.curve == curve {
			return a, nil
		}
	}
	kind := "RSA"
	if curve != nil {
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

// sum writes the hash of text into buf and returns it.
func (a *algorithm) sum(buf *[sha512.Size]byte, text []byte) []byte {
	switch a.hash {
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
