package links

import (
	"encoding/json"
	"strings"
)

// Body returns a JSON body with its links rewritten, and how many there were.
// If there are none, or body is no JSON, body itself is returned.
func (w *Rewriter) Body(body []byte, to Address) (rewritten []byte, count int) {
	if len(w.fields) == 0 || !to.Valid() || !json.Valid(body) {
		return body, 0
	}
	s := scanner{text: body}
	done := 0
	for s.next() {
		if !w.looksAt(s.names) {
			continue
		}
		start, size, with, ok := w.splice(body[s.start:s.end], to)
		if !ok {
			continue
		}
		if rewritten == nil {
			rewritten = make([]byte, 0, len(body)+len(body)/8+len(with))
		}
		rewritten = append(rewritten, body[done:s.start+start]...)
		rewritten = append(rewritten, with...)
		done = s.start + start + size
		count++
	}
	if count == 0 {
		return body, 0
	}
	return append(rewritten, body[done:]...), count
}

// splice says which bytes of a JSON string, quotation marks included, are to be
// replaced, and with what. The rest of the string is not written anew, whatever
// escapes it holds.
func (w *Rewriter) splice(raw []byte, to Address) (start, size int, with string, ok bool) {
	link := string(raw[1 : len(raw)-1])
	if strings.IndexByte(link, '\\') >= 0 && json.Unmarshal(raw, &link) != nil {
		return 0, 0, "", false
	}
	decoded, with, ok := w.place(link, to)
	if !ok {
		return 0, 0, "", false
	}
	// What is replaced is ASCII: each character is one byte, or an escape.
	end := 1
	for range decoded {
		switch {
		case raw[end] != '\\':
			end++
		case raw[end+1] == 'u':
			end += len(`\u0000`)
		default:
			end += len(`\/`)
		}
	}
	return 1, end - 1, with, true
}
