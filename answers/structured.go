package answers

import (
	"encoding/base64"
	"strings"
)

// member is one entry of a dictionary (RFC 8941 section 3.2) that is an inner
// list with parameters.
type member struct {
	label string
	raw   string // of the list, from its bracket to the last parameter
	items []item
	// params are the list's own parameters, as they are written.
	params map[string]string
}

// item is a covered component: its name and parameters.
type item struct {
	raw    string
	name   string
	params map[string]string
}

// reader reads the part of RFC 8941 that signatures use. Its text is one line
// of ASCII.
type reader struct {
	text string
	at   int
}

func (r *reader) eat(c byte) bool {
	if r.at < len(r.text) && r.text[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *reader) blanks() {
	for r.at < len(r.text) && (r.text[r.at] == ' ' || r.text[r.at] == '\t') {
		r.at++
	}
}

// key reads a key (section 3.1.2).
func (r *reader) key() (string, bool) {
	start := r.at
	for r.at < len(r.text) {
		c := r.text[r.at]
		lower := c >= 'a' && c <= 'z' || c == '*'
		if !lower && (r.at == start || (c < '0' || c > '9') && strings.IndexByte("_-.", c) < 0) {
			break
		}
		r.at++
	}
	return r.text[start:r.at], r.at > start
}

// quotedText reads a string (section 3.3.3) and undoes its escapes.
func (r *reader) quotedText() (string, bool) {
	if !r.eat('"') {
		return "", false
	}
	var out strings.Builder
	for r.at < len(r.text) {
		c := r.text[r.at]
		r.at++
		switch {
		case c == '"':
			return out.String(), true
		case c == '\\':
			if r.at == len(r.text) || r.text[r.at] != '"' && r.text[r.at] != '\\' {
				return "", false
			}
			c = r.text[r.at]
			r.at++
		case c < ' ' || c > '~':
			return "", false
		}
		out.WriteByte(c)
	}
	return "", false
}

// bare reads what a parameter may hold, and gives it as written but for strings.
func (r *reader) bare() (string, bool) {
	if r.at < len(r.text) && r.text[r.at] == '"' {
		return r.quotedText()
	}
	start := r.at
	for r.at < len(r.text) && r.text[r.at] > ' ' && r.text[r.at] <= '~' && strings.IndexByte(`;,()"`, r.text[r.at]) < 0 {
		r.at++
	}
	return r.text[start:r.at], r.at > start
}

// parameters reads ";name=value", in which "=value" may be left out.
func (r *reader) parameters() (map[string]string, bool) {
	params := make(map[string]string)
	for r.eat(';') {
		name, ok := r.key()
		if _, twice := params[name]; !ok || twice {
			return nil, false
		}
		params[name] = "?1"
		if r.eat('=') {
			if params[name], ok = r.bare(); !ok {
				return nil, false
			}
		}
	}
	return params, true
}

// innerList reads a list of components and its parameters.
func (r *reader) innerList() (m member, ok bool) {
	start := r.at
	if !r.eat('(') {
		return m, false
	}
	for {
		r.blanks()
		if r.eat(')') {
			break
		}
		from := r.at
		var it item
		if it.name, ok = r.quotedText(); !ok {
			return m, false
		}
		if it.params, ok = r.parameters(); !ok {
			return m, false
		}
		it.raw = r.text[from:r.at]
		m.items = append(m.items, it)
		if r.at == len(r.text) || r.text[r.at] != ' ' && r.text[r.at] != ')' {
			return m, false
		}
	}
	m.params, ok = r.parameters()
	m.raw = r.text[start:r.at]
	return m, ok
}

// dictionary reads a dictionary, whose values value reads. No label is there
// twice.
func (r *reader) dictionary(value func(label string) bool) bool {
	seen := make(map[string]bool)
	for r.blanks(); ; r.blanks() {
		label, ok := r.key()
		if !ok || seen[label] || !r.eat('=') || !value(label) {
			return false
		}
		seen[label] = true
		r.blanks()
		if r.at == len(r.text) {
			return true
		}
		if !r.eat(',') {
			return false
		}
	}
}

// parseInput reads Signature-Input (RFC 9421 section 4.1).
func parseInput(text string) (members []member, ok bool) {
	r := &reader{text: text}
	ok = r.dictionary(func(label string) bool {
		m, ok := r.innerList()
		m.label = label
		members = append(members, m)
		return ok
	})
	return members, ok
}

// parseSignatures reads Signature (RFC 9421 section 4.2).
func parseSignatures(text string) (map[string][]byte, bool) {
	signatures := make(map[string][]byte)
	r := &reader{text: text}
	ok := r.dictionary(func(label string) bool {
		if !r.eat(':') {
			return false
		}
		end := strings.IndexByte(r.text[r.at:], ':')
		if end < 0 {
			return false
		}
		sig, err := base64.StdEncoding.Strict().DecodeString(r.text[r.at : r.at+end])
		r.at += end + 1
		signatures[label] = sig
		return err == nil
	})
	return signatures, ok
}
