package psu

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// WireNames lists the names that Names gives to headers of the context, sorted.
func (p *Policy) WireNames() []string {
	return slices.Sorted(maps.Values(p.Names))
}

// compileNames takes the names on the wire into the checker.
func (c *Checker) compileNames(given map[string]string) {
	if len(given) == 0 {
		return
	}
	c.wire = new([count]string)
	for name, wire := range given {
		i := index(name)
		c.wire[i] = wire
		if !strings.EqualFold(wire, names[i]) {
			c.alias[i] = http.CanonicalHeaderKey(wire)
		}
	}
}

// IsAlias tells whether a header, in net/http's spelling, is one of the context
// under a name of [Policy.Names].
func (c *Checker) IsAlias(key string) bool { return key != "" && slices.Contains(c.alias[:], key) }

// aliased is what the application sent for header i under its name on the wire.
func (c *Checker) aliased(i int, app http.Header) []string {
	if c.alias[i] == "" {
		return nil
	}
	return app[c.alias[i]]
}

// shown is the name under which an error speaks of header i: the one that the
// bank's documentation uses.
func (c *Checker) shown(i int) string {
	if c.wire != nil && c.wire[i] != "" {
		return c.wire[i]
	}
	return names[i]
}

// checkNames is check for the names on the wire.
func (p *Policy) checkNames() error {
	var (
		seen [count]bool
		wire = make(map[string]bool)
	)
	for _, name := range slices.Sorted(maps.Keys(p.Names)) {
		i, to := index(name), p.Names[name]
		switch {
		case i < 0:
			return fmt.Errorf("%w: names: %q is no header of the PSU context; use one of %s", ErrPolicy, name, strings.Join(names[:], ", "))
		case seen[i]:
			return fmt.Errorf("%w: names: %s is given twice; keep one", ErrPolicy, names[i])
		case !isName(to):
			return fmt.Errorf("%w: names: %s: %q is no header name; use letters, digits, hyphens and underscores", ErrPolicy, names[i], to)
		case wire[http.CanonicalHeaderKey(to)]:
			return fmt.Errorf("%w: names: %q is the name of two headers; keep one", ErrPolicy, to)
		case index(to) >= 0 && index(to) != i:
			return fmt.Errorf("%w: names: %s cannot be called %s, which is another header of the PSU context", ErrPolicy, names[i], to)
		}
		seen[i], wire[http.CanonicalHeaderKey(to)] = true, true
	}
	if len(p.Names) > 0 && !seen[ipAddress] {
		return fmt.Errorf("%w: names: %s is missing; without it a bank takes no call for one that the PSU asked for, and nothing else is sent", ErrPolicy, IPAddress)
	}
	return nil
}

// isName tells whether text is a header name of the usual kind.
func isName(text string) bool {
	const others = "-_0123456789"
	return text != "" && strings.Trim(strings.ToLower(text), others+"abcdefghijklmnopqrstuvwxyz") == "" &&
		!strings.ContainsFunc(text, func(r rune) bool { return r > '~' || r <= ' ' })
}
