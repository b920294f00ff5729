package signer

import "strings"

// isTokenByte reports whether c may stand in a header name (RFC 9110 section 5.6.2).
func isTokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c < 0x80 && strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

// isParameterName allows what banks use beyond a token: "(created)".
func isParameterName(s string) bool {
	if inner, ok := strings.CutPrefix(s, "("); ok {
		if inner, ok = strings.CutSuffix(inner, ")"); ok {
			return isToken(inner)
		}
	}
	return isToken(s)
}

// isPlainText reports whether s can stand between quotation marks as it is.
func isPlainText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return true
}

func isOperation(s string) bool {
	for i := range len(s) {
		if c := s[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-') {
			return false
		}
	}
	return s != ""
}

func isMethod(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return s != ""
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// equalFold compares in ASCII only: strings.EqualFold takes the Kelvin sign
// for a k, which no HTTP server does.
func equalFold(lower, s string) bool {
	return len(lower) == len(s) && hasPrefixFold(s, lower)
}

func hasPrefixFold(s, lower string) bool {
	if len(s) < len(lower) {
		return false
	}
	for i := range len(lower) {
		if lowerByte(s[i]) != lowerByte(lower[i]) {
			return false
		}
	}
	return true
}

// compareFold orders by the lower-case spelling.
func compareFold(a, b string) int {
	for i := range min(len(a), len(b)) {
		if x, y := lowerByte(a[i]), lowerByte(b[i]); x != y {
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
}

func appendLower(dst []byte, s string) []byte {
	for i := range len(s) {
		dst = append(dst, lowerByte(s[i]))
	}
	return dst
}

// hasControl reports whether s holds a control character of ASCII. HTAB counts
// unless tab is true: inside a header value it is harmless (RFC 9110 section 5.5).
func hasControl(s string, tab bool) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && !(tab && c == '\t') || c == 0x7f {
			return true
		}
	}
	return false
}
