package capture

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// maxCandidates bounds how many requests of one log are looked at.
const maxCandidates = 200

// written is a request line anywhere in a line of text.
var written = regexp.MustCompile(`\b([A-Za-z]{3,20}) ([/hH*]\S*) (?i:HTTP)/[0-9](?:\.[0-9])?`)

// ParseLog reads a log in which a request is written down: as text, each line
// perhaps after a time or a mark ("> ", as curl -v writes it), or as JSON with a
// method, an address, headers and a body. Of several requests the first one that
// is signed is taken, otherwise the first with headers. Errors wrap [ErrCapture].
func ParseLog(data []byte) (*Request, error) {
	if err := checkSize(data); err != nil {
		return nil, err
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	var found []*Request
	if trimmed := strings.TrimSpace(text); trimmed != "" && (trimmed[0] == '{' || trimmed[0] == '[') {
		found = requestsInJSON([]byte(trimmed), 0)
	}
	if len(found) == 0 {
		found = requestsInText(text, 0)
	}
	return choose(found)
}

// choose takes the request that the log is most likely kept for.
func choose(found []*Request) (*Request, error) {
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: no request line (POST /path HTTP/1.1), no curl command and no JSON object with method, url and headers was found", ErrCapture)
	}
	best := found[0]
	for _, r := range found[1:] {
		if r.weight() > best.weight() {
			best = r
		}
	}
	if n := len(found); n > 1 {
		best.warn(WarnMore, fmt.Sprintf("the log holds %d requests; the first that is signed, or has headers, was read", n))
	}
	best.Form = FormLog
	return best, nil
}

// weight orders what a log holds: signed requests, others, bare request lines.
func (r *Request) weight() int {
	authorization, _ := r.Get("Authorization")
	switch {
	case len(authorization) > 9 && strings.EqualFold(authorization[:9], "Signature"):
		return 2
	case r.has("Signature"), r.has("X-JWS-Signature"), r.has("Signature-Input"), r.has("TPP-Signature-Certificate"), r.has("Digest"):
		return 2
	case len(r.Fields) > 0:
		return 1
	}
	return 0
}

// requestsInText goes through the lines of a text.
func requestsInText(text string, depth int) []*Request {
	var found []*Request
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines) && len(found) < maxCandidates; i++ {
		line := strings.TrimSuffix(lines[i], "\r")
		if object := strings.IndexByte(line, '{'); object >= 0 && json.Valid([]byte(line[object:])) {
			if in := requestsInJSON([]byte(line[object:]), depth); len(in) > 0 {
				found = append(found, in...)
				continue
			}
		}
		at := written.FindStringIndex(line)
		if at == nil {
			continue
		}
		if r := escaped(line, at[0]); r != nil {
			found = append(found, r)
			continue
		}
		b := block{lines: lines, start: i, prefix: line[:at[0]], requestLine: line[at[0]:at[1]]}
		if r, last := b.read(); r != nil {
			found = append(found, r)
			i = max(i, last)
		}
	}
	return found
}

// escaped reads a whole message within one line, its line ends written as \r\n
// or \n.
func escaped(line string, start int) *Request {
	rest := line[start:]
	first := strings.Index(rest, `\n`)
	if first < 0 || !written.MatchString(rest[:first]) {
		return nil
	}
	if start > 0 && line[start-1] == '"' {
		if end := closingQuote(rest); end >= 0 {
			rest = rest[:end]
		}
	}
	var text string
	if json.Unmarshal([]byte(`"`+rest+`"`), &text) != nil {
		text = strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\t`, "\t", `\"`, `"`, `\\`, `\`).Replace(rest)
	}
	r, err := ParseRaw([]byte(text))
	if err != nil {
		return nil
	}
	return r
}

// closingQuote finds the quotation mark that no backslash stands before.
func closingQuote(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}
