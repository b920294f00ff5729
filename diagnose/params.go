package diagnose

import (
	"fmt"
	"strings"
)

// parameter is one parameter of a Signature header, as written.
type parameter struct {
	name, value string
	raw         string // between the quotation marks, escapes as they are
	quoted      bool
	before      string // what stands between the former parameter and this one
}

// parseParameters takes a Signature header's value apart and keeps what
// signer.ParseSignature drops: order, separators and quotation marks.
func parseParameters(value string) ([]parameter, error) {
	var list []parameter
	seen := make(map[string]bool)
	rest, before := strings.TrimLeft(value, " \t"), ""
	for rest != "" {
		name, after, ok := strings.Cut(rest, "=")
		if !ok || name == "" || strings.ContainsAny(name, " \t\",") {
			return list, fmt.Errorf("after %s a parameter's name and = are expected", lastName(list))
		}
		if seen[name] {
			return list, fmt.Errorf("parameter %s is there twice", name)
		}
		seen[name] = true
		p := parameter{name: name, before: before}
		var err error
		if rest, err = p.read(after); err != nil {
			return list, err
		}
		list = append(list, p)
		next := strings.TrimLeft(rest, " \t")
		if next == "" {
			break
		}
		if next[0] != ',' {
			return list, fmt.Errorf("a comma is expected after parameter %s", name)
		}
		following := strings.TrimLeft(next[1:], " \t")
		before, rest = rest[:len(rest)-len(following)], following
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("it is empty")
	}
	return list, nil
}

func lastName(list []parameter) string {
	if len(list) == 0 {
		return "the beginning"
	}
	return "parameter " + list[len(list)-1].name
}

func (p *parameter) read(s string) (rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ", \t")
		if end < 0 {
			end = len(s)
		}
		if end == 0 {
			return "", fmt.Errorf("parameter %s has no value", p.name)
		}
		p.value, p.raw = s[:end], s[:end]
		return s[end:], nil
	}
	p.quoted = true
	var out strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			p.value, p.raw = out.String(), s[1:i]
			return s[i+1:], nil
		case '\\':
			if i++; i < len(s) {
				out.WriteByte(s[i])
			}
		default:
			out.WriteByte(s[i])
		}
	}
	return "", fmt.Errorf("parameter %s has no closing quotation mark", p.name)
}

// plainName makes keyid, KeyId and (created) what the draft calls them.
func plainName(name string) string {
	switch lower := strings.Trim(strings.ToLower(name), "()"); lower {
	case "keyid":
		return "keyId"
	default:
		return lower
	}
}
