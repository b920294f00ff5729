package psu

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Validate checks a policy against the names of the operations it may speak
// of. Errors wrap ErrPolicy and name the entry and the fix.
func (p *Policy) Validate(operations []string) error {
	if err := p.check(); err != nil {
		return err
	}
	for _, operation := range slices.Sorted(maps.Keys(p.Operations)) {
		if !slices.Contains(operations, operation) {
			return fmt.Errorf("%w: operations: %q is no operation of the profile; use one of %s",
				ErrPolicy, operation, strings.Join(operations, ", "))
		}
	}
	return nil
}

// check covers all that can be said without knowing the operations.
func (p *Policy) check() error {
	if !p.Rule.valid() {
		return fmt.Errorf("%w: rule: %q is unknown; use require, allow or strip", ErrPolicy, p.Rule)
	}
	for _, operation := range slices.Sorted(maps.Keys(p.Operations)) {
		if rule := p.Operations[operation]; rule == "" || !rule.valid() {
			return fmt.Errorf("%w: operations: %s: %q is unknown; use require, allow or strip", ErrPolicy, operation, rule)
		}
	}
	var seen [count]bool
	for _, name := range slices.Sorted(maps.Keys(p.From)) {
		i := index(name)
		if i < 0 {
			return fmt.Errorf("%w: from: %q is no header of the PSU context; use one of %s",
				ErrPolicy, name, strings.Join(names[:], ", "))
		}
		if seen[i] {
			return fmt.Errorf("%w: from: %s is given twice; keep one", ErrPolicy, names[i])
		}
		seen[i] = true
		if err := checkTemplate(names[i], p.From[name]); err != nil {
			return err
		}
	}
	return p.checkNames()
}

// valid also takes the empty rule, which means the default.
func (r Rule) valid() bool {
	return r == "" || r == Require || r == Allow || r == Strip
}

// notThePSU begins placeholders whose value is the same whoever the PSU is, or
// is the address of the application's connection. With one of them as
// PSU-IP-Address every call would pass for one that a PSU asked for.
var notThePSU = []string{
	"{env.", "{file.", "{system.", "{time.", "{$",
	"{http.request.remote", "{http.request.local", "{http.vars.client_ip",
	"{remote", "{client_ip}",
}

// checkTemplate refuses values that would be invented by configuration. An
// empty template is no template.
func checkTemplate(name, template string) error {
	if template == "" {
		return nil
	}
	open := strings.IndexByte(template, '{')
	if open < 0 || !strings.Contains(template[open:], "}") {
		return fmt.Errorf("%w: from: %s is a fixed text, but PSU context comes from the PSU's own request; use a placeholder such as {http.request.header.X-End-User-IP}",
			ErrPolicy, name)
	}
	if name != IPAddress {
		return nil
	}
	for _, prefix := range notThePSU {
		if strings.Contains(template, prefix) {
			return fmt.Errorf("%w: from: %s uses a placeholder that does not come from the PSU's request (%s…); use one such as {http.request.header.X-End-User-IP}",
				ErrPolicy, name, prefix)
		}
	}
	return nil
}
