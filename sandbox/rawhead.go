package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxHead bounds what is kept of one request head, in bytes. net/http is
// configured with a smaller limit and refuses first.
const maxHead = 64 << 10

// maxQueuedHeads bounds pipelining: heads read but not yet handled.
const maxQueuedHeads = 16

// field is one header line. Lower is the name in lower case; Value is without
// the white space around it (RFC 9110 section 5.5).
type field struct {
	Name, Lower, Value string
}

// message is what a signature is verified against.
type message struct {
	Method, Target, Proto string
	Fields                []field
}

// values returns the values of all fields with that lower-case name, in order.
func (m *message) values(lower string) []string {
	var out []string
	for _, f := range m.Fields {
		if f.Lower == lower {
			out = append(out, f.Value)
		}
	}
	return out
}

// value is the first value of a field, "" if there is none.
func (m *message) value(lower string) string {
	v, _ := m.first(lower)
	return v
}

// first returns the first value of a field, and whether there is one.
func (m *message) first(lower string) (string, bool) {
	for _, f := range m.Fields {
		if f.Lower == lower {
			return f.Value, true
		}
	}
	return "", false
}

// errRawHead is wrapped by every error of parseHead.
var errRawHead = errors.New("malformed request head")

// parseHead takes a request head apart without normalising anything but the
// white space around values. It is stricter than net/http: folded lines, bare
// line feeds and control characters are errors.
func parseHead(head []byte) (message, error) {
	text, ok := strings.CutSuffix(string(head), "\r\n\r\n")
	if !ok {
		return message{}, fmt.Errorf("%w: it does not end in an empty line", errRawHead)
	}
	lines := strings.Split(text, "\r\n")
	for _, line := range lines {
		if strings.ContainsAny(line, "\r\n\x00") {
			return message{}, fmt.Errorf("%w: bare CR, LF or NUL in a line", errRawHead)
		}
	}
	parts := strings.Split(lines[0], " ")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || !strings.HasPrefix(parts[2], "HTTP/") {
		return message{}, fmt.Errorf("%w: the request line is not method, target and version", errRawHead)
	}
	m := message{Method: parts[0], Target: parts[1], Proto: parts[2]}
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return message{}, fmt.Errorf("%w: a header line is folded or has no name", errRawHead)
		}
		m.Fields = append(m.Fields, field{name, strings.ToLower(name), strings.Trim(value, " \t")})
	}
	return m, nil
}

// headSplitter cuts the bytes of a connection into request heads. Bodies are
// counted and skipped. When it cannot tell where a body ends it stops: the
// bank closes such a connection after one answer.
type headSplitter struct {
	buf       []byte
	lineStart int
	body      int64
	stopped   bool
	heads     [][]byte
}

// feed takes the next bytes as they were read.
func (s *headSplitter) feed(p []byte) {
	for len(p) > 0 && !s.stopped {
		if s.body > 0 {
			n := min(int64(len(p)), s.body)
			s.body -= n
			p = p[n:]
			continue
		}
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			end = len(p) - 1
		}
		s.buf = append(s.buf, p[:end+1]...)
		p = p[end+1:]
		s.line()
	}
}

// line looks at what may be a finished line, and at the end of the head.
func (s *headSplitter) line() {
	if len(s.buf) > maxHead {
		s.stopped = true
		return
	}
	if len(s.buf) == 0 || s.buf[len(s.buf)-1] != '\n' {
		return
	}
	line := s.buf[s.lineStart:]
	s.lineStart = len(s.buf)
	// A bare LF ends a line for net/http as well.
	if len(bytes.TrimRight(line, "\r\n")) > 0 {
		return
	}
	s.heads = append(s.heads, s.buf)
	length, ok := bodyLength(s.buf)
	s.body, s.stopped = length, !ok || len(s.heads) > maxQueuedHeads
	s.buf, s.lineStart = nil, 0
}

// next hands over the oldest head, or nil.
func (s *headSplitter) next() []byte {
	if len(s.heads) == 0 {
		return nil
	}
	head := s.heads[0]
	s.heads = s.heads[1:]
	return head
}

// bodyLength reads the body's length from a head; false if it cannot be known.
func bodyLength(head []byte) (int64, bool) {
	length, seen := int64(0), false
	for line := range bytes.Lines(head) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		switch strings.ToLower(string(name)) {
		case "transfer-encoding":
			return 0, false
		case "content-length":
			n, err := strconv.ParseInt(strings.TrimSpace(string(value)), 10, 64)
			if err != nil || n < 0 || (seen && n != length) {
				return 0, false
			}
			length, seen = n, true
		}
	}
	return length, true
}
