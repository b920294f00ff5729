package sandbox

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"math/big"
)

// verifyMessage checks a signature by the algorithm's registered name (RFC
// 9421 section 3.3), or the one that goes with the key if none is given.
func verifyMessage(public crypto.PublicKey, algorithm string, text, signature []byte) error {
	bad := errors.New("the signature does not verify over what was received, with the key that keyid names")
	short := sha256.Sum256(text)
	long := sha512.Sum512(text)
	middle := sha512.Sum384(text)
	ok := false
	switch key := public.(type) {
	case *rsa.PublicKey:
		switch algorithm {
		case "", "rsa-pss-sha512":
			ok = rsa.VerifyPSS(key, crypto.SHA512, long[:], signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		case "rsa-v1_5-sha256":
			ok = rsa.VerifyPKCS1v15(key, crypto.SHA256, short[:], signature) == nil
		default:
			return fmt.Errorf("alg %.40q does not go with the RSA key that keyid names", algorithm)
		}
	case *ecdsa.PublicKey:
		digest, want := short[:], "ecdsa-p256-sha256"
		switch key.Curve {
		case elliptic.P256():
		case elliptic.P384():
			digest, want = middle[:], "ecdsa-p384-sha384"
		default:
			return errors.New("no algorithm of RFC 9421 goes with the curve of the key that keyid names")
		}
		if algorithm != "" && algorithm != want {
			return fmt.Errorf("alg %.40q does not go with the EC key that keyid names", algorithm)
		}
		size := (key.Curve.Params().BitSize + 7) / 8
		if len(signature) != 2*size {
			return fmt.Errorf("the signature is not r and s of %d bytes each", size)
		}
		ok = ecdsa.Verify(key, digest, new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:]))
	case ed25519.PublicKey:
		if algorithm != "" && algorithm != "ed25519" {
			return fmt.Errorf("alg %.40q does not go with the Ed25519 key that keyid names", algorithm)
		}
		ok = ed25519.Verify(key, text, signature)
	}
	if !ok {
		return bad
	}
	return nil
}
