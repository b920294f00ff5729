package tokens

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-tpp/caddy-tpp/jws"
)

// maxKeys bounds how many keys are tried on a signature that names none.
const maxKeys = 64

// KeySet holds the keys that a bank signs id_tokens with (RFC 7517): fetched
// when first needed and hourly since, and at most once a minute for the sake of
// a key that is not among them. Its zero value is ready for use. It must not be
// copied.
type KeySet struct {
	document document[[]jose.JSONWebKey]
}

// candidates gives the keys that a signature may have been made with. renewed
// asks for those of a new key set, if it is time for one.
func (k *KeySet) candidates(ctx context.Context, ep *Endpoint, header jose.Header, renewed bool) ([]jose.JSONWebKey, error) {
	target, err := ep.keysURL(ctx)
	if err != nil {
		return nil, err
	}
	published, err := k.At(ctx, ep, target, renewed)
	if err != nil {
		return nil, err
	}
	var fitting []jose.JSONWebKey
	for _, key := range published.keys {
		if (header.KeyID == "" || key.KeyID == header.KeyID) && usableFor(key, jose.SignatureAlgorithm(header.Algorithm)) {
			fitting = append(fitting, key)
		}
	}
	return fitting, nil
}

// parseKeys reads a key set. Keys that are not understood, or that sign
// nothing, are left out, as RFC 7517 section 5 wants it.
func parseKeys(body []byte) (*[]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("%w: the keys are not a JSON Web Key Set", ErrMetadata)
	}
	keys := []jose.JSONWebKey{}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) != nil || !key.IsPublic() || !key.Valid() || key.Use != "" && key.Use != "sig" {
			continue
		}
		if weak, ok := key.Key.(*rsa.PublicKey); ok && weak.N.BitLen() < jws.MinRSABits {
			continue
		}
		if keys = append(keys, key); len(keys) == maxKeys {
			break
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: the key set holds no key that can verify a signature", ErrMetadata)
	}
	return &keys, nil
}

// usableFor reports whether a key may verify signatures of an algorithm.
func usableFor(key jose.JSONWebKey, algorithm jose.SignatureAlgorithm) bool {
	if key.Algorithm != "" && key.Algorithm != string(algorithm) {
		return false
	}
	return slices.Contains(algorithmsOf(key.Key), algorithm)
}
