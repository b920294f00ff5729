package profiles

import "strings"

// reads tells whether an escaped segment stands for text (RFC 3986 section 2.1).
func reads(escaped, text string) bool {
	for i := range len(text) {
		if escaped == "" {
			return false
		}
		c := escaped[0]
		escaped = escaped[1:]
		if c == '%' {
			if len(escaped) < 2 || !isHex(escaped[0]) || !isHex(escaped[1]) {
				return false
			}
			c = unhex(escaped[0])<<4 | unhex(escaped[1])
			escaped = escaped[2:]
		}
		if c != text[i] {
			return false
		}
	}
	return escaped == ""
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

func hasDots(path string) bool {
	for more := true; more; {
		var part string
		if part, path, more = strings.Cut(path, "/"); len(part) <= len("%2e%2e") && (reads(part, ".") || reads(part, "..")) {
			return true
		}
	}
	return false
}
