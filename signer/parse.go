package signer

import (
	"fmt"
	"strings"
)

// ParseSignature takes the value of a Signature header, or of an Authorization
// header after "Signature ", apart into its parameters (draft-cavage-12 section
// 2.1, RFC 9110 section 11.2): name to value, with quotation marks and
// backslashes undone. Parameters are separated by a comma with optional white
// space. A malformed value, or a parameter that is there twice, is an error
// that wraps [ErrSignature].
func ParseSignature(value string) (map[string]string, error) {
	params := make(map[string]string)
	rest := trim(value)
	for {
		name, after, ok := strings.Cut(rest, "=")
		if !ok || !isParameterName(name) {
			return nil, fmt.Errorf("%w: malformed: a parameter's name and = are expected", ErrSignature)
		}
		if _, twice := params[name]; twice {
			return nil, fmt.Errorf("%w: malformed: parameter %s is there twice", ErrSignature, name)
		}
		v, after, err := parseValue(after)
		if err != nil {
			return nil, fmt.Errorf("%w: malformed: parameter %s %w", ErrSignature, name, err)
		}
		params[name] = v
		if rest = trim(after); rest == "" {
			return params, nil
		}
		if rest[0] != ',' {
			return nil, fmt.Errorf("%w: malformed: no comma after parameter %s", ErrSignature, name)
		}
		rest = trim(rest[1:])
	}
}

type syntaxError string

func (e syntaxError) Error() string { return string(e) }

// parseValue reads a quoted string or a bare value and returns what follows.
func parseValue(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		n := 0
		for n < len(s) && isTokenByte(s[n]) {
			n++
		}
		if n == 0 {
			return "", "", syntaxError("has no value")
		}
		return s[:n], s[n:], nil
	}
	var out strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return out.String(), s[i+1:], nil
		case c < ' ' && c != '\t' || c == 0x7f:
			return "", "", syntaxError("holds a control character")
		case c == '\\' && i+1 < len(s) && s[i+1] >= ' ' && s[i+1] != 0x7f:
			i++
			out.WriteByte(s[i])
		case c == '\\':
			return "", "", syntaxError("ends in a backslash")
		default:
			out.WriteByte(c)
		}
	}
	return "", "", syntaxError("has no closing quotation mark")
}
