package capture

import (
	"bytes"
	"fmt"
	"strings"
)

// ParseRaw reads an HTTP message: HTTP/1.1 as on the wire, the same with LF for
// CRLF as editors and mails leave it, or HTTP/2 with its pseudo-headers written
// out. Errors wrap [ErrCapture].
func ParseRaw(data []byte) (*Request, error) {
	if err := checkSize(data); err != nil {
		return nil, err
	}
	r := &Request{Form: FormRaw}
	rest := bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\ufeff")), "\r\n")
	head := &head{request: r}
	body, err := head.read(rest)
	if err != nil {
		return nil, err
	}
	if err := r.finish(); err != nil {
		return nil, err
	}
	r.takeBody(body)
	return r, nil
}

// head reads the lines up to the empty one.
type head struct {
	request  *Request
	crlf, lf int
	started  bool // the request line or a pseudo-header was read
}

// read gives what follows the empty line.
func (h *head) read(data []byte) (body []byte, err error) {
	for number := 1; len(data) > 0; number++ {
		line, rest, crlf, ended := splitLine(data)
		data = rest
		switch {
		case !ended:
		case crlf:
			h.crlf++
		default:
			h.lf++
		}
		if len(line) == 0 {
			break
		}
		if err := h.line(string(line), number); err != nil {
			return nil, err
		}
	}
	switch {
	case h.lf > 0 && h.crlf > 0:
		h.request.warn(WarnMixedLineEnds, "some line ends of the head are CRLF and some are LF")
	case h.lf > 0:
		h.request.warn(WarnLF, "line ends are LF: on the wire they are CRLF, so the file is not byte for byte what was sent")
	}
	return data, nil
}

func (h *head) line(line string, number int) error {
	r := h.request
	switch {
	case line[0] == ':':
		h.started = true
		r.warn(WarnPseudo, "the request is written with HTTP/2 pseudo-headers")
		return r.pseudoHeader(line, number)
	case !h.started:
		h.started = true
		return r.requestLine(line)
	case line[0] == ' ' || line[0] == '\t':
		if len(r.Fields) == 0 {
			return nil
		}
		r.fold(line)
		return nil
	}
	name, raw, ok := strings.Cut(line, ":")
	if trimmed := strings.TrimRight(name, " \t"); trimmed != name && isToken(trimmed) {
		r.warn(WarnMalformed, fmt.Sprintf("header %s has a space before its colon", trimmed))
		name = trimmed
	}
	if !ok || !isToken(name) {
		r.warn(WarnMalformed, fmt.Sprintf("line %d is no header and was left out", number))
		return nil
	}
	r.Fields = append(r.Fields, Field{Name: name, Raw: raw})
	return nil
}

// requestLine reads METHOD target HTTP/1.1.
func (r *Request) requestLine(line string) error {
	words := strings.Fields(line)
	if n := len(words); n > 0 && len(words[n-1]) > 5 && strings.EqualFold(words[n-1][:5], "HTTP/") {
		words = words[:n-1]
	} else {
		r.warn(WarnNoVersion, "the request line names no HTTP version")
	}
	if len(words) != 2 || !isToken(words[0]) {
		return fmt.Errorf("%w: the first line is not METHOD request-target HTTP/1.1", ErrCapture)
	}
	r.Method = words[0]
	return r.setTarget(words[1])
}

// setTarget takes a request-target, or a whole URL apart.
func (r *Request) setTarget(target string) error {
	if scheme, after, ok := strings.Cut(target, "://"); ok && (strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http")) {
		r.Scheme = strings.ToLower(scheme)
		target, _, _ = strings.Cut(after, "#")
		host := target
		if i := strings.IndexAny(target, "/?"); i >= 0 {
			host, target = target[:i], target[i:]
		} else {
			target = ""
		}
		if _, after, ok := strings.Cut(host, "@"); ok {
			host = after
		}
		if host == "" {
			return fmt.Errorf("%w: the URL names no host", ErrCapture)
		}
		r.Host = host
		if !strings.HasPrefix(target, "/") {
			target = "/" + target
		}
		r.warn(WarnAbsolute, "the request line holds a whole URL; the request-target was taken to be what follows the host")
	}
	if !strings.HasPrefix(target, "/") && target != "*" || strings.ContainsAny(target, " \t\r\n\x00") {
		return fmt.Errorf("%w: the request-target does not begin with /, or holds a space or control character", ErrCapture)
	}
	r.Target = target
	return nil
}

func (r *Request) pseudoHeader(line string, number int) error {
	name, value, ok := strings.Cut(line[1:], ":")
	if !ok {
		return fmt.Errorf("%w: line %d is a pseudo-header without a value", ErrCapture, number)
	}
	value = trim(value)
	switch trim(name) {
	case "method":
		r.Method = value
	case "path":
		return r.setTarget(value)
	case "authority":
		r.Host = value
	case "scheme":
		r.Scheme = strings.ToLower(value)
	default:
		r.warn(WarnMalformed, fmt.Sprintf("line %d is an unknown pseudo-header and was left out", number))
	}
	return nil
}

// finish checks that there is a request, and takes the host from its header.
func (r *Request) finish() error {
	if !isToken(r.Method) || r.Target == "" {
		return fmt.Errorf("%w: there is no method or no request-target", ErrCapture)
	}
	if host, ok := r.Get("Host"); ok {
		r.Host = host
	}
	return nil
}
