package psu

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Context is the PSU context to be sent with one request. The zero value is
// that of an unattended call: nothing is sent.
type Context struct {
	values [count]string
	wire   *[count]string // names on the wire, nil for the usual ones
}

// Attended tells whether the call is made at the PSU's request, which is what
// the presence of PSU-IP-Address means to a bank.
func (c *Context) Attended() bool { return c.values[ipAddress] != "" }

// Len is the number of headers to send.
func (c *Context) Len() int {
	n := 0
	for i := range c.values {
		if c.values[i] != "" {
			n++
		}
	}
	return n
}

// Each calls f for every header to send, in the order of Names. The name has
// the spelling to be used on the wire.
func (c *Context) Each(f func(name, value string)) {
	for i := range c.values {
		switch {
		case c.values[i] == "":
		case c.wire != nil:
			f(c.wire[i], c.values[i])
		default:
			f(names[i], c.values[i])
		}
	}
}

// Checker applies a policy to requests. It is safe for concurrent use.
type Checker struct {
	rule       Rule
	operations map[string]Rule
	from       [count]string
	wire       *[count]string // names on the wire; nil: the usual ones
	alias      [count]string  // keys of those that are not the usual ones
}

// Compile prepares a policy for use. Whether the operations it names exist is
// for Policy.Validate to say.
func Compile(p Policy) (*Checker, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	c := &Checker{rule: p.Rule, operations: maps.Clone(p.Operations)}
	if c.rule == "" {
		c.rule = Allow
	}
	for name, template := range p.From {
		c.from[index(name)] = template
	}
	c.compileNames(p.Names)
	return c, nil
}

// Rule gives the rule of an operation.
func (c *Checker) Rule(operation string) Rule {
	if rule, ok := c.operations[operation]; ok {
		return rule
	}
	return c.rule
}

// Collect gives the PSU context to send with a request of the application.
// The keys of app are in the canonical form of net/http.
//
// A header that the application sent wins over the policy's From, even an
// empty one: so it can mark a single call as unattended. resolve replaces the
// placeholders of a From template; it may be nil if the policy has none.
//
// Without a PSU-IP-Address nothing is sent. That is ErrRequired where the
// operation's rule is Require, and ErrIncomplete if the application itself sent
// other PSU context; what merely came from From is left out without a word.
// Under the rule Strip the context is empty whatever was sent.
func (c *Checker) Collect(app http.Header, resolve func(template string) string, operation string) (Context, error) {
	rule := c.Rule(operation)
	if rule == Strip {
		return Context{}, nil
	}
	address, err := c.value(ipAddress, app, resolve)
	if err != nil {
		return Context{}, err
	}
	if address == "" {
		return Context{}, c.unattended(rule, app)
	}
	context := Context{wire: c.wire}
	for i := range names {
		if c.wire != nil && c.wire[i] == "" {
			continue
		}
		value := address
		if i != ipAddress {
			if value, err = c.value(i, app, resolve); err != nil {
				return Context{}, err
			}
		}
		if value == "" {
			continue
		}
		if err := checkValue(i, c.shown(i), value); err != nil {
			return Context{}, err
		}
		context.values[i] = value
	}
	return context, nil
}

// unattended says whether a request without PSU-IP-Address may go.
func (c *Checker) unattended(rule Rule, app http.Header) error {
	if rule == Require {
		return fmt.Errorf("%w: the bank takes this operation only at the PSU's request; send %s with the public IP address of the PSU's terminal",
			ErrRequired, c.shown(ipAddress))
	}
	for i, key := range keys {
		for _, value := range slices.Concat(app[key], c.aliased(i, app)) {
			if trim(value) != "" {
				return fmt.Errorf("%w: %s was sent without %s, and the bank would count the call as unattended; send %[3]s too, or no PSU context",
					ErrIncomplete, c.shown(i), c.shown(ipAddress))
			}
		}
	}
	return nil
}

// value gives the value of header i without surrounding blanks, or "".
func (c *Checker) value(i int, app http.Header, resolve func(string) string) (string, error) {
	sent := app[keys[i]]
	if alias := c.aliased(i, app); len(alias) > 0 {
		sent = slices.Concat(sent, alias)
	}
	if len(sent) == 0 {
		if c.from[i] == "" {
			return "", nil
		}
		return trim(resolve(c.from[i])), nil
	}
	value := trim(sent[0])
	for _, other := range sent[1:] {
		if trim(other) != value {
			return "", invalid(c.shown(i), "was sent more than once with different values; send it once")
		}
	}
	return value, nil
}

// trim removes optional whitespace (RFC 9110 section 5.6.3).
func trim(value string) string { return strings.Trim(value, " \t") }
