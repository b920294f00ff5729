package capture

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// Options say what a parser may do.
type Options struct {
	// ReadFile reads the files that a curl command names (-d @body.json, -T,
	// -H @headers). Nil, the default, refuses such a command: a pasted text must
	// not choose which files are opened.
	ReadFile func(name string) ([]byte, error)
}

var (
	requestLine = regexp.MustCompile(`^[A-Za-z]{3,20}[ \t]+(/|\*|(?i:https?)://)\S*([ \t]+(?i:HTTP)/\d(\.\d)?)?[ \t]*$`)
	pseudoLine  = regexp.MustCompile(`^:(method|path|authority|scheme)[ \t]*:`)
	sentLine    = regexp.MustCompile(`(?m)^> [A-Z]{3,20} \S+ HTTP/\d`)
)

// Parse reads a request in whichever of the forms it is. Errors wrap [ErrCapture].
func Parse(data []byte, opts Options) (*Request, error) {
	text := strings.TrimLeft(strings.TrimPrefix(string(data), "\ufeff"), " \t\r\n")
	first, _, _ := strings.Cut(text, "\n")
	first = strings.TrimRight(first, "\r")
	switch {
	case text == "":
		return nil, fmt.Errorf("%w: the input is empty", ErrCapture)
	case text[0] == '{' || text[0] == '[':
		return ParseLog(data)
	case sentLine.MatchString(text):
		// The output of curl -v, perhaps with the command before it: what was
		// sent is more than what was typed.
		return ParseLog(data)
	case looksLikeCurl(text):
		return ParseCurl(text, opts)
	case indented(data):
		// Lines that begin with blanks are no folded headers here.
		return ParseLog(data)
	case requestLine.MatchString(first) || pseudoLine.MatchString(first):
		return ParseRaw(data)
	}
	r, err := ParseLog(data)
	if err != nil {
		// A mail or ticket with a command somewhere in it.
		for rest := text; rest != ""; _, rest, _ = strings.Cut(rest, "\n") {
			if line := strings.TrimLeft(rest, " \t>$"); strings.HasPrefix(line, "curl ") {
				return ParseCurl(line, opts)
			}
		}
	}
	return r, err
}

// indented says that the first line with anything on it begins with blanks.
func indented(data []byte) bool {
	rest := bytes.TrimLeft(data, "\r\n")
	return len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t')
}

func checkSize(data []byte) error {
	if len(data) > MaxSize {
		return fmt.Errorf("%w: the input is larger than %d bytes", ErrCapture, MaxSize)
	}
	return nil
}

// splitLine cuts the first line off, without its end.
func splitLine(data []byte) (line, rest []byte, crlf, ended bool) {
	line, rest, ended = bytes.Cut(data, []byte("\n"))
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1], rest, ended, ended
	}
	return line, rest, false, ended
}
