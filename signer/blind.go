package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"strings"
)

// NotSigned stands in a message where the signature of a [Signer.Blind] would be.
const NotSigned = "[signature not made]"

// Blind gives a Signer that does all that s does but for signing: its key is not
// used, and [NotSigned] stands for the signature. It is for explaining how a
// request would be signed where nobody may have anything signed.
func (s *Signer) Blind() (*Signer, error) {
	if s.spec.Container == none {
		return s, nil
	}
	credentials := s.credentials
	credentials.Key = blindKey{credentials.Key.Public()}
	blind, err := compile(s.spec, credentials, 0)
	if err != nil {
		return nil, err
	}
	blind.blind = true
	return blind, nil
}

// blindKey is a private key that nobody has. Its signatures are zeros, or what
// comes nearest to them.
type blindKey struct{ public crypto.PublicKey }

// Public implements [crypto.Signer].
func (k blindKey) Public() crypto.PublicKey { return k.public }

// Sign implements [crypto.Signer].
func (k blindKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return make([]byte, public.Size()), nil
	case *ecdsa.PublicKey:
		return asn1.Marshal(struct{ R, S *big.Int }{big.NewInt(1), big.NewInt(1)})
	case ed25519.PublicKey:
		return make([]byte, ed25519.SignatureSize), nil
	}
	return nil, fmt.Errorf("%w: %T", ErrKey, k.public)
}

// withoutSignature writes NotSigned in place of a blind signature.
func (s *Signer) withoutSignature(text string) string {
	made, err := s.key.Sign(nil, nil, nil)
	if err != nil {
		return NotSigned
	}
	forms := [][]byte{made}
	if s.algorithm.curve != nil {
		if raw, err := rawSignature(made, s.algorithm.curve); err == nil {
			forms = append(forms, raw)
		}
	}
	for _, form := range forms {
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
			text = strings.ReplaceAll(text, encoding.EncodeToString(form), NotSigned)
		}
	}
	return text
}
