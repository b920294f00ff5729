package signer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Values that several places compare with.
const (
	containerSignature     = "signature"
	containerAuthorization = "authorization"
	containerJWS           = "jws"
	containerHTTPHeaders   = "http-headers-jws"
	containerJWT           = "jwt"
	containerMessage       = "message-signature"
	none                   = "none"

	requestTarget = "(request-target)"
	created       = "(created)"
	expires       = "(expires)"
	everyPSU      = "psu-*"
	everyHeader   = "*"
)

// Containers lists the values of Spec.Container.
func Containers() []string {
	return []string{containerSignature, containerAuthorization, containerJWS, containerHTTPHeaders, containerJWT, containerMessage, none}
}

// parameterNames are the parameters this package can write, in default order.
var parameterNames = [...]string{"keyId", "algorithm", "created", "expires", "headers", "signature"}

// hopByHop are headers that end at the next hop, so that a signature over
// them could never be checked (RFC 9110 section 7.6.1).
var hopByHop = [...]string{"connection", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}

// Validate checks everything that can be told without credentials. The error
// wraps [ErrSpec] and names every wrong field with what it may be.
func (s *Spec) Validate() error {
	var c checker
	d := s.withDefaults()
	c.oneOf("container", d.Container, Containers()...)
	c.signed("signed", d.Signed, &d)
	if len(d.Signed) == 0 && d.signsHeaders() {
		c.fail("signed", `nothing is listed; list what the bank wants signed, or set container to "none"`)
	}
	for _, op := range d.Only {
		if !isOperation(op) && !isMethod(op) {
			c.fail("only", "%q is neither an operation (lower-case letters, digits and hyphens) nor an HTTP method in capitals", op)
		}
	}
	for _, op := range slices.Sorted(maps.Keys(d.SignedByOperation)) {
		field := "signed_by_operation." + op
		if !isOperation(op) && !isMethod(op) {
			c.fail(field, "is neither an operation (lower-case letters, digits and hyphens) nor an HTTP method in capitals")
		}
		list := d.SignedByOperation[op]
		if len(list) == 0 {
			c.fail(field, "nothing is listed")
		}
		c.signed(field, list, &d)
	}
	c.oneOf("request_target", d.RequestTarget, "path-and-query", "path")
	c.oneOf("algorithm", d.Algorithm, append([]string{"auto"}, algorithmNames()...)...)
	c.oneOf("ecdsa_encoding", d.ECDSAEncoding, "der", "raw")
	if !isPlainText(d.AlgorithmLabel) {
		c.fail("algorithm_label", "holds a quotation mark, a backslash or a character outside printable ASCII")
	}
	c.parameters(&d)
	c.oneOf("separator", d.Separator, ",", ", ")
	if d.ExpiresSeconds < 0 {
		c.fail("expires_seconds", "%d is negative", d.ExpiresSeconds)
	}
	c.keyID(&d.KeyID)
	c.oneOf("digest.header", d.Digest.Header, "Digest", contentDigest)
	c.oneOf("digest.algorithm", d.Digest.Algorithm, "SHA-256", "SHA-384", "SHA-512", none)
	c.oneOf("digest.empty", d.Digest.Empty, "omit", "hash", "braces")
	if !isToken(d.Digest.Prefix) {
		c.fail("digest.prefix", "%q is not a token", d.Digest.Prefix)
	}
	c.certificate(&d)
	c.jws(&d)
	c.messageSignature(&d)
	return errors.Join(c.errs...)
}

// withDefaults returns s with every empty field filled in.
func (s *Spec) withDefaults() Spec {
	d := *s
	fill(&d.Container, containerSignature)
	fill(&d.RequestTarget, "path-and-query")
	fill(&d.Algorithm, "auto")
	fill(&d.ECDSAEncoding, "der")
	fill(&d.Separator, ",")
	if d.Unquoted == nil {
		d.Unquoted = []string{"created", "expires"}
	}
	if d.ExpiresSeconds == 0 {
		d.ExpiresSeconds = 60
	}
	d.KeyID = d.KeyID.withDefaults()
	fill(&d.Digest.Header, "Digest")
	fill(&d.Digest.Algorithm, "SHA-256")
	fill(&d.Digest.Prefix, d.Digest.Algorithm)
	if s.Digest.Prefix == "" && d.Digest.Header == contentDigest {
		d.Digest.Prefix = strings.ToLower(d.Digest.Prefix)
	}
	fill(&d.Digest.Empty, "omit")
	if d.Certificate.Header != "" {
		fill(&d.Certificate.Form, "base64-der")
	}
	d.fillContainer()
	return d
}

func fill(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// checker collects what is wrong, so that a configuration is mended in one go.
type checker struct{ errs []error }

func (c *checker) fail(field, format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("%w: signature.%s: %s", ErrSpec, field, fmt.Sprintf(format, args...)))
}

func (c *checker) oneOf(field, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		quoted := make([]string, len(allowed))
		for i, a := range allowed {
			quoted[i] = fmt.Sprintf("%q", a)
		}
		c.fail(field, "%q is not one of %s", value, strings.Join(quoted, ", "))
	}
}

func (c *checker) signed(field string, list []string, d *Spec) {
	seen := make(map[string]bool, len(list))
	for _, item := range list {
		name, optional := strings.CutSuffix(item, "?")
		if seen[name] {
			c.fail(field, "%q is listed twice", name)
		}
		seen[name] = true
		switch {
		case d.Container == containerMessage && strings.HasPrefix(name, "@"):
			c.component(field, item)
		case d.Container == containerMessage && strings.HasPrefix(name, "("):
			c.fail(field, "%q is no component of RFC 9421; there are %s", name, strings.Join(components[:], ", "))
		case d.Container == containerHTTPHeaders && (name == created || name == expires):
			c.fail(field, "%q has no place in a JWS, whose sigT tells the time", name)
		case name == everyHeader || name == requestTarget || name == created || name == expires || name == everyPSU:
			if optional {
				c.fail(field, `%q takes no "?"`, name)
			}
			if p := strings.Trim(name, "()"); (name == created || name == expires) && d.Parameters != nil && !slices.Contains(d.Parameters, p) {
				c.fail(field, "%q is signed but parameters does not list %q", name, p)
			}
		case name == "signature", name == "signature-input", name == strings.ToLower(d.JWS.Header) && d.Container == containerHTTPHeaders, name == "authorization" && d.Container == containerAuthorization:
			c.fail(field, "%q carries the signature and cannot be signed", name)
		case slices.Contains(hopByHop[:], name):
			c.fail(field, "%q ends at the next hop and cannot be signed", name)
		case name == strings.ToLower(d.Digest.Header) && d.Digest.Algorithm == none:
			c.fail(field, `%q is signed but digest.algorithm is "none"`, name)
		case !isToken(name) || strings.ToLower(name) != name || strings.Contains(name, "*"):
			c.fail(field, "%q is not a header name in lower case, %q, %q, %q or %q", item, requestTarget, created, expires, everyPSU)
		}
	}
}

func (c *checker) parameters(d *Spec) {
	if d.Parameters != nil {
		for i, p := range d.Parameters {
			c.oneOf("parameters", p, parameterNames[:]...)
			if slices.Contains(d.Parameters[:i], p) {
				c.fail("parameters", "%q is listed twice", p)
			}
		}
		for _, p := range []string{"keyId", "headers", "signature"} {
			if !slices.Contains(d.Parameters, p) {
				c.fail("parameters", "%q is missing", p)
			}
		}
	}
	for _, p := range slices.Sorted(maps.Keys(d.ParameterNames)) {
		c.oneOf("parameter_names", p, parameterNames[:]...)
		if !isParameterName(d.ParameterNames[p]) {
			c.fail("parameter_names."+p, "%q is not a token, with or without brackets round it", d.ParameterNames[p])
		}
	}
	names := make(map[string]string)
	for _, p := range parameterNames {
		n := d.parameterName(p)
		if other, taken := names[n]; taken {
			c.fail("parameter_names", "%s and %s are both called %q", other, p, n)
		}
		names[n] = p
	}
	for _, p := range d.Unquoted {
		c.oneOf("unquoted", p, "created", "expires", "algorithm")
	}
	if slices.Contains(d.Unquoted, "algorithm") && d.AlgorithmLabel != "" && !isToken(d.AlgorithmLabel) {
		c.fail("algorithm_label", "%q is not a token, so it needs quotation marks", d.AlgorithmLabel)
	}
}

// parameterName is the name of parameter p on the wire.
func (s *Spec) parameterName(p string) string {
	if n, ok := s.ParameterNames[p]; ok {
		return n
	}
	return p
}

func (c *checker) certificate(d *Spec) {
	if d.Certificate.Header == "" {
		if d.Certificate.Form != "" {
			c.fail("certificate.header", "is missing although certificate.form is set")
		}
		return
	}
	c.oneOf("certificate.form", d.Certificate.Form, "base64-der", "pem-line")
	if !isToken(d.Certificate.Header) {
		c.fail("certificate.header", "%q is not a header name", d.Certificate.Header)
	}
	for _, reserved := range []string{"signature", "signature-input", "digest", "content-digest", "authorization", "host", "content-length"} {
		if equalFold(reserved, d.Certificate.Header) {
			c.fail("certificate.header", "%q has another use", d.Certificate.Header)
		}
	}
}
