package jws

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Facts are what members can say of one generation of certificates.
type Facts struct {
	// KeyID, ClientID, SubjectDN and CertificateURL are the values of {key_id},
	// {client_id}, {subject_dn} and {x5u}, "" where there is none.
	KeyID, ClientID, SubjectDN, CertificateURL string
	// Certificate is the signing certificate, Chain what it was issued by,
	// nearest first. Both may be missing. Self-signed certificates of the chain
	// are left out: a root is never sent.
	Certificate *x509.Certificate
	Chain       []*x509.Certificate
}

// Moment is what members can say of one signature.
type Moment struct {
	// Now is when it is made, Lifetime how long it counts.
	Now      time.Time
	Lifetime time.Duration
	// Audience is the URL that the request goes to.
	Audience string
}

// Bound are members with everything filled in that does not depend on the
// request. It is safe for concurrent use.
type Bound struct{ list []member }

// Bind fills in what is known of a generation of certificates. A member whose
// value is missing is an error that wraps [ErrMembers].
func (m *Members) Bind(f Facts) (*Bound, error) {
	b := &Bound{list: make([]member, len(m.list))}
	for i, have := range m.list {
		if have.kind != kindLiteral && have.kind < kindUnixTime {
			value, err := f.json(have.kind)
			if err != nil {
				return nil, fmt.Errorf("%w: %s: %w", ErrMembers, have.name, err)
			}
			have.kind, have.literal = kindLiteral, value
		}
		b.list[i] = have
	}
	return b, nil
}

func (f *Facts) json(k kind) (string, error) {
	text, what := "", ""
	switch k {
	case kindKeyID:
		text, what = f.KeyID, "there is no key id: set key_id"
	case kindClientID:
		text, what = f.ClientID, "there is no client_id: set client_id"
	case kindSubjectDN:
		text, what = f.SubjectDN, "there is no certificate to take a name from"
	case kindCertificateURL:
		text, what = f.CertificateURL, "the certificate's address is not configured: set key_id.url"
	case kindOrganizationID:
		text, what = organizationID(f.Certificate), "the certificate has no organizationIdentifier"
	case kindThumbprint:
		text, what = Thumbprint(f.Certificate), "there is no certificate"
	case kindChain:
		return f.chain()
	}
	if text == "" {
		return "", fmt.Errorf("%s", what)
	}
	return quote(text), nil
}

// Thumbprint is the base64url SHA-256 of a certificate's DER (RFC 7515 section
// 4.1.8), "" of none.
func Thumbprint(cert *x509.Certificate) string {
	if cert == nil {
		return ""
	}
	sum := sha256.Sum256(cert.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// organizationID is the certificate's organizationIdentifier (ETSI EN 319
// 412-1 section 5.1.4), "" if it has none.
func organizationID(cert *x509.Certificate) string {
	if cert == nil {
		return ""
	}
	for _, name := range cert.Subject.Names {
		if text, ok := name.Value.(string); ok && name.Type.String() == "2.5.4.97" {
			return text
		}
	}
	return ""
}

func (f *Facts) chain() (string, error) {
	if f.Certificate == nil {
		return "", fmt.Errorf("there is no certificate")
	}
	list := []string{base64.StdEncoding.EncodeToString(f.Certificate.Raw)}
	for _, cert := range f.Chain {
		if string(cert.RawIssuer) != string(cert.RawSubject) {
			list = append(list, base64.StdEncoding.EncodeToString(cert.Raw))
		}
	}
	out, err := json.Marshal(list)
	return string(out), err
}

// Append appends the members to dst as JSON, with commas between them and
// without braces.
func (b *Bound) Append(dst []byte, at Moment) []byte {
	for i := range b.list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, b.list[i].name...)
		dst = append(dst, ':')
		dst = b.list[i].append(dst, at)
	}
	return dst
}

// Object is the members as a JSON object.
func (b *Bound) Object(at Moment) []byte {
	return append(b.Append([]byte{'{'}, at), '}')
}

// Each calls f with each member's name and value.
func (b *Bound) Each(at Moment, f func(name string, value json.RawMessage)) {
	for i := range b.list {
		var name string
		_ = json.Unmarshal([]byte(b.list[i].name), &name) // quoted by this package
		f(name, b.list[i].append(nil, at))
	}
}

// OncePerSecond reports whether the members are the same for all signatures of
// one second.
func (b *Bound) OncePerSecond() bool {
	for i := range b.list {
		if k := b.list[i].kind; k == kindUUID || k == kindAudience {
			return false
		}
	}
	return true
}

func (m *member) append(dst []byte, at Moment) []byte {
	switch m.kind {
	case kindUnixTime:
		return strconv.AppendInt(dst, at.Now.Unix(), 10)
	case kindExpires:
		return strconv.AppendInt(dst, at.Now.Add(at.Lifetime).Unix(), 10)
	case kindTime:
		dst = append(dst, '"')
		dst = at.Now.UTC().AppendFormat(dst, time.RFC3339)
		return append(dst, '"')
	case kindUUID:
		dst = append(dst, '"')
		dst = append(dst, uuid.NewString()...)
		return append(dst, '"')
	case kindAudience:
		return append(dst, quote(at.Audience)...)
	default:
		return append(dst, m.literal...)
	}
}
