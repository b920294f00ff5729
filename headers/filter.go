package headers

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Field is one header with its value.
type Field struct {
	// Name is the spelling to be used on the wire.
	Name string
	// Value may hold placeholders for the caller to resolve.
	Value string
}

// Filter applies a policy to requests. It is safe for concurrent use.
type Filter struct {
	names  []entry         // sorted by key
	index  map[string]bool // keys of names
	wild   []entry         // entries that ended in "*", without it, sorted by key
	fixed  []Field         // sorted by name
	silent map[string]bool // keys which the application cannot speak for
	read   map[string]bool // those of silent that are not lost, but read and made anew
	made   []Made          // sorted by name
	// requestID is the name of the header with the request's id.
	requestID string
}

type entry struct {
	key  string // as net/http spells it
	wire string // as the policy spells it
}

// Compile validates a policy and prepares it for use. consumed are headers,
// beside the policy's own, that others read from the application's request and
// make anew, so that none passes as it came. Naming one of them in the policy is
// an error.
func Compile(p Policy, consumed ...string) (*Filter, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	f := &Filter{index: make(map[string]bool), silent: make(map[string]bool), read: make(map[string]bool)}
	f.compileMade(&p)
	for _, name := range consumed {
		if p.names(name) || f.Makes(name) {
			return nil, fmt.Errorf("%w: %q has another use in this configuration (psu.names, token.header); remove it from headers", ErrPolicy, name)
		}
		f.silence(name)
	}
	for name, value := range p.Set {
		f.silent[http.CanonicalHeaderKey(name)] = true
		if value = trim(value); value != "" {
			f.fixed = append(f.fixed, Field{Name: name, Value: value})
		}
	}
	slices.SortFunc(f.fixed, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })

	wire := make(map[string]string)
	for _, name := range slices.Concat(always, p.Allow) { // a policy's spelling wins
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			f.wild = append(f.wild, entry{key: http.CanonicalHeaderKey(prefix), wire: prefix})
			continue
		}
		wire[http.CanonicalHeaderKey(name)] = name
	}
	for _, key := range slices.Sorted(maps.Keys(wire)) {
		if !f.silent[key] {
			f.names = append(f.names, entry{key: key, wire: wire[key]})
			f.index[key] = true
		}
	}
	// The longest prefix first, so that its spelling is the one used.
	slices.SortFunc(f.wild, func(a, b entry) int { return len(b.key) - len(a.key) })
	return f, nil
}

// Fixed lists the headers that the policy sets on every request, by name.
// Values are as configured; those configured empty are not among them.
func (f *Filter) Fixed() []Field { return slices.Clone(f.fixed) }

// Allows tells whether a header of the application, in any case, may pass.
func (f *Filter) Allows(name string) bool {
	key := http.CanonicalHeaderKey(name)
	if f.index[key] {
		return true
	}
	_, ok := f.match(key)
	return ok
}

// Check tells whether a header that may leave could not be put on the wire as
// it stands: it holds control characters, or its name is no token. The error
// wraps ErrHeader. Select drops such a header; call Check beforehand to refuse
// the request instead of losing what the application wanted to say.
func (f *Filter) Check(app http.Header) error {
	for key, values := range app {
		if !f.index[key] && !f.matches(key) || nominated(app["Connection"], key) {
			continue
		}
		if !isToken(key) {
			return fmt.Errorf("%w: %.64q is no header name (RFC 9110 section 5.1); remove it", ErrHeader, key)
		}
		if !areValues(values) {
			return fmt.Errorf("%w: %s holds a control character; remove it", ErrHeader, key)
		}
	}
	return nil
}

// Select calls add for every header of the application that may leave: first
// those allowed by name, then those allowed by prefix, each in alphabetical
// order. The keys of app are in the canonical form of net/http. add gets the
// name in the policy's spelling and the values without surrounding blanks; it
// must not change the values, but may append to them.
//
// dropped is the number of other headers, without those that the sidecar makes
// or consumes itself and those that end at each hop.
func (f *Filter) Select(app http.Header, add func(name string, values []string)) (dropped int) {
	connection := app["Connection"]
	for i := range f.names {
		key := f.names[i].key
		if values, ok := app[key]; ok && areValues(values) && !nominated(connection, key) {
			pass(f.names[i].wire, values, add)
		}
	}
	var space [16]string
	matched := space[:0]
	for key, values := range app {
		allowed, prefixed := f.index[key], f.matches(key)
		switch {
		case (allowed || prefixed) && isToken(key) && areValues(values) && !nominated(connection, key):
			if !allowed {
				matched = append(matched, key)
			}
		case fateOf(key) != own && !f.read[key]:
			dropped++
		}
	}
	slices.Sort(matched)
	for _, key := range matched {
		wire, _ := f.match(key)
		pass(wire, app[key], add)
	}
	return dropped
}

// matches tells whether a header is allowed by a prefix. A key in another
// spelling than net/http's is not, since no look-up could tell what it is.
func (f *Filter) matches(key string) bool {
	for i := range f.wild {
		if strings.HasPrefix(key, f.wild[i].key) {
			return http.CanonicalHeaderKey(key) == key && fateOf(key) == unknown && !f.silent[key]
		}
	}
	return false
}

// match gives the spelling of a header that is allowed by a prefix.
func (f *Filter) match(key string) (wire string, ok bool) {
	if !f.matches(key) {
		return "", false
	}
	for i := range f.wild {
		if rest, ok := strings.CutPrefix(key, f.wild[i].key); ok {
			if f.wild[i].wire == f.wild[i].key {
				return key, true
			}
			return f.wild[i].wire + rest, true
		}
	}
	return "", false
}

// pass hands one header over, without copying unless a value has blanks around it.
func pass(wire string, values []string, add func(string, []string)) {
	copied := false
	for i, value := range values {
		if trimmed := trim(value); len(trimmed) != len(value) {
			if !copied {
				values, copied = slices.Clone(values), true
			}
			values[i] = trimmed
		}
	}
	if len(values) > 0 {
		add(wire, values[:len(values):len(values)])
	}
}
