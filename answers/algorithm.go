package answers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // linked in for crypto.Hash
	_ "crypto/sha512"
	"math/big"
)

// minRSABits is the least length of an RSA key that counts.
const minRSABits = 2048

// algorithm is a signature algorithm under its names.
type algorithm struct {
	name    string // in a signature section of a profile
	jose    string // RFC 7518 section 3.1, RFC 8037 section 3.1
	message string // RFC 9421 section 3.3, "" if it has none
	cavage  string // draft-cavage-http-signatures
	hash    crypto.Hash
	pss     bool
	curve   elliptic.Curve // nil unless ECDSA
}

var algorithms = [...]algorithm{
	{name: "rsa-sha256", jose: "RS256", message: "rsa-v1_5-sha256", cavage: "rsa-sha256", hash: crypto.SHA256},
	{name: "rsa-sha384", jose: "RS384", cavage: "rsa-sha384", hash: crypto.SHA384},
	{name: "rsa-sha512", jose: "RS512", cavage: "rsa-sha512", hash: crypto.SHA512},
	{name: "rsa-pss-sha256", jose: "PS256", cavage: "hs2019", hash: crypto.SHA256, pss: true},
	{name: "rsa-pss-sha384", jose: "PS384", cavage: "hs2019", hash: crypto.SHA384, pss: true},
	{name: "rsa-pss-sha512", jose: "PS512", message: "rsa-pss-sha512", cavage: "hs2019", hash: crypto.SHA512, pss: true},
	{name: "ecdsa-sha256", jose: "ES256", message: "ecdsa-p256-sha256", cavage: "ecdsa-sha256", hash: crypto.SHA256, curve: elliptic.P256()},
	{name: "ecdsa-sha384", jose: "ES384", message: "ecdsa-p384-sha384", cavage: "ecdsa-sha384", hash: crypto.SHA384, curve: elliptic.P384()},
	{name: "ecdsa-sha512", jose: "ES512", cavage: "ecdsa-sha512", hash: crypto.SHA512, curve: elliptic.P521()},
	{name: "ed25519", jose: "EdDSA", message: "ed25519", cavage: "ed25519"},
}

func algorithmNames() (names []string) {
	for i := range algorithms {
		names = append(names, algorithms[i].name)
	}
	return names
}

// algorithmNamed finds an algorithm by its name in profiles or in JOSE.
func algorithmNamed(name string) *algorithm {
	for i := range algorithms {
		if algorithms[i].name == name || algorithms[i].jose == name {
			return &algorithms[i]
		}
	}
	return nil
}

// takes reports whether the algorithm goes with a key.
func (a *algorithm) takes(key crypto.PublicKey) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return a.curve == nil && a.hash != 0 && k.N.BitLen() >= minRSABits
	case *ecdsa.PublicKey:
		return a.curve != nil && k.Curve == a.curve
	case ed25519.PublicKey:
		return a.hash == 0 && len(k) == ed25519.PublicKeySize
	}
	return false
}

// verify reports whether sig is key's signature of text. A key of another kind
// is no match. der accepts the ASN.1 form of an ECDSA signature, too.
func (a *algorithm) verify(key crypto.PublicKey, text, sig []byte, der bool) bool {
	if !a.takes(key) {
		return false
	}
	switch k := key.(type) {
	case *rsa.PublicKey:
		if a.pss {
			return rsa.VerifyPSS(k, a.hash, a.sum(text), sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(k, a.hash, a.sum(text), sig) == nil
	case *ecdsa.PublicKey:
		return verifyRaw(k, a.sum(text), sig) || der && ecdsa.VerifyASN1(k, a.sum(text), sig)
	case ed25519.PublicKey:
		return ed25519.Verify(k, text, sig)
	}
	return false
}

func (a *algorithm) sum(text []byte) []byte {
	h := a.hash.New()
	h.Write(text)
	return h.Sum(nil)
}

// verifyRaw takes r and s side by side (RFC 7518 section 3.4).
func verifyRaw(k *ecdsa.PublicKey, digest, sig []byte) bool {
	n := (k.Params().N.BitLen() + 7) / 8
	if len(sig) != 2*n {
		return false
	}
	return ecdsa.Verify(k, digest, new(big.Int).SetBytes(sig[:n]), new(big.Int).SetBytes(sig[n:]))
}
