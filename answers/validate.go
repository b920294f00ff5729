package answers

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

var containers = []string{ContainerJWS, ContainerHTTPHeadersJWS, ContainerJWT, ContainerSignature, ContainerMessageSignature, ContainerDigest}

// Validate checks the policy by itself. operations are those that rules may
// speak of. The error wraps ErrPolicy and names every wrong field.
func (p Policy) Validate(operations []string) error {
	var c checker
	c.oneOf("verify", p.Verify, "", Off, Report, Enforce)
	c.oneOf("container", p.Container, append([]string{""}, containers...)...)
	c.oneOf("digest", p.Digest, "", digestOff, digestIfPresent, digestRequire)
	if p.Header != "" && !isToken(p.Header) {
		c.fail("header", "%q is no header name", p.Header)
	}
	for _, name := range p.Algorithms {
		if algorithmNamed(name) == nil {
			c.fail("algorithms", "%q is unknown; use %s", name, strings.Join(algorithmNames(), ", "))
		}
	}
	for _, name := range p.Critical {
		if !slices.Contains(understood, name) {
			c.fail("critical", "%q is not understood; there are %s", name, strings.Join(understood, ", "))
		}
	}
	for _, operation := range p.Operations {
		if !slices.Contains(operations, operation) {
			c.fail("operations", "%q is no operation; use one of %s", operation, strings.Join(operations, ", "))
		}
	}
	if p.MaxBody < 0 {
		c.fail("max_body", "%d is below nothing", p.MaxBody)
	}
	c.signed(&p)
	c.fits(&p)
	c.keys(&p)
	return errors.Join(c.errs...)
}

type checker struct{ errs []error }

func (c *checker) fail(field, format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("%w: %s: %s", ErrPolicy, field, fmt.Sprintf(format, args...)))
}

func (c *checker) oneOf(field, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		c.fail(field, "%q is unknown; use one of %s", value, strings.Join(slices.DeleteFunc(allowed, func(s string) bool { return s == "" }), ", "))
	}
}

// signed refuses entries that no signature of the container could cover.
func (c *checker) signed(p *Policy) {
	status := ""
	switch p.Container {
	case ContainerSignature, ContainerHTTPHeadersJWS:
		status = statusLine
	case ContainerMessageSignature:
		status = "@status"
	}
	for _, entry := range p.Signed {
		name := strings.TrimSuffix(entry, "?")
		if entry != status && (!isToken(name) || name != strings.ToLower(name)) {
			c.fail("signed", "%q is no header name in lower case", entry)
		}
	}
	if len(p.Signed) > 0 && status == "" {
		c.fail("signed", "means nothing with container %q, which covers no headers", p.Container)
	}
}

// fits refuses settings that mean nothing with the container.
func (c *checker) fits(p *Policy) {
	detached := p.Container == ContainerJWS || p.Container == ContainerHTTPHeadersJWS
	if p.Header != "" && !detached {
		c.fail("header", "means nothing with container %q", p.Container)
	}
	if p.Unencoded && p.Container != ContainerJWS {
		c.fail("unencoded", "means nothing with container %q", p.Container)
	}
	if len(p.Critical) > 0 && !detached && p.Container != ContainerJWT {
		c.fail("critical", "means nothing with container %q", p.Container)
	}
	if p.Container == ContainerDigest && p.Digest == digestOff {
		c.fail("digest", "off leaves nothing to verify with container %q", p.Container)
	}
}

// keys refuses a policy that could verify nothing, and one that would accept
// anybody's signature.
func (c *checker) keys(p *Policy) {
	if p.Keys != "" && !isPlaceholder(p.Keys) && !isAddress(p.Keys) {
		c.fail("keys", "%q is neither an https URL, nor a path on the host of base_url, nor {file./path}", p.Keys)
	}
	if len(p.Trust) > 0 && p.OrganizationID == "" {
		c.fail("organization_id", `is missing: the authorities of trust certify others than the bank; write the bank's organizationIdentifier, or "*" for all`)
	}
	if len(p.Trust) == 0 && p.OrganizationID != "" {
		c.fail("organization_id", "means nothing without trust")
	}
	if p.Verify == "" || p.Verify == Off {
		return
	}
	if p.Container == "" {
		c.fail("container", "is missing; use one of %s", strings.Join(containers, ", "))
	}
	if p.Container != ContainerDigest && p.Keys == "" && len(p.Certificates) == 0 && len(p.Trust) == 0 {
		c.fail("keys", "there is nothing to verify with: set keys, certificates, or trust with organization_id")
	}
}

func isPlaceholder(value string) bool {
	return strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") && len(value) > 2
}

func isAddress(value string) bool {
	u, err := url.Parse(value)
	if err != nil || u.Fragment != "" || u.User != nil {
		return false
	}
	return u.Scheme == "https" && u.Host != "" || u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/")
}

// isToken reports whether a text is a header name (RFC 9110 section 5.1).
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r > '~' || r <= ' ' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}
