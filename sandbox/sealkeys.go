package sandbox

import (
	"crypto"
	"encoding/base64"
	"errors"
	"net/http"
)

// sealKey is a key that a TPP signs messages with, under the name that it is
// registered by.
type sealKey struct {
	name   string
	public crypto.PublicKey
	// seal is its certificate, nil for a key registered without one.
	seal *qualified
}

// fingerprint is x5t#S256 of a certificate (RFC 7515 section 4.1.8).
func (q *qualified) fingerprint() string {
	return base64.RawURLEncoding.EncodeToString(q.Thumbprint[:])
}

// sealKeys are those of an organization: the keys of its clients by their kid,
// and its QSEALs, which are named by x5t#S256.
func (b *Bank) sealKeys(organization string) []sealKey {
	seals := b.registry.of(organization)
	var list []sealKey
	b.clients.mu.RLock()
	defer b.clients.mu.RUnlock()
	for _, client := range b.clients.byID {
		if client.Organization != organization || client.Keys == nil {
			continue
		}
		for _, key := range client.Keys.Keys {
			if key.KeyID != "" {
				list = append(list, sealKey{key.KeyID, key.Key, sealOf(key.Key, seals)})
			}
		}
	}
	for _, q := range seals {
		list = append(list, sealKey{q.fingerprint(), q.Cert.PublicKey, q})
	}
	return list
}

// sealOf finds the certificate of a key.
func sealOf(public crypto.PublicKey, seals []*qualified) *qualified {
	for _, q := range seals {
		if key, ok := q.Cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); ok && key.Equal(public) {
			return q
		}
	}
	return nil
}

// errStrangeKey tells that no key has the name.
var errStrangeKey = errors.New("names no key that the TPP has registered")

// keysNamed finds the keys of the TPP that called by name.
func (c *call) keysNamed(name string) ([]sealKey, error) {
	var found []sealKey
	if c.qwac != nil {
		for _, key := range c.bank.sealKeys(c.qwac.OrgID) {
			if key.name == name {
				found = append(found, key)
			}
		}
	}
	if found == nil {
		return nil, errStrangeKey
	}
	return found, nil
}

// badSignature notes what is wrong with a signature.
func (c *call) badSignature(what string, err error) {
	c.fail(c.signatureStatus(), codeSignature, "%s: %v", what, err)
}

// signedWith notes that the signature verified, and judges certificate and
// replay.
func (c *call) signedWith(key sealKey, signature []byte) {
	c.rec.SignatureOK = true
	if key.seal != nil {
		c.rec.QSEAL = key.seal.Cert
		c.checkSeal(key.seal)
	}
	c.rememberSignature(signatureHeader{Signature: signature})
}

// verifyAny checks a JWS signature with the keys, in turn.
func (c *call) verifyAny(what, algorithm string, keys []sealKey, input, signature []byte) {
	hash, ok := jwtHash(algorithm)
	if !ok {
		c.fail(c.signatureStatus(), codeSignature, "%s: alg %.20q is not known", what, algorithm)
		return
	}
	h := hash.New()
	h.Write(input)
	digest := h.Sum(nil)
	for _, key := range keys {
		if verifyJWS(key.public, algorithm, hash, digest, signature) {
			c.signedWith(key, signature)
			return
		}
	}
	c.fail(c.signatureStatus(), codeSignature, "%s: the signature does not verify over what was received, with the key that the TPP registered and alg %s", what, algorithm)
}

// wantsSignature notes that the call has to be signed; false if it is not.
func (c *call) wantsSignature(header string) (string, bool) {
	c.signatureDue = true
	value, ok := c.msg.first(header)
	if !ok {
		c.fail(c.signatureStatus(), codeSigMissing, "the header %s is missing", http.CanonicalHeaderKey(header))
	}
	return value, ok
}
