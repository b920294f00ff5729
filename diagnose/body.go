package diagnose

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"io"
	"iter"
	"unicode/utf8"
)

// form is a body as it may have been when it was hashed or signed.
type form struct {
	data []byte
	code Code
	// what completes "Digest is of …".
	what string
}

// maxInflated bounds what a hostile body can unpack to.
const maxInflated = 16 << 20

// forms are the body itself, then what clients and gateways make of one. Most
// callers stop at the first, and packing is dear.
func forms(body []byte) iter.Seq[form] {
	return func(yield func(form) bool) {
		if !yield(form{data: body}) {
			return
		}
		for _, f := range otherForms(body) {
			if !yield(f) {
				return
			}
		}
	}
}

func otherForms(body []byte) []form {
	list := []form{{data: body}}
	add := func(data []byte, code Code, what string) {
		for _, f := range list {
			if bytes.Equal(f.data, data) {
				return
			}
		}
		list = append(list, form{data, code, what})
	}
	for _, plain := range inflated(body) {
		add(plain, DigestPlain, "the body before it was compressed")
	}
	if trimmed := bytes.TrimRight(body, "\r\n"); len(trimmed) != len(body) {
		add(trimmed, DigestNewline, "the body without the line end after it")
	}
	add(append(bytes.Clone(body), '\n'), DigestNewline, "the body with a line end (LF) after it")
	add(append(bytes.Clone(body), '\r', '\n'), DigestNewline, "the body with a line end (CRLF) after it")
	lf := bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))
	add(lf, DigestLineEnds, "the body with line ends LF, not CRLF")
	add(bytes.ReplaceAll(lf, []byte("\n"), []byte("\r\n")), DigestLineEnds, "the body with line ends CRLF, not LF")
	add(nil, DigestEmpty, "an empty body")
	add([]byte("{}"), DigestBraces, "{}, which some gateways take for a missing body")
	add(bytes.TrimSpace(body), DigestNewline, "the body without the white space round it")
	add(bytes.TrimPrefix(body, []byte("\ufeff")), DigestCharset, "the body without its byte order mark")
	rewritten(body, add)
	characters(body, add)
	if len(body) > 0 {
		for _, packed := range deflated(body) {
			add(packed, DigestCompressed, "the compressed body")
		}
	}
	return list[1:]
}

// rewritten are other spellings of the same JSON: what a proxy or a library
// makes of it that reads and writes it again.
func rewritten(body []byte, add func([]byte, Code, string)) {
	if !json.Valid(body) || len(body) > 1<<20 {
		return
	}
	const what = "the same JSON, written with other white space or order: something has read it and written it again"
	var out bytes.Buffer
	if json.Compact(&out, body) == nil {
		add(bytes.Clone(out.Bytes()), DigestJSON, what)
		add(spaced(out.Bytes()), DigestJSON, what)
	}
	for _, indent := range []string{"  ", "    ", "\t"} {
		out.Reset()
		if json.Indent(&out, body, "", indent) == nil {
			add(bytes.Clone(out.Bytes()), DigestJSON, what)
			add(append(bytes.Clone(out.Bytes()), '\n'), DigestJSON, what)
		}
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	if d.Decode(&value) == nil {
		out.Reset()
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		if e.Encode(value) == nil {
			add(bytes.TrimRight(out.Bytes(), "\n"), DigestJSON, what)
		}
	}
}

// spaced writes compact JSON with a space after colons and commas, as Python does.
func spaced(compact []byte) []byte {
	var out []byte
	text := false
	for i, c := range compact {
		out = append(out, c)
		if c == '"' && (i == 0 || !escapedQuote(compact[:i])) {
			text = !text
		}
		if !text && (c == ':' || c == ',') {
			out = append(out, ' ')
		}
	}
	return out
}

func escapedQuote(before []byte) bool {
	n := 0
	for n < len(before) && before[len(before)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// characters are the body in the other of the two usual character sets.
func characters(body []byte, add func([]byte, Code, string)) {
	const what = "the body in another character set"
	if !utf8.Valid(body) {
		out := make([]rune, len(body))
		for i, b := range body {
			out[i] = rune(b)
		}
		add([]byte(string(out)), DigestCharset, what)
		return
	}
	var latin, question []byte
	for _, r := range string(body) {
		if r > 0xff {
			latin = append(latin, '?')
		} else {
			latin = append(latin, byte(r))
		}
		if r < utf8.RuneSelf {
			question = append(question, byte(r))
		} else {
			question = append(question, '?')
		}
	}
	add(latin, DigestCharset, what)
	add(question, DigestCharset, what)
}

// inflated are what the body unpacks to.
func inflated(body []byte) [][]byte {
	var list [][]byte
	read := func(r io.Reader, err error) {
		if err != nil {
			return
		}
		plain, err := io.ReadAll(io.LimitReader(r, maxInflated))
		if err == nil && len(plain) > 0 && len(plain) < maxInflated {
			list = append(list, plain)
		}
	}
	gz, err := gzip.NewReader(bytes.NewReader(body))
	read(gz, err)
	zl, err := zlib.NewReader(bytes.NewReader(body))
	read(zl, err)
	if len(body) > 2 {
		read(flate.NewReader(bytes.NewReader(body)), nil)
	}
	return list
}

// deflated are the body packed as Go does; other libraries' bytes cannot be guessed.
func deflated(body []byte) [][]byte {
	if len(body) > 1<<20 {
		return nil
	}
	var list [][]byte
	for _, level := range []int{flate.DefaultCompression, flate.BestSpeed, flate.BestCompression} {
		var out bytes.Buffer
		if w, err := gzip.NewWriterLevel(&out, level); err == nil {
			_, _ = w.Write(body)
			_ = w.Close()
			list = append(list, bytes.Clone(out.Bytes()))
			for _, system := range []byte{0, 3} { // Java, Unix
				packed := bytes.Clone(out.Bytes())
				packed[9] = system
				list = append(list, packed)
			}
		}
		out.Reset()
		if w, err := zlib.NewWriterLevel(&out, level); err == nil {
			_, _ = w.Write(body)
			_ = w.Close()
			list = append(list, bytes.Clone(out.Bytes()))
		}
	}
	return list
}
