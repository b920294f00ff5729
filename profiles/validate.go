package profiles

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/headers"
	"github.com/caddy-tpp/caddy-tpp/psu"
	"github.com/caddy-tpp/caddy-tpp/signer"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// pspRoles are the PSD2 roles a certificate can hold (ETSI TS 119 495 clause 5.1).
var pspRoles = []string{"PSP_AI", "PSP_PI", "PSP_IC", "PSP_AS"}

// problem is what is wrong with a profile, wherever it was written.
type problem struct {
	path  string // of the setting, or of the section whose own check said so
	text  string // with the path
	cause error  // what the section's check said
}

func (p *problem) Error() string { return fmt.Sprintf("%v: %s", ErrProfile, p.text) }

func (p *problem) Unwrap() []error {
	if p.cause == nil {
		return []error{ErrProfile}
	}
	return []error{ErrProfile, p.cause}
}

// checker collects what is wrong, so that a profile is mended in one go.
type checker struct{ errs []*problem }

func (c *checker) fail(path, format string, args ...any) {
	c.errs = append(c.errs, &problem{path: path, text: path + ": " + fmt.Sprintf(format, args...)})
}

// section notes the errors of a section's own check.
func (c *checker) section(name string, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && strings.Contains(err.Error(), "\n") {
		for _, err := range joined.Unwrap() {
			c.section(name, err)
		}
	} else if err != nil {
		c.errs = append(c.errs, &problem{path: name, text: fmt.Sprintf("%s: %v", name, err), cause: err})
	}
}

// Validate checks the profile as a whole: each section by itself, and that they
// agree with each other. The error wraps ErrProfile and names every wrong field.
func (p *Profile) Validate() error {
	var c checker
	p.validate(&c)
	return c.err()
}

func (p *Profile) validate(c *checker) {
	if p.Schema != SchemaVersion {
		c.fail("schema", "must be %d, not %d", SchemaVersion, p.Schema)
	}
	c.name(p.Name)
	if strings.TrimSpace(p.Title) == "" {
		c.fail("title", "is missing; say in a line which bank and which standard")
	}
	c.about(p)
	c.variants(p.Variants)
	c.requires(p.Requires)
	c.roles(p.Roles)
	if _, err := compileOperations(p.Operations); err != nil {
		c.errs = append(c.errs, err)
	}
	c.oneOf("client_certificate", p.ClientCertificate, "", ClientCertificateRequired, ClientCertificateOptional, ClientCertificateNone)
	operations := p.operationNames()
	c.section("signature", p.Signature.Validate())
	application := p.SignatureOfApplication()
	c.section("application_signature", application.Validate())
	c.signedByOperation(p, operations)
	c.section("psu", p.PSU.Validate(operations))
	c.section("token", p.Token.Validate())
	c.authorization(p, &application)
	filter, err := headers.Compile(p.Headers, p.Consumed()...)
	c.section("headers", err)
	c.fallback(&p.Fallback, operations)
	c.section("responses", p.Responses.Validate(operations))
	c.section("links", p.Links.Validate())
	if filter != nil {
		c.passage(p, filter)
	}
}

// err gives all that was noted.
func (c *checker) err() error {
	errs := make([]error, len(c.errs))
	for i, problem := range c.errs {
		errs[i] = problem
	}
	return errors.Join(errs...)
}

// SignatureOfApplication is how the request of an application token is signed.
func (p *Profile) SignatureOfApplication() signer.Spec {
	if reflect.ValueOf(p.ApplicationSignature).IsZero() {
		return p.Signature
	}
	return p.ApplicationSignature
}

// authorization refuses token requests that would need the Authorization header
// twice: for the signature, and for a client_secret or the application token.
func (c *checker) authorization(p *Profile, application *signer.Spec) {
	const inAuthorization = "authorization"
	if !p.Token.Sign {
		return
	}
	if p.Signature.Container == "jwt" || application.Container == "jwt" {
		c.fail("token.sign", "a form cannot be sent as a JWT, as signature.container has it; use application_signature, or client_auth private_key_jwt")
	}
	if p.Token.ApplicationToken && p.Signature.Container == inAuthorization {
		c.fail("token.application_token", "the token goes into Authorization, where signature.container puts the signature; use container \"signature\", and application_signature for the first of the two requests")
	}
	if p.Token.ClientAuth == tokens.ClientAuthBasic && (p.Signature.Container == inAuthorization || application.Container == inAuthorization) {
		c.fail("token.client_auth", "%s goes into Authorization, where signature.container puts the signature; use %s", tokens.ClientAuthBasic, tokens.ClientAuthPost)
	}
}

// operationNames lists the operations that rules may speak of.
func (p *Profile) operationNames() []string {
	names := make([]string, 0, len(p.Operations)+2)
	for _, op := range p.Operations {
		names = append(names, op.Name)
	}
	return append(names, OperationToken, OperationOther)
}

func (c *checker) roles(roles map[string]string) {
	for _, scope := range slices.Sorted(maps.Keys(roles)) {
		if !slices.Contains(pspRoles, roles[scope]) {
			c.fail("roles."+scope, "%q is no PSD2 role; use one of %s", roles[scope], strings.Join(pspRoles, ", "))
		}
		if scope == "" || strings.ContainsAny(scope, " \t") {
			c.fail("roles", "%q is no single scope", scope)
		}
	}
}

func (c *checker) signedByOperation(p *Profile, operations []string) {
	for _, key := range p.Signature.Only {
		if strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" && !slices.Contains(operations, key) {
			c.fail("signature.only", "%q is neither an HTTP method in capitals nor an operation; use one of %s", key, strings.Join(operations, ", "))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(p.Signature.SignedByOperation)) {
		method := key != "" && strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
		if !method && !slices.Contains(operations, key) {
			c.fail("signature.signed_by_operation", "%q is neither an HTTP method in capitals nor an operation; use one of %s", key, strings.Join(operations, ", "))
		}
	}
}

func (c *checker) fallback(f *Fallback, operations []string) {
	if f.Header == "" {
		if f.Value != "" || len(f.Operations) > 0 {
			c.fail("fallback.header", "is missing; without it the bank has no fallback interface")
		}
		return
	}
	if f.Value == "" || strings.TrimSpace(f.Value) != f.Value || !isPrintable(f.Value) {
		c.fail("fallback.value", "must be a text of printable ASCII without surrounding blanks")
	}
	// A header that the sidecar makes for other ends must not be overwritten;
	// "fallback" itself is kept for this end.
	if !strings.EqualFold(f.Header, "fallback") && headers.IsForbidden(f.Header) {
		c.fail("fallback.header", "%q is no header name or has another use", f.Header)
	}
	for _, operation := range f.Operations {
		if !slices.Contains(operations, operation) {
			c.fail("fallback.operations", "%q is no operation; use one of %s", operation, strings.Join(operations, ", "))
		}
	}
}

// passage checks the sections against each other: what the sidecar vouches for
// must not come from the application, and what must be signed must come from
// somewhere.
func (c *checker) passage(p *Profile, filter *headers.Filter) {
	for _, made := range []struct{ path, name string }{
		{"signature.certificate.header", p.Signature.Certificate.Header},
		{"signature.jws.header", p.Signature.JWS.Header},
		{"fallback.header", p.Fallback.Header},
	} {
		path, name := made.path, made.name
		if name != "" && (filter.Allows(name) || isFixed(filter, name) || filter.Makes(name)) {
			c.fail(path, "%q is also in headers.allow, set or make; remove it there", name)
		}
	}
	c.wireNames(p)
	if p.Signature.Container == "none" {
		return // what would be signed does not matter
	}
	lists := map[string][]string{"signature.signed": p.Signature.Signed}
	for key, list := range p.Signature.SignedByOperation {
		lists["signature.signed_by_operation."+key] = list
	}
	for _, path := range slices.Sorted(maps.Keys(lists)) {
		for _, name := range lists[path] {
			if !strings.HasPrefix(name, "(") && !strings.HasPrefix(name, "@") && !strings.HasSuffix(name, "?") && !p.provides(name, filter) {
				c.fail(path, "%q can never be present, so that every request would be refused; add it to headers.allow or headers.set, or write %q", name, name+"?")
			}
		}
	}
}

// provides tells whether a header can be on an outbound request.
func (p *Profile) provides(name string, filter *headers.Filter) bool {
	switch name {
	case "psu-*", "*", "date", "digest", "content-digest", "host", "content-length", "authorization":
		return true
	}
	return strings.EqualFold(name, p.Signature.Certificate.Header) || strings.EqualFold(name, p.Fallback.Header) ||
		psu.IsContext(name) && len(p.PSU.Names) == 0 || filter.Makes(name) || containsName(slices.Concat(p.Consumed(), p.PSU.WireNames()), name) ||
		filter.Allows(name) || isFixed(filter, name)
}

func containsName(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

func isFixed(filter *headers.Filter, name string) bool {
	return slices.ContainsFunc(filter.Fixed(), func(f headers.Field) bool { return strings.EqualFold(f.Name, name) })
}

// RequiredRoles lists the PSD2 roles that the certificates must hold for a
// scope, which may be several words separated by blanks. A word such as
// "AIS:1234" counts by what stands before the colon. Words that the profile
// gives no role need none.
func (p *Profile) RequiredRoles(scope string) []string {
	var required []string
	for _, word := range strings.Fields(scope) {
		role, ok := p.Roles[word]
		if !ok {
			service, _, _ := strings.Cut(word, ":")
			role, ok = p.Roles[service]
		}
		if ok {
			required = append(required, role)
		}
	}
	slices.Sort(required)
	return slices.Compact(required)
}
