package answers

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/caddy-tpp/caddy-tpp/jws"
)

// maxChain bounds how many certificates x5c may have.
const maxChain = 8

// parseChain reads x5c (RFC 7515 section 4.1.6): base64 of DER, the leaf first.
func parseChain(texts []string) ([]*x509.Certificate, error) {
	if len(texts) == 0 || len(texts) > maxChain {
		return nil, invalid("x5c has no certificate, or too many")
	}
	chain := make([]*x509.Certificate, len(texts))
	for i, text := range texts {
		der, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return nil, invalid("x5c is not base64")
		}
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return nil, invalid("x5c holds no certificate")
		}
	}
	return chain, nil
}

// checkChain verifies a signature that brings its certificate along. It counts
// if it is one of those configured, or if a configured authority issued it to
// the bank. Without either, it says no more than a key id does.
func (v *Verifier) checkChain(ctx context.Context, s *signature, now time.Time) error {
	leaf := s.chain[0]
	if s.thumbprint != "" && s.thumbprint != jws.Thumbprint(leaf) {
		return invalid("x5t#S256 is not of the certificate in x5c")
	}
	known := slices.ContainsFunc(v.keys.Certificates, leaf.Equal)
	switch {
	case known && (now.Before(leaf.NotBefore) || now.After(leaf.NotAfter)):
		return invalid("the configured certificate is not valid at this time")
	case known:
	case v.keys.Trust != nil:
		if err := v.trusts(s.chain, now); err != nil {
			return err
		}
	case v.keys.Published != nil && s.keyID != "":
		result, err := v.checkPublished(ctx, s)
		if err == nil && result != found {
			err = invalid(reasonUnknown)
		}
		return err
	default:
		return invalid("the certificate in x5c is not configured")
	}
	if !s.by(leaf.PublicKey) {
		return invalid(reasonWrong)
	}
	return nil
}

// trusts says why a chain is not trusted at a time, nil if it is.
func (v *Verifier) trusts(chain []*x509.Certificate, now time.Time) error {
	leaf := chain[0]
	between := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		between.AddCert(certificate)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: v.keys.Trust, Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return invalid("the certificate in x5c " + whyNot(err))
	}
	if leaf.IsCA || leaf.KeyUsage != 0 && leaf.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return invalid("the certificate in x5c is not for signatures")
	}
	if want := v.policy.OrganizationID; want != "*" && organizationID(leaf) != want {
		return invalid("the certificate in x5c has another organizationIdentifier than organization_id")
	}
	return nil
}

func whyNot(err error) string {
	var (
		authority  x509.UnknownAuthorityError
		restricted x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &authority):
		return "comes from an unknown authority"
	case errors.As(err, &restricted) && restricted.Reason == x509.Expired:
		return "or one above it is expired or not yet valid"
	default:
		return "cannot be verified"
	}
}

// organizationID is the organizationIdentifier of a certificate's subject (ETSI
// EN 319 412-1 section 5.1.4), "" unless there is exactly one.
func organizationID(certificate *x509.Certificate) string {
	id, n := "", 0
	for _, part := range certificate.Subject.Names {
		if part.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 97}) {
			id, _ = part.Value.(string)
			n++
		}
	}
	if n != 1 {
		return ""
	}
	return id
}
