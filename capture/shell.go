package capture

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// shell splits a command line as bash does: quotation marks, $'…' with its
// escapes, backslashes, and lines joined by a backslash at their end. Nothing is
// expanded: variables and commands stay as written, which found reports. The
// list ends where the command does, at an operator or an end of line.
type shell struct {
	text  string
	pos   int
	found bool // an expansion that only a shell could do
	lost  bool // options go on in lines that no backslash joins
}

// split gives the words of the first command.
func (s *shell) split() ([]string, error) {
	var words []string
	for {
		s.blanks()
		if s.pos >= len(s.text) {
			return words, nil
		}
		switch c := s.text[s.pos]; c {
		case '\n', '\r':
			if len(words) > 0 && !s.goesOn(words) {
				return words, nil
			}
			s.pos++
			continue
		case ';', '|', '&', '>', '<', ')':
			if len(words) > 0 {
				return words, nil
			}
			s.pos++
			continue
		case '#':
			if end := strings.IndexByte(s.text[s.pos:], '\n'); end >= 0 {
				s.pos += end
				continue
			}
			return words, nil
		}
		word, err := s.word()
		if err != nil {
			return nil, err
		}
		words = append(words, word)
	}
}

// goesOn says whether the next line belongs to the command although no
// backslash joins it: web pages and mails lose them.
func (s *shell) goesOn(words []string) bool {
	next := strings.TrimLeft(s.text[s.pos:], " \t\r\n")
	if !strings.HasPrefix(next, "-") && !(isCurl(words[len(words)-1]) && next != "") {
		return false
	}
	s.lost = true
	return true
}

// blanks skips white space and joined lines.
func (s *shell) blanks() {
	for s.pos < len(s.text) {
		if n := s.joint(); n > 0 {
			s.pos += n
		} else if c := s.text[s.pos]; c == ' ' || c == '\t' {
			s.pos++
		} else {
			return
		}
	}
}

// joint is the length of a backslash and the line end that it hides, or 0.
// Blanks between them come from mails and web pages.
func (s *shell) joint() int {
	if s.text[s.pos] != '\\' {
		return 0
	}
	rest := strings.TrimLeft(s.text[s.pos+1:], " \t\r")
	if strings.HasPrefix(rest, "\n") {
		return len(s.text) - s.pos - len(rest) + 1
	}
	return 0
}

func (s *shell) word() (string, error) {
	var out strings.Builder
	for s.pos < len(s.text) {
		rest := s.text[s.pos:]
		if n := s.joint(); n > 0 {
			s.pos += n
			continue
		}
		var err error
		switch c := rest[0]; {
		case strings.IndexByte(" \t\r\n;|&<>)", c) >= 0:
			return out.String(), nil
		case strings.HasPrefix(rest, "$'"):
			s.pos += 2
			err = s.ansi(&out)
		case strings.HasPrefix(rest, `$"`): // a translated string: the same without translation
			s.pos += 2
			err = s.double(&out)
		case c == '\'':
			s.pos++
			err = s.single(&out)
		case c == '"':
			s.pos++
			err = s.double(&out)
		case c == '\\' && len(rest) > 1:
			out.WriteByte(rest[1])
			s.pos += 2
		default:
			s.expansion(rest)
			out.WriteByte(c)
			s.pos++
		}
		if err != nil {
			return "", err
		}
	}
	return out.String(), nil
}

// expansion notes a variable or a command.
func (s *shell) expansion(rest string) {
	if rest[0] == '`' {
		s.found = true
	}
	if len(rest) > 1 && rest[0] == '$' {
		c := rest[1]
		s.found = s.found || c == '{' || c == '(' || c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	}
}

func unclosed(mark string) error {
	return fmt.Errorf("%w: the command line has no closing %s", ErrCapture, mark)
}

func (s *shell) single(out *strings.Builder) error {
	end := strings.IndexByte(s.text[s.pos:], '\'')
	if end < 0 {
		return unclosed("'")
	}
	out.WriteString(s.text[s.pos : s.pos+end])
	s.pos += end + 1
	return nil
}

func (s *shell) double(out *strings.Builder) error {
	for s.pos < len(s.text) {
		rest := s.text[s.pos:]
		switch c := rest[0]; {
		case c == '"':
			s.pos++
			return nil
		case strings.HasPrefix(rest, "\\\r\n"):
			s.pos += 3
		case strings.HasPrefix(rest, "\\\n"):
			s.pos += 2
		case c == '\\' && len(rest) > 1 && strings.IndexByte("$`\"\\", rest[1]) >= 0:
			out.WriteByte(rest[1])
			s.pos += 2
		default:
			s.expansion(rest)
			out.WriteByte(c)
			s.pos++
		}
	}
	return unclosed(`"`)
}

// ansi reads the rest of $'…' (bash(1), QUOTING).
func (s *shell) ansi(out *strings.Builder) error {
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		s.pos++
		switch {
		case c == '\'':
			return nil
		case c == '\\' && s.pos < len(s.text):
			s.escape(out)
		default:
			out.WriteByte(c)
		}
	}
	return unclosed("'")
}

// escape reads what follows a backslash within $'…'.
func (s *shell) escape(out *strings.Builder) {
	c := s.text[s.pos]
	s.pos++
	const letters, codes = "abeEfnrtv", "\a\b\x1b\x1b\f\n\r\t\v"
	if i := strings.IndexByte(letters, c); i >= 0 {
		out.WriteByte(codes[i])
		return
	}
	switch c {
	case '\\', '\'', '"', '?':
		out.WriteByte(c)
	case 'x':
		s.number(out, c, 16, 2, false)
	case 'u':
		s.number(out, c, 16, 4, true)
	case 'U':
		s.number(out, c, 16, 8, true)
	case '0', '1', '2', '3', '4', '5', '6', '7':
		s.pos--
		s.number(out, c, 8, 3, false)
	case 'c':
		if s.pos < len(s.text) {
			out.WriteByte(s.text[s.pos] & 0x1f)
			s.pos++
		}
	default:
		out.WriteByte('\\')
		out.WriteByte(c)
	}
}

// number reads up to most digits, and writes a byte or a character.
func (s *shell) number(out *strings.Builder, letter byte, base, most int, character bool) {
	n := 0
	for n < most && s.pos+n < len(s.text) {
		if _, err := strconv.ParseUint(s.text[s.pos+n:s.pos+n+1], base, 8); err != nil {
			break
		}
		n++
	}
	value, err := strconv.ParseUint(s.text[s.pos:s.pos+n], base, 32)
	switch {
	case err != nil:
		out.WriteByte('\\')
		out.WriteByte(letter)
	case character:
		out.WriteString(string(utf8.AppendRune(nil, rune(value))))
	default:
		out.WriteByte(byte(value))
	}
	s.pos += n
}
