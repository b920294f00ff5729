package capture

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// takeBody takes the content out of what follows the head: a chunked coding is
// undone, and what an editor appended is cut off where Content-Length shows it.
func (r *Request) takeBody(rest []byte) {
	if values := r.Values("Transfer-Encoding"); len(values) > 0 && strings.EqualFold(trim(values[len(values)-1]), "chunked") {
		if body, ok := dechunk(rest); ok {
			r.Body = body
			r.warn(WarnChunked, "the body was sent in chunks; they were put together")
			return
		}
		r.warn(WarnChunked, "Transfer-Encoding is chunked but the body is not in chunks; it was taken as it is")
	}
	length, known := r.contentLength()
	switch {
	case known && len(rest) == length:
		r.Body = rest
	case known && len(rest) > length && len(bytes.TrimLeft(rest[length:], "\r\n")) == 0:
		r.Body = rest[:length]
		r.warn(WarnFinalNewline, "line ends follow the body beyond its Content-Length; they were left out")
	case known && len(rest) > length && startsRequest(rest[length:]):
		r.Body = rest[:length]
		r.warn(WarnMore, "another request follows; only the first was read")
	case known:
		r.Body = rest
		r.warn(WarnLength, fmt.Sprintf("Content-Length is %d but the body has %d bytes", length, len(rest)))
	case len(bytes.Trim(rest, "\r\n")) == 0:
		// Without a length there is no body in HTTP/1.1: empty lines are the file's.
	case startsRequest(rest):
		r.warn(WarnMore, "another request follows; only the first was read")
	default:
		r.Body = rest
		r.warn(WarnNoLength, "there is no Content-Length, so the body is all that follows the head, a last line end included")
	}
}

// contentLength reads the header; a malformed one counts as absent.
func (r *Request) contentLength() (int, bool) {
	text, ok := r.Get("Content-Length")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		r.warn(WarnLength, "Content-Length is not a number")
		return 0, false
	}
	return int(n), true
}

func startsRequest(data []byte) bool {
	line, _, _, _ := splitLine(bytes.TrimLeft(data, "\r\n"))
	return requestLine.Match(line) && bytes.Contains(bytes.ToUpper(line), []byte(" HTTP/"))
}

// dechunk undoes the chunked coding (RFC 9112 section 7.1) with CRLF or LF.
func dechunk(data []byte) ([]byte, bool) {
	body := []byte{}
	for {
		line, rest, _, ended := splitLine(data)
		size, _, _ := strings.Cut(string(line), ";")
		n, err := strconv.ParseUint(trim(size), 16, 31)
		if err != nil || !ended {
			return nil, false
		}
		if n == 0 {
			return body, true
		}
		if uint64(len(rest)) < n {
			return nil, false
		}
		body = append(body, rest[:n]...)
		end, after, _, ended := splitLine(rest[n:])
		if len(end) != 0 || !ended {
			return nil, false
		}
		data = after
	}
}
