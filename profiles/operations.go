package profiles

import (
	"fmt"
	"strings"
)

// Operations that every profile has without naming them.
const (
	// OperationToken is a call to the token endpoint.
	OperationToken = "token"
	// OperationOther is a request that matches no operation of the profile.
	OperationOther = "other"
)

// Matcher finds the operation of a request. It is safe for concurrent use.
type Matcher struct {
	patterns []pattern
}

type pattern struct {
	name, method string
	segments     []segment
}

// segment is one part of a path between slashes.
type segment struct {
	kind segmentKind
	text string // of a literal, not escaped
}

type segmentKind uint8

const (
	literal segmentKind = iota
	anyOne              // {name}: any one segment
	rest                // "*" at the end: all that follows
)

// CompileOperations prepares operations for matching. Errors wrap ErrProfile.
func CompileOperations(ops []Operation) (*Matcher, error) {
	m, problem := compileOperations(ops)
	if problem != nil {
		return nil, problem
	}
	return m, nil
}

func compileOperations(ops []Operation) (*Matcher, *problem) {
	m := &Matcher{patterns: make([]pattern, 0, len(ops))}
	seen := make(map[string]bool)
	for n, op := range ops {
		fail := func(format string, args ...any) (*Matcher, *problem) {
			return nil, &problem{path: fmt.Sprintf("operations[%d]", n), text: fmt.Sprintf("operations: %s: %s", op.Name, fmt.Sprintf(format, args...))}
		}
		switch {
		case !isName(op.Name):
			return fail("a name consists of lower-case letters, digits and single hyphens")
		case op.Name == OperationToken || op.Name == OperationOther:
			return fail("the name is reserved; choose another one")
		case seen[op.Name]:
			return fail("the name is given twice; choose another one")
		case strings.Trim(op.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "":
			return fail("method %q: write it in capitals, or leave it out for all methods", op.Method)
		}
		seen[op.Name] = true
		segments, err := compilePath(op.Path)
		if err != nil {
			return fail("path %q: %v", op.Path, err)
		}
		p := pattern{name: op.Name, method: op.Method, segments: segments}
		for i := range m.patterns {
			if m.patterns[i].covers(&p) {
				return fail("can never match, because %s before it matches all of it; put it before that", m.patterns[i].name)
			}
		}
		m.patterns = append(m.patterns, p)
	}
	return m, nil
}

func compilePath(path string) ([]segment, error) {
	relative, ok := strings.CutPrefix(path, "/")
	if !ok {
		return nil, fmt.Errorf("must begin with a slash")
	}
	parts := strings.Split(relative, "/")
	segments := make([]segment, len(parts))
	for i, part := range parts {
		inner, braced := strings.CutPrefix(part, "{")
		inner, closed := strings.CutSuffix(inner, "}")
		switch {
		case part == "*" && i == len(parts)-1:
			segments[i].kind = rest
		case braced && closed && inner != "" && !strings.ContainsAny(inner, "{}*"):
			segments[i].kind = anyOne
		case part == "" || part == "." || part == "..":
			return nil, fmt.Errorf("holds an empty or dot segment")
		case strings.ContainsAny(part, "{}*?#%\\ ") || !isPrintable(part):
			return nil, fmt.Errorf("segment %q: write plain text, {name} for any one segment, or * as the last segment", part)
		default:
			segments[i].text = part
		}
	}
	return segments, nil
}

// Match gives the name of the first operation that fits, or "other". path is
// escaped as on the wire and relative to base_url. Escapes in it are looked
// through (/%61ccounts is /accounts); a path with dot segments fits nothing,
// because it is the bank's to say where it leads.
func (m *Matcher) Match(method, path string) string {
	path, _, _ = strings.Cut(path, "?")
	if strings.HasPrefix(path, "/") && !hasDots(path) {
		for i := range m.patterns {
			p := &m.patterns[i]
			if (p.method == "" || p.method == method) && p.match(path[1:]) {
				return p.name
			}
		}
	}
	return OperationOther
}

func (p *pattern) match(path string) bool {
	more := true
	var part string
	for i := range p.segments {
		if !more {
			return false
		}
		if p.segments[i].kind == rest {
			return true
		}
		part, path, more = strings.Cut(path, "/")
		if !p.segments[i].match(part) {
			return false
		}
	}
	return !more
}

func (s *segment) match(part string) bool {
	if s.kind == anyOne {
		return part != ""
	}
	return reads(part, s.text)
}

// covers tells whether everything that q matches is matched by p.
func (p *pattern) covers(q *pattern) bool {
	if p.method != "" && p.method != q.method {
		return false
	}
	for i, s := range p.segments {
		switch {
		case i >= len(q.segments):
			return false
		case s.kind == rest:
			return true
		case q.segments[i].kind == rest:
			return false
		case s.kind == literal && s != q.segments[i]:
			return false
		}
	}
	return len(p.segments) == len(q.segments)
}

// isName tells whether name is of lower-case letters, digits and single hyphens.
func isName(name string) bool {
	hyphen := true // none at the beginning
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			hyphen = false
		case c == '-' && !hyphen:
			hyphen = true
		default:
			return false
		}
	}
	return !hyphen
}

// isPrintable tells whether text is of visible ASCII characters.
func isPrintable(text string) bool {
	for i := range len(text) {
		if text[i] < 0x20 || text[i] > 0x7e {
			return false
		}
	}
	return true
}
