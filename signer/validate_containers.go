package signer

import (
	"slices"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/jws"
)

// signsHeaders says whether the container signs a list of headers.
func (s *Spec) signsHeaders() bool {
	switch s.Container {
	case none, containerJWS, containerJWT:
		return false
	}
	return true
}

// isJOSE says whether the container is a JSON Web Signature.
func (s *Spec) isJOSE() bool {
	switch s.Container {
	case containerJWS, containerHTTPHeaders, containerJWT:
		return true
	}
	return false
}

// fillContainer fills in the defaults of single containers.
func (s *Spec) fillContainer() {
	switch {
	case s.isJOSE():
		fill(&s.JWS.Header, "x-jws-signature")
		fill(&s.JWS.Data, "merge")
		fill(&s.JWS.ContentType, "application/jwt")
		if s.Container == containerHTTPHeaders {
			s.JWS.Unencoded = true
		}
	case s.Container == containerMessage:
		fill(&s.MessageSignature.Label, "sig1")
		if s.MessageSignature.Parameters == nil {
			s.MessageSignature.Parameters = []string{"created", "keyid"}
		}
	}
}

// ownMembers are the members of the protected header that signing makes.
var ownMembers = [...]string{"alg", "b64", "crit", "sigT", "sigD"}

func (c *checker) jws(d *Spec) {
	if d.Container == containerAuthorization && d.Lists(everyHeader) {
		c.fail("signed", `"*" would take in Authorization, which carries the signature; list the headers`)
	}
	if !d.isJOSE() {
		return
	}
	if !isToken(d.JWS.Header) {
		c.fail("jws.header", "%q is no header name", d.JWS.Header)
	}
	if !isPlainText(d.JWS.ContentType) || !isPlainText(d.JWS.Data) {
		c.fail("jws", "content_type or data holds a quotation mark, a backslash or a character outside printable ASCII")
	}
	members, err := jws.CompileMembers(d.JWS.Members)
	if err != nil {
		c.fail("jws.members", "%v", err)
		return
	}
	if _, err := jws.CompileMembers(d.JWS.Claims); err != nil {
		c.fail("jws.claims", "%v", err)
	}
	for _, own := range ownMembers {
		if members.Has(own) {
			c.fail("jws.members", "%q is made by signing itself; remove it", own)
		}
	}
	for i, name := range d.JWS.Critical {
		switch {
		case slices.Contains(d.JWS.Critical[:i], name):
			c.fail("jws.critical", "%q is listed twice", name)
		case slices.Contains(ownMembers[:], name):
			c.fail("jws.critical", "%q is added where it is needed; remove it", name)
		case !members.Has(name):
			c.fail("jws.critical", "%q is not among jws.members (RFC 7515 section 4.1.11)", name)
		}
	}
	if d.Container == containerJWT && d.JWS.Unencoded {
		c.fail("jws.unencoded", "a JWT is always encoded (RFC 7797 section 7)")
	}
}

// components are the derived components of RFC 9421 section 2.2 that requests have.
var components = [...]string{"@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query"}

func (c *checker) component(field, item string) {
	if !slices.Contains(components[:], item) {
		c.fail(field, "%q is no derived component; there are %s", item, strings.Join(components[:], ", "))
	}
}

// messageParameters are those of RFC 9421 section 2.3.
var messageParameters = [...]string{"created", "expires", "nonce", "alg", "keyid", "tag"}

func (c *checker) messageSignature(d *Spec) {
	if d.Container != containerMessage {
		return
	}
	m := &d.MessageSignature
	if !isKey(m.Label) {
		c.fail("message_signature.label", "%q: a label begins with a lower-case letter and goes on with lower-case letters, digits, _, -, . and * (RFC 8941 section 3.1.2)", m.Label)
	}
	for i, p := range m.Parameters {
		c.oneOf("message_signature.parameters", p, messageParameters[:]...)
		if slices.Contains(m.Parameters[:i], p) {
			c.fail("message_signature.parameters", "%q is listed twice", p)
		}
	}
	if tagged := slices.Contains(m.Parameters, "tag"); tagged != (m.Tag != "") {
		c.fail("message_signature.tag", "it takes both: tag in parameters, and its value")
	}
	if !isPlainText(m.Tag) {
		c.fail("message_signature.tag", "holds a quotation mark, a backslash or a character outside printable ASCII")
	}
	for _, item := range d.Signed {
		if strings.TrimSuffix(item, "?") == everyHeader {
			c.fail("signed", `%q is not for container "message-signature"; list the components`, everyHeader)
		}
	}
}

// isKey reports whether s is a key of structured fields (RFC 8941 section 3.1.2).
func isKey(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || c == '*'
		if !letter && (i == 0 || !('0' <= c && c <= '9' || strings.IndexByte("_-.", c) >= 0)) {
			return false
		}
	}
	return s != ""
}
