package headers

import "strings"

// isToken tells whether name is a field name (RFC 9110 sections 5.1 and 5.6.2).
func isToken(name string) bool {
	for i := range len(name) {
		if !isTokenChar(name[i]) {
			return false
		}
	}
	return name != ""
}

func isTokenChar(c byte) bool {
	switch {
	case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// isValue tells whether value holds no control characters but tabs (RFC 9110
// section 5.5). CR, LF and NUL would end or split the line that was signed.
func isValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func areValues(values []string) bool {
	for _, value := range values {
		if !isValue(value) {
			return false
		}
	}
	return true
}

// trim removes optional whitespace (RFC 9110 section 5.6.3), which net/http
// removes on HTTP/1.1 but not on HTTP/2, so that the signature would differ.
func trim(value string) string { return strings.Trim(value, " \t") }

// nominated tells whether a Connection header names a header as one of this
// connection only (RFC 9110 section 7.6.1).
func nominated(connection []string, name string) bool {
	for _, list := range connection {
		for list != "" {
			option, rest, _ := strings.Cut(list, ",")
			if strings.EqualFold(trim(option), name) {
				return true
			}
			list = rest
		}
	}
	return false
}
