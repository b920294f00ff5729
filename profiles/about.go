package profiles

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Values of Profile.ClientCertificate.
const (
	// ClientCertificateRequired: no call without one. The default.
	ClientCertificateRequired = "required"
	// ClientCertificateOptional: shown if there is an identity.
	ClientCertificateOptional = "optional"
	// ClientCertificateNone: never shown.
	ClientCertificateNone = "none"
)

// NeedsIdentity tells whether the bank cannot be called without certificates of
// the TPP. Signatures may need some even so.
func (p *Profile) NeedsIdentity() bool {
	return p.ClientCertificate == "" || p.ClientCertificate == ClientCertificateRequired
}

var certainties = []string{"verified", "read", "one-client", "general-knowledge", "open-question"}

// about checks what a profile says of itself and what it rests on.
func (c *checker) about(p *Profile) {
	c.oneOf("certainty", p.Certainty, append([]string{""}, certainties...)...)
	for code := range strings.FieldsSeq(p.Country) {
		if len(code) != 2 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			c.fail("country", "%q is no ISO 3166-1 code; write two capitals, such as FR", code)
		}
	}
	for i, bank := range p.Banks {
		if strings.TrimSpace(bank) == "" {
			c.fail(fmt.Sprintf("banks[%d]", i), "is empty; write the bank's name")
		}
	}
	c.sources("sources", p.Sources)
}

func (c *checker) sources(path string, sources []Source) {
	for i, source := range sources {
		path := fmt.Sprintf("%s[%d]", path, i)
		if source.Title == "" {
			c.fail(path+".title", "is missing")
		}
		if !slices.Contains(certainties, source.Certainty) {
			c.fail(path+".certainty", "%q is unknown; use one of %s", source.Certainty, strings.Join(certainties, ", "))
		}
	}
}

// variants checks what variants say of themselves. What they change is checked
// with the profile that they make.
func (c *checker) variants(variants map[string]Variant) {
	for _, name := range slices.Sorted(maps.Keys(variants)) {
		path, v := "variants."+name, variants[name]
		if !isName(name) {
			c.fail(path, "a name consists of lower-case letters, digits and single hyphens")
		}
		if strings.TrimSpace(v.Title) == "" {
			c.fail(path+".title", "is missing; say in a line what this variant is")
		}
		if strings.TrimSpace(v.Why) == "" {
			c.fail(path+".why", "is missing; say why there is another way, and when to use it")
		}
		c.oneOf(path+".certainty", v.Certainty, append([]string{""}, certainties...)...)
		c.sources(path+".sources", v.Sources)
	}
}

// name checks the name of a profile or of a variant.
func (c *checker) name(name string) {
	bank, variant := splitName(name)
	if !isName(bank) || name != bank && !isName(variant) {
		c.fail("name", "%q: a name consists of lower-case letters, digits and single hyphens", name)
	}
}

func (c *checker) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		if allowed[0] == "" {
			allowed = allowed[1:] // means that the field is left out
		}
		c.fail(path, "%q is unknown; use one of %s", value, strings.Join(allowed, ", "))
	}
}
