package headers

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

var (
	// ErrPolicy means that the configured policy is wrong.
	ErrPolicy = errors.New("header policy invalid")

	// ErrHeader means that the application sent a header that must not be put
	// on the wire. The error names the header, never its value.
	ErrHeader = errors.New("header invalid")
)

// Validate checks the policy by itself. Errors wrap ErrPolicy and name the
// entry and the fix.
func (p *Policy) Validate() error {
	seen := make(map[string]bool)
	for _, entry := range p.Allow {
		if err := checkAllow(entry); err != nil {
			return err
		}
		key := http.CanonicalHeaderKey(entry)
		if seen[key] {
			return fmt.Errorf("%w: allow: %q is given twice; keep one", ErrPolicy, entry)
		}
		seen[key] = true
	}
	clear(seen)
	for _, name := range slices.Sorted(maps.Keys(p.Set)) {
		if err := checkSet(name, p.Set[name]); err != nil {
			return err
		}
		key := http.CanonicalHeaderKey(name)
		if seen[key] {
			return fmt.Errorf("%w: set: %q is given twice; keep one", ErrPolicy, name)
		}
		seen[key] = true
	}
	return p.checkMade()
}

// names tells whether allow, without wildcards, or set has a header.
func (p *Policy) names(name string) bool {
	same := func(entry string) bool { return strings.EqualFold(entry, name) }
	return slices.ContainsFunc(p.Allow, same) || slices.ContainsFunc(slices.Collect(maps.Keys(p.Set)), same)
}

func checkAllow(entry string) error {
	prefix, wild := strings.CutSuffix(entry, "*")
	switch {
	case !isToken(entry) || strings.Contains(prefix, "*"):
		return fmt.Errorf("%w: allow: %q is no header name; use letters, digits and hyphens, and \"*\" only at the end", ErrPolicy, entry)
	case wild && (prefix == "" || strings.EqualFold(prefix, "x-") || strings.EqualFold(prefix, "x")):
		return fmt.Errorf("%w: allow: %q would let internal headers leave; name the headers the bank knows", ErrPolicy, entry)
	case fateOf(http.CanonicalHeaderKey(prefix)) != unknown:
		return fmt.Errorf("%w: allow: %q can never be passed on from the application: the sidecar makes or consumes it, or it is internal; remove the entry", ErrPolicy, entry)
	}
	return nil
}

func checkSet(name, value string) error {
	switch {
	case !isToken(name) || strings.Contains(name, "*"):
		return fmt.Errorf("%w: set: %q is no header name; use letters, digits and hyphens", ErrPolicy, name)
	case fateOf(http.CanonicalHeaderKey(name)) != unknown:
		return fmt.Errorf("%w: set: %q cannot be fixed: the sidecar makes or consumes it, or it must not leave; remove the entry", ErrPolicy, name)
	case !isValue(value):
		return fmt.Errorf("%w: set: the value of %q holds a control character, such as a line end; remove it", ErrPolicy, name)
	}
	return nil
}
