package diagnose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.Hash
	_ "crypto/sha512"
	"encoding/asn1"
	"math/big"
	"slices"
)

// proof is one way in which a signature may have been made by a key.
type proof struct {
	scheme string // "rsa", "rsa-pss", "ecdsa", "ed25519"
	hash   crypto.Hash
	raw    bool // of ecdsa: r and s side by side
	salt   int  // of rsa-pss
	// certain says that the key made the signature, whatever it is over.
	certain bool
	// fits says whether the signature is over text.
	fits func(text []byte) bool
}

var hashes = [...]crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}

// name is the algorithm as signer.Spec calls it.
func (p *proof) name() string {
	if p.scheme == "ed25519" {
		return p.scheme
	}
	return p.scheme + "-" + hashName(p.hash)
}

func hashName(h crypto.Hash) string {
	return map[crypto.Hash]string{crypto.SHA256: "sha256", crypto.SHA384: "sha384", crypto.SHA512: "sha512"}[h]
}

func sum(h crypto.Hash, parts ...[]byte) []byte {
	hash := h.New()
	for _, p := range parts {
		hash.Write(p)
	}
	return hash.Sum(nil)
}

// proofs gives the ways in which sig may be a signature of pub. Those of RSA are
// certain, so none means another key.
func proofs(pub crypto.PublicKey, sig []byte) []proof {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return rsaProofs(k, sig)
	case *ecdsa.PublicKey:
		return ecdsaProofs(k, sig)
	case ed25519.PublicKey:
		if len(sig) == ed25519.SignatureSize {
			return []proof{{scheme: "ed25519", fits: func(text []byte) bool { return ed25519.Verify(k, text, sig) }}}
		}
	}
	return nil
}

// digestInfos are the DER that PKCS#1 v1.5 puts before a hash (RFC 8017 section 9.2).
var digestInfos = map[crypto.Hash][]byte{
	crypto.SHA256: {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20},
	crypto.SHA384: {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30},
	crypto.SHA512: {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40},
}

// rsaProofs opens a signature with the public key and reads what it is. This
// serves diagnosis: acceptance is decided by the same bytes, compared in full.
func rsaProofs(k *rsa.PublicKey, sig []byte) []proof {
	if len(sig) != k.Size() || k.N.BitLen() < 512 {
		return nil
	}
	s := new(big.Int).SetBytes(sig)
	if s.Cmp(k.N) >= 0 {
		return nil
	}
	encoded := make([]byte, k.Size())
	new(big.Int).Exp(s, big.NewInt(int64(k.E)), k.N).FillBytes(encoded)
	var found []proof
	for _, h := range hashes {
		if p, ok := pkcs1Proof(h, encoded); ok {
			found = append(found, p)
		}
		if p, ok := pssProof(h, encoded, k.N.BitLen()-1); ok {
			found = append(found, p)
		}
	}
	if slices.ContainsFunc(found, isCertain) {
		return slices.DeleteFunc(found, func(p proof) bool { return !p.certain })
	}
	return found
}

func isCertain(p proof) bool { return p.certain }

// pkcs1Proof reads 00 01 FF… 00 DigestInfo hash.
func pkcs1Proof(h crypto.Hash, encoded []byte) (proof, bool) {
	tail := len(encoded) - h.Size() - len(digestInfos[h])
	if tail < 11 {
		return proof{}, false
	}
	want := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, tail-3)...)
	want = append(append(want, 0), digestInfos[h]...)
	digest, ok := bytes.CutPrefix(encoded, want)
	return proof{scheme: "rsa", hash: h, certain: true, fits: func(text []byte) bool {
		return bytes.Equal(sum(h, text), digest)
	}}, ok
}

// pssProof reads an EMSA-PSS encoding (RFC 8017 section 9.1.2) of any salt length.
func pssProof(h crypto.Hash, encoded []byte, bits int) (proof, bool) {
	if bits%8 == 0 {
		if encoded[0] != 0 {
			return proof{}, false
		}
		encoded = encoded[1:]
	}
	n := len(encoded) - h.Size() - 1
	if n < 1 || encoded[len(encoded)-1] != 0xbc {
		return proof{}, false
	}
	db, inner := bytes.Clone(encoded[:n]), encoded[n:len(encoded)-1]
	var counter [4]byte
	for i := 0; i < n; i += h.Size() {
		mask := sum(h, inner, counter[:])
		for j := range min(len(mask), n-i) {
			db[i+j] ^= mask[j]
		}
		counter[3]++
	}
	db[0] &= 0xff >> (8*len(encoded) - bits)
	padding := bytes.TrimLeft(db, "\x00")
	if len(padding) == 0 || padding[0] != 1 {
		return proof{}, false
	}
	salt := padding[1:]
	// A salt of all that fits leaves no zeros to know the encoding by.
	return proof{scheme: "rsa-pss", hash: h, salt: len(salt), certain: len(salt) < n-1, fits: func(text []byte) bool {
		return bytes.Equal(sum(h, make([]byte, 8), sum(h, text), salt), inner)
	}}, len(salt) <= h.Size() || len(salt) == n-1
}

// ecdsaProofs tries both encodings with each hash, the curve's own first.
func ecdsaProofs(k *ecdsa.PublicKey, sig []byte) []proof {
	n := (k.Curve.Params().N.BitLen() + 7) / 8
	der, raw := sig, len(sig) == 2*n
	if raw {
		type values struct{ R, S *big.Int }
		var err error
		if der, err = asn1.Marshal(values{new(big.Int).SetBytes(sig[:n]), new(big.Int).SetBytes(sig[n:])}); err != nil {
			return nil
		}
	} else if len(sig) < 8 || sig[0] != 0x30 {
		return nil
	}
	own := crypto.SHA256
	if bits := k.Curve.Params().BitSize; bits > 384 {
		own = crypto.SHA512
	} else if bits > 256 {
		own = crypto.SHA384
	}
	var found []proof
	for _, h := range append([]crypto.Hash{own}, hashes[:]...) {
		if len(found) > 0 && h == own {
			continue
		}
		found = append(found, proof{scheme: "ecdsa", hash: h, raw: raw, fits: func(text []byte) bool {
			return ecdsa.VerifyASN1(k, sum(h, text), der)
		}})
	}
	return found
}

// describeKey says what kind of key it is.
func describeKey(pub crypto.PublicKey) string {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return "RSA " + plural(k.N.BitLen(), "bit")
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "unknown kind of key"
}
