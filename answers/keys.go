package answers

import (
	"context"
	"crypto"
	"crypto/x509"
	"time"

	"github.com/caddy-tpp/caddy-tpp/jws"
)

// Keys are what a bank's signatures may be made with.
type Keys struct {
	// Certificates count while they are valid.
	Certificates []*x509.Certificate
	// Public are keys without a certificate.
	Public []crypto.PublicKey
	// Published gives the keys that a bank publishes, of those that fit a key id
	// ("" for all) and a JOSE algorithm ("" for all). renewed asks for a newer
	// set, if it is time for one; none is no error. Nil: the bank publishes none.
	Published func(ctx context.Context, keyID, algorithm string, renewed bool) ([]crypto.PublicKey, error)
	// Trust are the authorities that a certificate in x5c may come from. Nil: none.
	Trust *x509.CertPool
}

// hint is what a signature says of the key that made it.
type hint struct {
	keyID      string
	thumbprint string              // x5t#S256
	chain      []*x509.Certificate // x5c
}

// signature is something to verify.
type signature struct {
	hint
	// fits are the algorithms it may be of.
	fits []*algorithm
	text []byte
	sig  []byte
	der  bool // an ECDSA signature may be in ASN.1 form
}

func (s *signature) by(key crypto.PublicKey) bool {
	for _, a := range s.fits {
		if a.verify(key, s.text, s.sig, s.der) {
			return true
		}
	}
	return false
}

const (
	reasonWrong   = "the signature does not fit what was received"
	reasonUnknown = "it was made with a key that is not configured"
	reasonKeys    = "the bank's keys cannot be had"
)

// check verifies a signature with what is known of the bank's keys.
func (v *Verifier) check(ctx context.Context, s *signature, now time.Time) error {
	if len(s.fits) == 0 {
		return invalid("its algorithm is not accepted")
	}
	if len(s.chain) > 0 {
		return v.checkChain(ctx, s, now)
	}
	tried, expired := false, false
	for _, certificate := range v.keys.Certificates {
		if s.thumbprint != "" && s.thumbprint != jws.Thumbprint(certificate) {
			continue
		}
		if now.Before(certificate.NotBefore) || now.After(certificate.NotAfter) {
			expired = true
			continue
		}
		tried = true
		if s.by(certificate.PublicKey) {
			return nil
		}
	}
	for _, key := range v.keys.Public {
		tried = true
		if s.by(key) {
			return nil
		}
	}
	published, err := v.checkPublished(ctx, s)
	if err != nil || published == found {
		return err
	}
	tried = tried || published == triedInVain
	switch {
	case tried:
		return invalid(reasonWrong)
	case expired:
		return invalid("the configured certificate is not valid at this time")
	}
	return invalid(reasonUnknown)
}

// What came of a search among published keys.
type search int

const (
	noKey search = iota
	triedInVain
	found
)

// checkPublished tries the bank's published keys, and a newer set of them if
// that fails: keys are exchanged without notice.
func (v *Verifier) checkPublished(ctx context.Context, s *signature) (search, error) {
	if v.keys.Published == nil {
		return noKey, nil
	}
	name := ""
	if len(s.fits) == 1 {
		name = s.fits[0].jose
	}
	result := noKey
	for _, renewed := range []bool{false, true} {
		keys, err := v.keys.Published(ctx, s.keyID, name, renewed)
		if err != nil && result == noKey {
			return result, unchecked(reasonKeys)
		}
		for _, key := range keys {
			result = triedInVain
			if s.by(key) {
				return found, nil
			}
		}
	}
	return result, nil
}
