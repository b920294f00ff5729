package capture

import (
	"errors"
	"net/http"
	"strings"
)

// ErrCapture is what errors of this package wrap: no request could be read from
// the input. They name lines, options and headers, never a value, which may be
// a token or personal data.
var ErrCapture = errors.New("no request can be read")

// MaxSize is the largest input, in bytes. It is far above any request to a
// bank, and keeps a wrongly named file from being read for minutes.
const MaxSize = 32 << 20

// Form is how a request was written down.
type Form string

// The forms that [Parse] tells apart.
const (
	FormRaw  Form = "raw"  // an HTTP message
	FormCurl Form = "curl" // a curl command line
	FormLog  Form = "log"  // text or JSON around a request
)

// Request is one HTTP request.
type Request struct {
	// Form is how the source wrote it.
	Form Form
	// Method is the method with the source's spelling.
	Method string
	// Target is the request-target as on the wire: path and query, nothing
	// decoded. A source with an absolute URL gets a warning; the target is then
	// what follows the host.
	Target string
	// Scheme is "http" or "https" if the source tells, otherwise empty.
	Scheme string
	// Host is the Host header or :authority, otherwise the URL's host and port.
	// Empty: the source does not tell.
	Host string
	// Fields are the header fields in the source's order, Host among them if
	// it was sent as a header.
	Fields []Field
	// Body is the content, with a chunked coding undone but no compression.
	Body []byte
	// Warnings say what the source leaves open or what was put right, in the
	// order in which it was met.
	Warnings []Warning
}

// Field is one line of the header.
type Field struct {
	// Name is spelled as in the source.
	Name string
	// Raw is all that stands between the colon and the end of the line.
	Raw string
}

// Value is the field's value: Raw without the optional white space round it
// (RFC 9110 section 5.5).
func (f Field) Value() string { return trim(f.Raw) }

// Warning is something to know about a captured request.
type Warning struct {
	// Code names the kind for machines, such as "lf"; see the constants.
	Code string `json:"code"`
	// Text is a sentence for people, without values of the request.
	Text string `json:"text"`
}

// Codes of warnings.
const (
	WarnLF            = "lf"              // line ends are LF, not CRLF
	WarnMixedLineEnds = "mixed-line-ends" // some are CRLF, some LF
	WarnFolded        = "folded"          // a header's value went over several lines
	WarnMalformed     = "malformed"       // a line that is no header was left out
	WarnAbsolute      = "absolute-target" // the request line held a whole URL
	WarnNoVersion     = "no-version"      // the request line named no HTTP version
	WarnPseudo        = "pseudo-headers"  // written as HTTP/2 pseudo-headers
	WarnChunked       = "chunked"         // the chunked coding was undone, or could not be
	WarnFinalNewline  = "final-newline"   // a newline after the body was taken for the editor's
	WarnLength        = "content-length"  // Content-Length and body disagree
	WarnNoLength      = "no-length"       // a body without Content-Length
	WarnMore          = "more"            // the source holds more requests
	WarnNotExact      = "not-exact"       // the source cannot tell the exact bytes
	WarnCurlAdds      = "curl-adds"       // headers that curl adds by itself
	WarnIgnored       = "ignored"         // options that do not show in the request
	WarnShell         = "shell"           // variables or commands of a shell, left as written
)

// Values are the values of a header in any spelling of its name, in order.
func (r *Request) Values(name string) []string {
	var values []string
	for _, f := range r.Fields {
		if strings.EqualFold(f.Name, name) {
			values = append(values, f.Value())
		}
	}
	return values
}

// Get is the first value of a header in any spelling, and whether it is there.
func (r *Request) Get(name string) (string, bool) {
	if values := r.Values(name); len(values) > 0 {
		return values[0], true
	}
	return "", false
}

// Header gives the fields with the spelling of the source, Host left out, as
// net/http does. Values are trimmed.
func (r *Request) Header() http.Header {
	h := make(http.Header, len(r.Fields))
	for _, f := range r.Fields {
		if !strings.EqualFold(f.Name, "Host") {
			h[f.Name] = append(h[f.Name], f.Value())
		}
	}
	return h
}

// URL is the absolute URL, or "" if the host is not known. A scheme that is not
// known is https.
func (r *Request) URL() string {
	if r.Host == "" {
		return ""
	}
	scheme := r.Scheme
	if scheme == "" {
		scheme = "https"
	}
	return scheme + "://" + r.Host + r.Target
}

// warn adds a warning unless one of the same text is there.
func (r *Request) warn(code, text string) {
	for _, w := range r.Warnings {
		if w.Text == text {
			return
		}
	}
	r.Warnings = append(r.Warnings, Warning{Code: code, Text: text})
}

// fold joins a line that goes on with the last header's (obs-fold, RFC 9112
// section 5.2): with a space.
func (r *Request) fold(line string) {
	last := &r.Fields[len(r.Fields)-1]
	last.Raw += " " + trim(line)
	r.warn(WarnFolded, "header "+last.Name+" goes over several lines; they were joined with a space")
}

func (r *Request) has(name string) bool {
	_, ok := r.Get(name)
	return ok
}

func trim(s string) string { return strings.Trim(s, " \t") }

// isToken says whether s can be a method or a header's name (RFC 9110 section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
