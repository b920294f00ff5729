package profiles

import (
	"strings"

	"github.com/caddy-tpp/caddy-tpp/headers"
	"github.com/caddy-tpp/caddy-tpp/psu"
)

// Consumed lists the headers, beside those of the headers section, that are read
// from the application's request and checked before anything leaves under
// these names.
func (p *Profile) Consumed() (names []string) {
	for _, name := range p.PSU.WireNames() {
		if !psu.IsContext(name) {
			names = append(names, name)
		}
	}
	return names
}

// wireNames refuses names on the wire that have another use, so that no header
// would be written by two.
func (c *checker) wireNames(p *Profile) {
	for _, name := range p.Consumed() {
		switch {
		case headers.IsForbidden(name):
			c.fail("psu.names", "%q has another use, or must not leave; use another name", name)
		case strings.EqualFold(name, p.Signature.Certificate.Header), strings.EqualFold(name, p.Fallback.Header):
			c.fail("psu.names", "%q is also signature.certificate.header or fallback.header; keep one", name)
		}
	}
}
