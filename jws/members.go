package jws

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrMembers means that the members of a JWS header or of a JWT's claims are
// configured wrongly. It names the member and what may be written.
var ErrMembers = errors.New("invalid JWS members")

// Members are the members of a JSON object as configured: a JWS header's, or the
// claims of a JWT. They are in alphabetical order.
//
// A value is a text that stands as it is; or exactly one placeholder; or, after
// "json:", any JSON value as it is. The placeholders are
//
//	{key_id}           the keyId of the signature section
//	{client_id}        the client_id
//	{organization_id}  organizationIdentifier (2.5.4.97) of the certificate
//	{subject_dn}       the certificate's subject as RFC 2253 has it
//	{x5t#S256}         SHA-256 of the certificate's DER, base64url (RFC 7515 section 4.1.8)
//	{x5c}              the certificate and its chain without the root (section 4.1.6)
//	{x5u}              the certificate's address
//	{unix_time}        seconds since 1970, a number
//	{expires}          the same, when the signature ends
//	{time}             the time as RFC 3339 has it, in UTC and whole seconds
//	{uuid}             a random UUID, a new one each time
//	{audience}         the URL that the request goes to
type Members struct{ list []member }

type member struct {
	name    string // as JSON: in quotation marks
	kind    kind
	literal string // JSON of kindLiteral
}

// kind is where a member's value comes from.
type kind uint8

const (
	kindLiteral kind = iota
	kindKeyID
	kindClientID
	kindOrganizationID
	kindSubjectDN
	kindThumbprint
	kindChain
	kindCertificateURL
	// From here on a value is another one each time.
	kindUnixTime
	kindExpires
	kindTime
	kindUUID
	kindAudience
)

var placeholders = map[string]kind{
	"{key_id}": kindKeyID, "{client_id}": kindClientID, "{organization_id}": kindOrganizationID,
	"{subject_dn}": kindSubjectDN, "{x5t#S256}": kindThumbprint, "{x5c}": kindChain, "{x5u}": kindCertificateURL,
	"{unix_time}": kindUnixTime, "{expires}": kindExpires, "{time}": kindTime, "{uuid}": kindUUID, "{audience}": kindAudience,
}

// CompileMembers reads configured members. Errors wrap [ErrMembers].
func CompileMembers(values map[string]string) (*Members, error) {
	m := &Members{list: make([]member, 0, len(values))}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		made, err := compileMember(name, values[name])
		if err != nil {
			return nil, err
		}
		m.list = append(m.list, made)
	}
	return m, nil
}

func compileMember(name, value string) (member, error) {
	if name == "" {
		return member{}, fmt.Errorf("%w: a member has no name", ErrMembers)
	}
	m := member{name: quote(name)}
	if literal, ok := strings.CutPrefix(value, "json:"); ok {
		if !json.Valid([]byte(literal)) {
			return member{}, fmt.Errorf("%w: %s: what follows \"json:\" is no JSON value", ErrMembers, name)
		}
		m.literal = literal
		return m, nil
	}
	var known bool
	if m.kind, known = placeholders[value]; known {
		return m, nil
	}
	for placeholder := range placeholders {
		if strings.Contains(value, placeholder) {
			return member{}, fmt.Errorf("%w: %s: a placeholder stands alone, without text round it", ErrMembers, name)
		}
	}
	if strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") {
		return member{}, fmt.Errorf("%w: %s: unknown placeholder %s; there are %s", ErrMembers, name, value,
			strings.Join(slices.Sorted(maps.Keys(placeholders)), ", "))
	}
	m.literal = quote(value)
	return m, nil
}

// Has reports whether there is a member of that name.
func (m *Members) Has(name string) bool {
	quoted := quote(name)
	return slices.ContainsFunc(m.list, func(have member) bool { return have.name == quoted })
}

// quote writes text as a JSON string, without escaping what only HTML minds.
func quote(text string) string {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string always encodes
	return strings.TrimSuffix(out.String(), "\n")
}
