package capture

import (
	"bytes"
	"regexp"
	"strings"
)

// block is a request written over several lines of a log.
type block struct {
	lines               []string
	start               int
	prefix, requestLine string
}

var (
	// headerLine is a header as logs show it; a name begins with a letter, so
	// that no time of day is taken for one.
	headerLine = regexp.MustCompile("^[A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]*:")
	// statusLine is where the bank's answer begins.
	statusLine = regexp.MustCompile(`(^|[\s<"])(?i:HTTP)/[0-9](\.[0-9])? [1-5][0-9][0-9]\b`)
	// otherEntry is a line that does not belong to a body: the next entry of
	// the log, or a mark that ends the request.
	otherEntry = regexp.MustCompile(`^(\[?\d{4}[-/]\d\d[-/]\d\d[T ]|\d\d:\d\d:\d\d|--> END|<-- |< |\* |={3,}|-{3,}|(TRACE|DEBUG|INFO|WARN|ERROR)\b)`)
	// mark is what stands between a log's own columns and the message.
	mark = regexp.MustCompile(`(-->|>>|=>|>|")[ \t"]*$`)
	// columns are times, levels, threads and the like before a message.
	columns = regexp.MustCompile(`^(\[[^\]]*\]|[0-9][0-9T:.,/Z+-]*|[A-Z]{4,5}:?|[|>*-]+)([ \t]+(\[[^\]]*\]|[0-9][0-9T:.,/Z+-]*|[A-Z]{4,5}:?|[|>*-]+))*[ \t]+`)
	digits  = regexp.MustCompile(`[0-9]+`)
	// offset is the first column of curl --trace-ascii.
	offset = regexp.MustCompile(`^[0-9a-f]{4,8}: $`)
)

// wireEnd are the line ends that Apache's HttpClient writes out, within
// quotation marks of its own.
var wireEnd = strings.NewReplacer("[\\r]", "\r", "[\\n]", "\n")

// strip takes the log's columns off a line; ok says whether they were there.
type strip func(line string) (content string, ok bool)

// like strips what looks as prefix does, with any numbers in it.
func like(prefix string) strip {
	blanks := len(prefix) - len(strings.TrimRight(prefix, " \t"))
	pattern := digits.ReplaceAllString(regexp.QuoteMeta(prefix[:len(prefix)-blanks]), "[0-9]+")
	if offset.MatchString(prefix) {
		pattern = "[0-9a-f]{4,8}:"
	}
	// The blanks at its end are missing where a tool trims empty lines.
	expression, err := regexp.Compile("^" + pattern + "(?:" + regexp.QuoteMeta(prefix[len(prefix)-blanks:]) + "|[ \t]*$)")
	if err != nil {
		return func(line string) (string, bool) { return line, false }
	}
	return func(line string) (string, bool) {
		at := expression.FindStringIndex(line)
		if at == nil {
			return line, false
		}
		return line[at[1]:], true
	}
}

// find chooses how the lines after the request line begin: as that one did, as
// it did but for its mark, with other columns, or with blanks or nothing.
func (b *block) find() (s strip, prefixed bool) {
	var ways []strip
	if b.prefix != "" {
		ways = append(ways, like(b.prefix))
		if at := mark.FindStringIndex(b.prefix); at != nil {
			ways = append(ways, like(b.prefix[:at[0]]))
		}
	}
	ways = append(ways, func(line string) (string, bool) {
		at := columns.FindStringIndex(line)
		if at == nil {
			return line, false
		}
		return line[at[1]:], true
	})
	for n := 1; n <= 3 && b.start+n < len(b.lines); n++ {
		line := b.line(b.start + n)
		for _, way := range ways {
			if content, ok := way(line); ok && headerLine.MatchString(content) {
				return way, true
			}
		}
	}
	indent := ""
	if b.start+1 < len(b.lines) {
		next := b.line(b.start + 1)
		indent = next[:len(next)-len(strings.TrimLeft(next, " \t"))]
	}
	return func(line string) (string, bool) { return strings.TrimPrefix(line, indent), true }, false
}

func (b *block) line(i int) string { return strings.TrimSuffix(b.lines[i], "\r") }

// read gives the request, and the last line that was looked at for it.
func (b *block) read() (*Request, int) {
	r := &Request{Form: FormLog}
	if r.requestLine(b.requestLine) != nil {
		return nil, b.start
	}
	way, prefixed := b.find()
	i := b.start + 1
	ended := false
	for ; i < len(b.lines) && !ended; i++ {
		line := b.line(i)
		content, ok := way(line)
		content, _ = wire(content)
		content, _, _ = strings.Cut(content, "\n")
		content = strings.TrimRight(content, "\r")
		switch {
		case statusLine.MatchString(line):
			i--
			ended = true
		case !ok: // another entry between: threads write at the same time
		case trim(content) == "":
			b.body(r, way, prefixed, i+1)
			ended = true
		case headerLine.MatchString(content):
			name, raw, _ := strings.Cut(content, ":")
			r.Fields = append(r.Fields, Field{Name: name, Raw: raw})
		case (content[0] == ' ' || content[0] == '\t') && len(r.Fields) > 0:
			r.fold(content)
		case !prefixed:
			i--
			ended = true
		}
	}
	if r.finish() != nil {
		return nil, b.start
	}
	return r, min(i-1, len(b.lines)-1)
}

// wire undoes how Apache's HttpClient writes lines: "…[\r][\n]".
func wire(content string) (string, bool) {
	trimmed := strings.TrimRight(content, " \t")
	if !strings.HasSuffix(trimmed, `"`) {
		return content, false
	}
	inner := strings.TrimSuffix(trimmed, `"`)
	if !strings.Contains(inner, "[\\") && !strings.HasPrefix(inner, "{") && !strings.HasPrefix(inner, "[") {
		return content, false
	}
	if strings.HasSuffix(inner, "[\\n]") || strings.HasSuffix(inner, "[\\r]") || !strings.HasPrefix(inner, "{") {
		return wireEnd.Replace(inner), true
	}
	return inner, true
}

// body reads the lines after the empty one.
func (b *block) body(r *Request, way strip, prefixed bool, from int) {
	length, known := r.contentLength()
	var body strings.Builder
	for i := from; i < len(b.lines); i++ {
		content, ok := way(b.line(i))
		if known && body.Len() >= length || prefixed && !ok {
			break
		}
		if statusLine.MatchString(b.line(i)) || otherEntry.MatchString(content) || otherEntry.MatchString(b.line(i)) && !prefixed {
			break
		}
		if exact, isWire := wire(content); isWire && prefixed {
			body.WriteString(exact)
			continue
		}
		body.WriteString(content)
		if i+1 < len(b.lines) {
			body.WriteString("\n")
		}
	}
	text := []byte(body.String())
	switch {
	case known && len(text) > length:
		text = text[:length]
	case !known:
		text = bytes.TrimRight(text, "\r\n")
	}
	if known && length > 0 && len(text) == 0 {
		r.warn(WarnLength, "the log does not hold the body, although Content-Length says that there was one")
		return
	}
	r.takeBody(text)
}
