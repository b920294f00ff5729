package sandbox

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// sfKind is the type of a bare item of a structured field (RFC 8941 section
// 3.3), of those that signatures use.
type sfKind int

const (
	sfNone sfKind = iota
	sfInteger
	sfString
	sfToken
	sfBytes
	sfBoolean
)

// sfItem is a bare item.
type sfItem struct {
	kind   sfKind
	number int64
	text   string
	bytes  []byte
	truth  bool
}

// sfParameter is a parameter of an item or a list.
type sfParameter struct {
	name string
	item sfItem
}

// sfEntry is an item of an inner list.
type sfEntry struct {
	item   sfItem
	params []sfParameter
}

// sfMember is a member of a dictionary: an item, or an inner list.
type sfMember struct {
	name   string
	item   sfItem
	list   []sfEntry
	inner  bool
	params []sfParameter
}

// sfReader reads a structured field, and stops at the first error.
type sfReader struct {
	rest string
	err  error
}

func (r *sfReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
	r.rest = ""
}

func (r *sfReader) take(c byte) bool {
	if r.rest != "" && r.rest[0] == c {
		r.rest = r.rest[1:]
		return true
	}
	return false
}

func (r *sfReader) skip(set string) { r.rest = strings.TrimLeft(r.rest, set) }

// parseDictionary reads a dictionary (RFC 8941 section 4.2.2). A name that is
// there twice is an error here.
func parseDictionary(value string) ([]sfMember, error) {
	r := &sfReader{rest: strings.Trim(value, " ")}
	seen := map[string]bool{}
	var members []sfMember
	for r.rest != "" && r.err == nil {
		m := r.member()
		if r.err == nil && seen[m.name] {
			r.fail("%.40q is there twice", m.name)
		}
		seen[m.name] = true
		members = append(members, m)
		r.skip(" \t")
		if r.rest == "" {
			break
		}
		if !r.take(',') {
			r.fail("there is no comma between its members")
		}
		if r.skip(" \t"); r.err == nil && r.rest == "" {
			r.fail("it ends in a comma")
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return members, nil
}

func (r *sfReader) member() sfMember {
	m := sfMember{name: r.key()}
	switch {
	case r.err != nil:
	case !r.take('='):
		m.item = sfItem{kind: sfBoolean, truth: true}
	case strings.HasPrefix(r.rest, "("):
		m.inner, m.list = true, r.innerList()
	default:
		m.item = r.bareItem()
	}
	m.params = r.parameters()
	return m
}

// innerList reads "(" items ")".
func (r *sfReader) innerList() []sfEntry {
	r.take('(')
	list := []sfEntry{}
	for r.err == nil {
		r.skip(" ")
		if r.take(')') {
			return list
		}
		entry := sfEntry{item: r.bareItem()}
		entry.params = r.parameters()
		list = append(list, entry)
		if r.err == nil && !strings.HasPrefix(r.rest, " ") && !strings.HasPrefix(r.rest, ")") {
			r.fail("a list in it is not closed, or has no space between its entries")
		}
	}
	return nil
}

func (r *sfReader) parameters() []sfParameter {
	var params []sfParameter
	for r.err == nil && r.take(';') {
		r.skip(" ")
		p := sfParameter{r.key(), sfItem{kind: sfBoolean, truth: true}}
		if r.err == nil && r.take('=') {
			p.item = r.bareItem()
		}
		for _, known := range params {
			if known.name == p.name {
				r.fail("the parameter %.40q is there twice", p.name)
			}
		}
		params = append(params, p)
	}
	return params
}

// key reads a name: lower case, digits and _-.*
func (r *sfReader) key() string {
	end := 0
	for end < len(r.rest) && (isLower(r.rest[end]) || r.rest[end] == '*' ||
		(end > 0 && (isDigit(r.rest[end]) || strings.IndexByte("_-.", r.rest[end]) >= 0))) {
		end++
	}
	if end == 0 {
		r.fail("a name in it is missing, or not in lower case")
		return ""
	}
	name := r.rest[:end]
	r.rest = r.rest[end:]
	return name
}

func (r *sfReader) bareItem() sfItem {
	switch {
	case r.err != nil:
		return sfItem{}
	case r.rest == "":
		r.fail("a value in it is missing")
		return sfItem{}
	case r.rest[0] == '"':
		return r.text()
	case r.rest[0] == ':':
		return r.byteSequence()
	case r.rest[0] == '?':
		return r.boolean()
	case r.rest[0] == '-' || isDigit(r.rest[0]):
		return r.integer()
	}
	return r.token()
}

func (r *sfReader) text() sfItem {
	var out strings.Builder
	for i := 1; i < len(r.rest); i++ {
		switch c := r.rest[i]; {
		case c == '"':
			r.rest = r.rest[i+1:]
			return sfItem{kind: sfString, text: out.String()}
		case c == '\\' && i+1 < len(r.rest) && (r.rest[i+1] == '"' || r.rest[i+1] == '\\'):
			i++
			out.WriteByte(r.rest[i])
		case c < ' ' || c > '~' || c == '\\':
			r.fail("a text in it holds a character that must not be there")
			return sfItem{}
		default:
			out.WriteByte(c)
		}
	}
	r.fail("a closing quotation mark is missing in it")
	return sfItem{}
}

func (r *sfReader) byteSequence() sfItem {
	encoded, rest, ok := strings.Cut(r.rest[1:], ":")
	value, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || strings.ContainsAny(encoded, "\r\n") {
		r.fail("a byte sequence in it is not base64 between two colons")
		return sfItem{}
	}
	r.rest = rest
	return sfItem{kind: sfBytes, bytes: value}
}

func (r *sfReader) boolean() sfItem {
	if len(r.rest) < 2 || (r.rest[1] != '0' && r.rest[1] != '1') {
		r.fail("a boolean in it is neither ?0 nor ?1")
		return sfItem{}
	}
	item := sfItem{kind: sfBoolean, truth: r.rest[1] == '1'}
	r.rest = r.rest[2:]
	return item
}

func (r *sfReader) integer() sfItem {
	end := 1
	for end < len(r.rest) && isDigit(r.rest[end]) {
		end++
	}
	n, err := strconv.ParseInt(r.rest[:end], 10, 64)
	if err != nil || end > 16 || strings.HasPrefix(r.rest[end:], ".") {
		r.fail("a number in it is no integer of at most 15 digits")
		return sfItem{}
	}
	r.rest = r.rest[end:]
	return sfItem{kind: sfInteger, number: n}
}

func (r *sfReader) token() sfItem {
	end := 0
	for end < len(r.rest) && (isLower(r.rest[end]|0x20) || (end == 0 && r.rest[end] == '*') ||
		(end > 0 && (isDigit(r.rest[end]) || strings.IndexByte("!#$%&'*+-.^_`|~:/", r.rest[end]) >= 0))) {
		end++
	}
	if end == 0 {
		r.fail("it holds something that is no value of a structured field")
		return sfItem{}
	}
	item := sfItem{kind: sfToken, text: r.rest[:end]}
	r.rest = r.rest[end:]
	return item
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
