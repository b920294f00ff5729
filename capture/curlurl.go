package capture

import (
	"fmt"
	"net/url"
	"strings"
)

// address is a URL as curl takes it apart.
type address struct{ host, path, query, user string }

func (c *curl) url(value string) error {
	c.urls = append(c.urls, value)
	return nil
}

// address reads the first URL. Nothing of path and query is decoded; what curl
// itself would change is.
func (c *curl) address(r *Request) (address, error) {
	text := c.urls[0]
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		scheme, rest = c.defaultScheme, text
	}
	r.Scheme = strings.ToLower(scheme)
	if r.Scheme != "http" && r.Scheme != "https" {
		return address{}, fmt.Errorf("%w: the URL is neither http nor https", ErrCapture)
	}
	if strings.ContainsFunc(rest, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return address{}, fmt.Errorf("%w: the URL holds a space or control character, which curl refuses", ErrCapture)
	}
	rest, _, _ = strings.Cut(rest, "#")
	var u address
	u.host, u.path = rest, "/"
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		u.host, u.path = rest[:i], rest[i:]
	}
	u.path, u.query, _ = strings.Cut(u.path, "?")
	if u.path == "" {
		u.path = "/"
	}
	if i := strings.LastIndexByte(u.host, '@'); i >= 0 {
		user, err := url.PathUnescape(u.host[:i])
		if err != nil {
			return u, fmt.Errorf("%w: the URL's user name is not percent-encoded", ErrCapture)
		}
		u.user, u.host = user, u.host[i+1:]
	}
	u.host = strings.TrimSuffix(u.host, map[string]string{"http": ":80", "https": ":443"}[r.Scheme])
	if u.host == "" {
		return u, fmt.Errorf("%w: the URL names no host", ErrCapture)
	}
	if strings.ContainsAny(u.host+u.path, "{}[]") && !strings.HasPrefix(u.host, "[") {
		r.warn(WarnNotExact, "the URL holds braces or brackets, which curl expands unless -g is given; they were left as written")
	}
	r.Host = u.host
	if !c.pathAsIs {
		u.path = withoutDots(u.path)
	}
	if path := encodeHigh(u.path); path != u.path || encodeHigh(u.query) != u.query {
		u.path = path
		r.warn(WarnNotExact, "the URL holds characters outside ASCII, which versions of curl encode differently; write them as %XX")
	}
	return u, nil
}

// withQueries adds what -G and --url-query put into the query. curl up to 7
// writes their %XX in lower case there; capitals are what RFC 3986 asks for.
func (u address) withQueries(more []string) string {
	query := u.query
	for _, q := range more {
		if query != "" && q != "" {
			query += "&"
		}
		query += q
	}
	if query == "" {
		return u.path
	}
	return u.path + "?" + query
}

// withoutDots removes dot segments (RFC 3986 section 5.2.4).
func withoutDots(path string) string {
	var out []string
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		switch segment {
		case ".":
		case "..":
			if len(out) > 1 {
				out = out[:len(out)-1]
			}
		default:
			out = append(out, segment)
			continue
		}
		if last {
			out = append(out, "")
		}
	}
	return strings.Join(out, "/")
}

// encodeHigh writes bytes outside ASCII as %xx.
func encodeHigh(s string) string {
	var out strings.Builder
	for i := range len(s) {
		if s[i] < 0x80 {
			out.WriteByte(s[i])
		} else {
			fmt.Fprintf(&out, "%%%02x", s[i])
		}
	}
	return out.String()
}
