package sidecar

import (
	"net/url"
	"strings"
)

// operation names the operation of a request to this ASPSP, by the path as a
// server resolves it: percent-encoded letters and dot segments do not hide an
// operation from its rules. ok is false if the path leads outside base_url. The
// path itself goes out as the app sent it.
func (a *ASPSP) operation(method string, u *url.URL, absolute bool) (name string, ok bool) {
	path := u.EscapedPath()
	if hidesDots(path) {
		return "", false
	}
	if !absolute {
		if a.hasTokenEndpoint() && (path == LocalTokenPath || a.tokenBelow != "" && path == a.tokenBelow) {
			return operationToken, true
		}
		if path != "" && path[0] != '/' {
			path = "/" + path // what is left after a prefix was stripped
		}
		if resolvePath(path) == path {
			return a.operations.Match(method, path), true
		}
		path = a.base.EscapedPath() + path
	}
	relative, token, ok := a.place(resolvePath(path))
	switch {
	case !ok:
		return "", false
	case token:
		return operationToken, true
	}
	return a.operations.Match(method, relative), true
}

// covers reports whether an absolute path belongs to this ASPSP.
func (a *ASPSP) covers(path string) bool {
	_, _, ok := a.place(resolvePath(path))
	return ok
}

// place says what a resolved path on the host of base_url is to this ASPSP: its
// token endpoint, or a path relative to base_url, or neither.
func (a *ASPSP) place(path string) (relative string, token, ok bool) {
	if a.tokenPath != "" && path == a.tokenPath {
		return "", true, true
	}
	relative, ok = below(path, a.basePath)
	return relative, false, ok
}

// hidesDots reports whether a path holds what some servers take for a dot
// segment and others do not: "..;x" (path parameters), "..%2f", "..%5c". Such a
// path has no meaning that could be judged here.
func hidesDots(escaped string) bool {
	if !strings.ContainsAny(escaped, "%;") {
		return false
	}
	decoded := strings.ToLower(decodeUnreserved(escaped))
	loosely := strings.NewReplacer("%2f", "/", "%5c", "/", "%3b", ";").Replace(decoded)
	count := 0
	for segment := range strings.SplitSeq(loosely, "/") {
		if name, _, _ := strings.Cut(segment, ";"); name == ".." {
			count++
		}
	}
	for segment := range strings.SplitSeq(decoded, "/") {
		if segment == ".." {
			count--
		}
	}
	return count > 0
}

// below returns what is left of a path after a base path, if it lies below it.
func below(path, base string) (relative string, ok bool) {
	relative, ok = strings.CutPrefix(path, base)
	return relative, ok && (relative == "" || relative[0] == '/')
}

// resolvePath decodes what need not be encoded (RFC 3986 section 6.2.2.2) and
// removes dot segments (section 5.2.4), as a server does before it looks for
// what is asked for.
func resolvePath(escaped string) string {
	if strings.IndexByte(escaped, '%') >= 0 {
		escaped = decodeUnreserved(escaped)
	}
	if !strings.Contains(escaped, "/.") {
		return escaped
	}
	var kept []string
	segments := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		switch segment {
		case ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, segment)
			continue
		}
		if last {
			kept = append(kept, "")
		}
	}
	return "/" + strings.Join(kept, "/")
}

// decodeUnreserved decodes percent-encoded letters, digits and "-._~".
func decodeUnreserved(escaped string) string {
	var out strings.Builder
	for i := 0; i < len(escaped); i++ {
		if escaped[i] == '%' && i+2 < len(escaped) {
			if c, ok := unhex(escaped[i+1], escaped[i+2]); ok && unreserved(c) {
				out.WriteByte(c)
				i += 2
				continue
			}
		}
		out.WriteByte(escaped[i])
	}
	return out.String()
}

func unhex(high, low byte) (byte, bool) {
	h, l := strings.IndexByte(hexDigits, high|0x20), strings.IndexByte(hexDigits, low|0x20)
	return byte(h<<4 | l), h >= 0 && l >= 0
}

const hexDigits = "0123456789abcdef"

func unreserved(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}
