package links

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrPolicy is wrapped by errors about a policy or an address that cannot be
// followed. They name the field.
var ErrPolicy = errors.New("invalid settings for links")

// Policy says where a bank's answers hold links.
type Policy struct {
	// Fields are members of JSON bodies: a name such as "href", or the end of a
	// path such as "_links.*.href", where "*" stands for any name. Lists on the
	// way do not count. An entry with "!" before it takes members out again.
	// Links for the PSU's own browser (scaRedirect, scaOAuth, consentApproval)
	// are never looked at.
	Fields []string `json:"fields,omitempty"`
	// Headers are response headers: Location (of answers with a status of 2xx;
	// a redirect is left alone), Content-Location, Link.
	Headers []string `json:"headers,omitempty"`
}

var knownHeaders = []string{"Location", "Content-Location", "Link"}

// Validate checks the policy. The error wraps ErrPolicy and names every wrong
// field.
func (p Policy) Validate() error {
	var wrong []error
	for _, field := range p.Fields {
		path := strings.TrimPrefix(field, "!")
		if slices.Contains(strings.Split(path, "."), "") || strings.TrimLeft(path, "*.") == "" {
			wrong = append(wrong, fmt.Errorf(`%w: fields: %q is no member's name or path such as "_links.*.href"`, ErrPolicy, field))
		}
	}
	for _, name := range p.Headers {
		if !slices.ContainsFunc(knownHeaders, func(known string) bool { return strings.EqualFold(known, name) }) {
			wrong = append(wrong, fmt.Errorf("%w: headers: %q holds no links; there are %s", ErrPolicy, name, strings.Join(knownHeaders, ", ")))
		}
	}
	return errors.Join(wrong...)
}

// ReadsBodies reports whether links in bodies are looked for.
func (w *Rewriter) ReadsBodies() bool { return len(w.fields) > 0 }

// Empty reports whether the policy names nothing.
func (p Policy) Empty() bool { return len(p.Fields) == 0 && len(p.Headers) == 0 }
