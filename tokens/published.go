package tokens

import (
	"context"
	"crypto"

	"github.com/go-jose/go-jose/v4"
)

// PublishedKeys are the keys of a JSON Web Key Set that is at hand.
type PublishedKeys struct{ keys []jose.JSONWebKey }

// ParseKeySet reads a JSON Web Key Set (RFC 7517). Keys that are not understood,
// are too short or are for encryption are left out; if none is left the error
// wraps [ErrMetadata].
func ParseKeySet(set []byte) (PublishedKeys, error) {
	keys, err := parseKeys(set)
	if err != nil {
		return PublishedKeys{}, err
	}
	return PublishedKeys{*keys}, nil
}

// Find gives the keys of a key id that may be used with an algorithm (RFC 7518
// section 3.1); "" stands for any.
func (p PublishedKeys) Find(keyID, algorithm string) (found []crypto.PublicKey) {
	for _, key := range p.keys {
		if (keyID == "" || key.KeyID == keyID) && (key.Algorithm == "" || algorithm == "" || key.Algorithm == algorithm) {
			found = append(found, key.Key)
		}
	}
	return found
}

// At gives the keys that are published at an https URL, which must always be the
// same. renewed asks for those of a new key set, if it is time for one: that it
// is not is no error, and there are no keys then. Of ep the connections, the
// timeout and the clock are used. Errors wrap [ErrUnavailable] or [ErrMetadata].
func (k *KeySet) At(ctx context.Context, ep *Endpoint, target string, renewed bool) (PublishedKeys, error) {
	get := k.document.get
	if renewed {
		get = k.document.renew
	}
	keys, err := get(ctx, ep.now(), func() (*[]jose.JSONWebKey, error) {
		body, err := ep.load(PurposeKeys, target, "application/jwk-set+json, application/json")
		if err != nil {
			return nil, err
		}
		return parseKeys(body)
	})
	if err != nil || keys == nil {
		return PublishedKeys{}, err
	}
	return PublishedKeys{*keys}, nil
}
