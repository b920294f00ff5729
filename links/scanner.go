package links

import (
	"bytes"
	"encoding/json"
)

// scanner walks through the string values of a text that is known to be JSON.
type scanner struct {
	text []byte
	at   int
	// open are the brackets around the present place.
	open []byte
	// names are the members on the way to the present place; one of a closed
	// object is dropped. inner is how many of them each bracket holds.
	names [][]byte
	inner []int
	// member is true while what follows is a member's name.
	member bool
	// start and end bound the present string, with its quotation marks.
	start, end int
}

// next goes to the next string value. It is false at the end of the text.
func (s *scanner) next() bool {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case '{', '[':
			s.open, s.inner = append(s.open, c), append(s.inner, len(s.names))
			s.member = c == '{'
		case '}', ']':
			last := len(s.open) - 1
			s.names = s.names[:s.inner[last]]
			s.open, s.inner = s.open[:last], s.inner[:last]
			s.member = false
		case ',':
			s.member = s.open[len(s.open)-1] == '{'
		case '"':
			s.start, s.end = s.at, s.stringEnd()
			s.at = s.end
			if !s.member {
				return true
			}
			s.enter()
			continue
		}
		s.at++
	}
	return false
}

// enter notes the name of a member, in place of the one before it.
func (s *scanner) enter() {
	name := s.text[s.start+1 : s.end-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		var decoded string
		_ = json.Unmarshal(s.text[s.start:s.end], &decoded) // it is a string of a valid text
		name = []byte(decoded)
	}
	s.names = append(s.names[:s.inner[len(s.inner)-1]], name)
	s.member = false
}

// stringEnd returns where the string ends that begins at the present place.
func (s *scanner) stringEnd() int {
	for i := s.at + 1; ; i++ {
		switch s.text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}
