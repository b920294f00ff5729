package links

import (
	"net/http"
	"strings"
)

// Header rewrites the links in an answer's headers, and returns how many there
// were. status is the answer's: a redirect's Location is for the PSU's browser,
// and left alone.
func (w *Rewriter) Header(status int, h http.Header, to Address) (count int) {
	if !to.Valid() {
		return 0
	}
	for _, name := range w.headers {
		if name == "Location" && (status < 200 || status > 299) {
			continue
		}
		values := h[name]
		for i, value := range values {
			rewritten, n := value, 0
			if name == "Link" {
				rewritten, n = w.linkHeader(value, to)
			} else if size, with, ok := w.place(value, to); ok {
				rewritten, n = with+value[size:], 1
			}
			if n > 0 {
				values[i] = rewritten
				count += n
			}
		}
	}
	return count
}

// linkHeader rewrites the targets of a Link header (RFC 8288 section 3), which
// stand in angle brackets. Parameters, quoted texts in them above all, stay.
func (w *Rewriter) linkHeader(value string, to Address) (string, int) {
	var out strings.Builder
	count, quoted, done := 0, false, 0
	for i := 0; i < len(value); i++ {
		switch {
		case quoted && value[i] == '\\':
			i++
		case value[i] == '"':
			quoted = !quoted
		case !quoted && value[i] == '<':
			end := strings.IndexByte(value[i:], '>')
			if end < 0 {
				return value, 0 // no Link header at all
			}
			if size, with, ok := w.place(value[i+1:i+end], to); ok {
				out.WriteString(value[done : i+1])
				out.WriteString(with)
				done = i + 1 + size
				count++
			}
			i += end
		}
	}
	out.WriteString(value[done:])
	return out.String(), count
}
