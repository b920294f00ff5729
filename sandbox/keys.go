package sandbox

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// bankKeys sign id_tokens and answers. They are made when first needed.
type bankKeys struct {
	mu    sync.Mutex
	rsa   *rsa.PrivateKey
	ec    *ecdsa.PrivateKey
	seals *answerSeals // their certificates
}

// get makes what is missing.
func (k *bankKeys) get() (*rsa.PrivateKey, *ecdsa.PrivateKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var err error
	if k.rsa == nil {
		if k.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			return nil, nil, err
		}
	}
	if k.ec == nil {
		k.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return k.rsa, k.ec, err
}

// RotateKeys makes the bank sign id_tokens and answers with new keys, of another
// kid. Its key set no longer holds the former ones.
func (b *Bank) RotateKeys() {
	b.keys.mu.Lock()
	defer b.keys.mu.Unlock()
	b.keys.rsa, b.keys.ec = nil, nil
}

// keyID names a key by its content (RFC 7638).
func keyID(public crypto.PublicKey) string {
	thumbprint, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		sum := sha256.Sum256(nil)
		thumbprint = sum[:]
	}
	return hex.EncodeToString(thumbprint[:8])
}

// keySet is the endpoint of the bank's public keys.
func (c *call) keySet() (*answer, *problem) {
	rsaKey, ecKey, err := c.bank.keys.get()
	if err != nil {
		return nil, refuse(http.StatusInternalServerError, codeInternal, "no key could be made")
	}
	set := jose.JSONWebKeySet{}
	for _, public := range []crypto.PublicKey{rsaKey.Public(), ecKey.Public()} {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: public, KeyID: keyID(public), Use: "sig"})
	}
	return asJSON(http.StatusOK, "application/jwk-set+json", set), nil
}
