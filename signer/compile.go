package signer

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/caddy-tpp/caddy-tpp/jws"
)

// Credentials are what one identity generation signs with.
type Credentials struct {
	// Key makes the signatures; it may live in an HSM.
	Key crypto.Signer
	// Certificate is the QSEAL that Key belongs to. It may be nil if neither
	// the keyId nor a certificate header is made from it.
	Certificate *x509.Certificate
	// Chain is what Certificate was issued by, nearest first, for a JWS with x5c.
	Chain []*x509.Certificate
	// ClientID is the TPP's client_id at the bank, for keyId form "client-id".
	ClientID string
}

// Signer signs requests as one bank wants it, with one identity generation.
// It is safe for concurrent use.
type Signer struct {
	spec        Spec // with defaults filled in
	plans       plans
	key         crypto.Signer
	algorithm   *algorithm
	options     crypto.SignerOpts
	keyID       string
	label       string
	certificate string // value of the certificate header
	emptyDigest string
	pool        sync.Pool // of *scratch
	credentials Credentials
	blind       bool // see Blind

	header  string         // that carries the signature of draft-cavage
	jose    *joseSigner    // of a JSON Web Signature, else nil
	message *messageSigner // of RFC 9421, else nil
	nonce   bool           // message signatures carry one
}

// Compile binds spec to cred and does everything that does not depend on the
// request. It checks that the key is of the algorithm's type, is long enough
// (RSA: 2048 bits) and belongs to the certificate. Errors wrap [ErrSpec] or
// [ErrKey]. With container "none" cred may be empty.
//
// The certificate's validity, usage and roles are not looked at: that is for
// whoever loads it, who knows what to do about it.
func Compile(spec Spec, cred Credentials) (*Signer, error) {
	return compile(spec, cred, minRSABits)
}

func compile(spec Spec, cred Credentials, minBits int) (*Signer, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	s := &Signer{spec: spec.withDefaults(), key: cred.Key, credentials: cred}
	s.pool.New = func() any { return new(scratch) }
	if s.spec.Container == none {
		return s, nil
	}
	if err := s.checkKey(cred, minBits); err != nil {
		return nil, err
	}
	var err error
	if s.spec.usesKeyID() {
		if s.keyID, err = KeyIDFor(s.spec.KeyID, cred); err != nil {
			return nil, err
		}
	}
	s.label = s.spec.label(s.algorithm)
	if s.spec.Certificate.Header != "" {
		if cred.Certificate == nil {
			return nil, fmt.Errorf("%w: header %s needs a certificate", ErrKey, s.spec.Certificate.Header)
		}
		s.certificate = s.spec.Certificate.value(cred.Certificate)
	}
	s.emptyDigest = s.spec.digestOfNothing()
	s.plans = newPlans(&s.spec)
	return s, s.compileContainer(cred)
}

// usesKeyID says whether the signature names its key by KeyID.
func (s *Spec) usesKeyID() bool {
	switch {
	case s.isJOSE():
		uses := func(value string) bool { return value == "{key_id}" }
		return slices.ContainsFunc(slices.Collect(maps.Values(s.JWS.Members)), uses) || slices.ContainsFunc(slices.Collect(maps.Values(s.JWS.Claims)), uses)
	case s.Container == containerMessage:
		return slices.Contains(s.MessageSignature.Parameters, "keyid")
	}
	return true
}

// compileContainer prepares what carries the signature.
func (s *Signer) compileContainer(cred Credentials) (err error) {
	switch {
	case s.spec.isJOSE():
		facts := jws.Facts{KeyID: s.keyID, ClientID: cred.ClientID, Certificate: cred.Certificate, Chain: cred.Chain}
		if cert := cred.Certificate; cert != nil {
			if facts.SubjectDN, err = RenderDN(cert.RawSubject, "rfc2253-jdk-keyword", false); err != nil {
				return err
			}
			url := KeyID{Form: "certificate-url", URL: s.spec.KeyID.URL}
			if s.spec.KeyID.URL != "" {
				if facts.CertificateURL, err = KeyIDFor(url, cred); err != nil {
					return err
				}
			}
		}
		s.jose, err = newJOSESigner(&s.spec, s.algorithm, jws.Opaque(cred.Key), facts)
		return err
	case s.spec.Container == containerMessage:
		s.header = "Signature"
		if s.message, err = newMessageSigner(&s.spec, s.keyID, s.label); err == nil {
			s.nonce = s.message.wantsNonce()
		}
		return err
	}
	return s.compileCavage()
}

// compileCavage prepares the parameters of draft-cavage.
func (s *Signer) compileCavage() error {
	if s.header = "Signature"; s.spec.Container == containerAuthorization {
		s.header = "Authorization"
	}
	if s.label != "" && slices.Contains(s.spec.Unquoted, "algorithm") && !isToken(s.label) {
		return fmt.Errorf("%w: signature.unquoted: algorithm %q is not a token", ErrSpec, s.label)
	}
	quoted, err := s.spec.KeyID.quote(s.keyID)
	if err != nil {
		return err
	}
	s.plans.standard.buildPieces(&s.spec, quoted, s.label)
	for _, p := range s.plans.by {
		p.buildPieces(&s.spec, quoted, s.label)
	}
	return nil
}

func (s *Signer) checkKey(cred Credentials, minBits int) error {
	if cred.Key == nil {
		return fmt.Errorf("%w: there is none", ErrKey)
	}
	pub := cred.Key.Public()
	var err error
	if s.algorithm, err = s.spec.algorithmFor(pub, minBits); err != nil {
		return err
	}
	s.options = s.algorithm.options()
	if cred.Certificate == nil {
		return nil
	}
	if k, ok := pub.(interface{ Equal(crypto.PublicKey) bool }); !ok || !k.Equal(cred.Certificate.PublicKey) {
		return fmt.Errorf("%w: it does not belong to the certificate", ErrKey)
	}
	return nil
}

// label is the algorithm parameter's text, or "" if there is none.
func (s *Spec) label(a *algorithm) string {
	switch {
	case s.isJOSE():
		return string(a.jose)
	case s.AlgorithmLabel == none:
		return ""
	case s.AlgorithmLabel == "" && s.Container == containerMessage:
		return a.message
	case s.AlgorithmLabel == "":
		return a.label
	}
	return s.AlgorithmLabel
}

// value is the certificate header's value for cert.
func (h *CertificateHeader) value(cert *x509.Certificate) string {
	der := base64.StdEncoding.EncodeToString(cert.Raw)
	if h.Form == "pem-line" {
		return pemBegin + der + pemEnd
	}
	return der
}

const (
	pemBegin = "-----BEGIN CERTIFICATE-----"
	pemEnd   = "-----END CERTIFICATE-----"
)

// KeyID is the keyId parameter before quoting, or "" if nothing is signed.
func (s *Signer) KeyID() string { return s.keyID }

// AlgorithmLabel is the algorithm parameter, or "" if it is left out.
func (s *Signer) AlgorithmLabel() string { return s.label }

// Algorithm is the algorithm really used, or "" if nothing is signed.
func (s *Signer) Algorithm() string {
	if s.algorithm == nil {
		return ""
	}
	return s.algorithm.name
}

// Spec is what the signer was compiled from, with its defaults filled in. Its
// lists must not be changed.
func (s *Signer) Spec() Spec { return s.spec }

// SignsAnything is false for container "none".
func (s *Signer) SignsAnything() bool { return s.spec.Container != none }
