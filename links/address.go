package links

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Rewriter changes the links of one bank's answers. It is safe for concurrent use.
type Rewriter struct {
	// host and path are those of the address that the app's paths are appended
	// to, path without a slash at its end.
	host, path string
	fields     []pattern
	headers    []string // in net/http's spelling
}

// Compile prepares a policy for a bank's base URL: an https URL without query.
func Compile(p Policy, base *url.URL) (*Rewriter, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if base == nil || base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("%w: the bank's address is no https URL", ErrPolicy)
	}
	w := &Rewriter{host: plainHost(base.Host), path: strings.TrimSuffix(base.EscapedPath(), "/")}
	for _, field := range p.Fields {
		w.fields = append(w.fields, newPattern(field))
	}
	for _, name := range p.Headers {
		for _, known := range knownHeaders {
			if strings.EqualFold(known, name) && !slices.Contains(w.headers, known) {
				w.headers = append(w.headers, known)
			}
		}
	}
	return w, nil
}

// Address is where the app reaches what the bank has at its base URL.
type Address struct {
	// Origin is scheme, "://" and host: "http://sidecar:8080".
	Origin string
	// Path is what stands in the place of the base URL's path, without a slash at
	// its end; it may be empty.
	Path string
}

// Valid reports whether links can be made with the address: origin and path are
// of characters that need no encoding, neither in a URL nor in JSON.
func (a Address) Valid() bool {
	rest, known := strings.CutPrefix(a.Origin, "https://")
	if !known {
		rest, known = strings.CutPrefix(a.Origin, "http://")
	}
	if !known || rest == "" {
		return false
	}
	host := strings.Trim(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]")
	path := a.Path == "" || a.Path[0] == '/' && !strings.HasPrefix(a.Path, "//") && !strings.HasSuffix(a.Path, "/")
	for i := range len(a.Path) {
		if c := a.Path[i]; c <= ' ' || c > '~' || strings.IndexByte("\"\\<>?#`{}|^", c) >= 0 {
			path = false
		}
	}
	return host == "" && path
}

// place says where a link leads that is to be rewritten: with is what to write
// instead of its first size bytes. ok is false for every other link: one to
// another host or with another scheme, one beside or above the base URL, one
// that is relative to the answer's own address (it works as it is), and one
// whose path a server might understand in another way than it stands there.
func (w *Rewriter) place(link string, to Address) (size int, with string, ok bool) {
	origin, path := 0, link
	switch {
	case hasPrefixFold(link, "https://"):
		origin = len("https://")
	case strings.HasPrefix(link, "//"):
		origin = len("//")
	case !strings.HasPrefix(link, "/"):
		return 0, "", false
	}
	if origin > 0 {
		end := strings.IndexAny(link[origin:], "/?#")
		if end < 0 {
			end = len(link) - origin
		}
		if plainHost(link[origin:origin+end]) != w.host {
			return 0, "", false
		}
		origin += end
		path, with = link[origin:], to.Origin
	}
	tail, ok := strings.CutPrefix(path, w.path)
	if !ok || tail != "" && strings.IndexByte("/?#", tail[0]) < 0 || tail == "" && w.path == "" && origin == 0 {
		return 0, "", false
	}
	if !plainTail(tail) {
		return 0, "", false
	}
	with += to.Path
	if with == "" && !strings.HasPrefix(tail, "/") {
		with = "/" // an address of nothing would be the answer's own
	}
	size = origin + len(w.path)
	if strings.ContainsFunc(link[:size], func(r rune) bool { return r > '~' }) || link[:size] == with {
		return 0, "", false // letters that only look like the bank's, or nothing to change
	}
	return size, with, true
}

// plainTail reports whether the rest of a link's path means what it says: no
// dot segments, however hidden, and no characters that are none of a URL.
func plainTail(tail string) bool {
	for i := range len(tail) {
		if tail[i] <= ' ' || tail[i] == 0x7f || tail[i] == '\\' {
			return false
		}
	}
	path := tail
	if end := strings.IndexAny(path, "?#"); end >= 0 {
		path = path[:end]
	}
	if strings.HasPrefix(path, "//") {
		return false // with an empty path before it, this would be another host
	}
	if !strings.ContainsAny(path, ".%") {
		return true
	}
	path = strings.NewReplacer("%2e", ".", "%2E", ".", "%2f", "/", "%2F", "/", "%5c", "/", "%5C", "/", "%3b", ";", "%3B", ";").Replace(path)
	for segment := range strings.SplitSeq(path, "/") {
		if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." {
			return false
		}
	}
	return true
}

// plainHost is a host as it is compared: in lower case, without the port 443.
func plainHost(host string) string { return strings.TrimSuffix(strings.ToLower(host), ":443") }

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
