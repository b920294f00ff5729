package signer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// escapeJDK2253 writes a value as X500Principal.getName() does. Beyond RFC 2253
// section 2.4 it escapes "=" and "#" everywhere, and every space at both ends.
func escapeJDK2253(v string) string {
	body := strings.TrimLeft(v, " ")
	lead := len(v) - len(body)
	body = strings.TrimRight(body, " ")
	trail := len(v) - lead - len(body)
	var out strings.Builder
	out.WriteString(strings.Repeat(`\ `, lead))
	for _, r := range body {
		switch {
		case r == 0:
			out.WriteString(`\00`)
		case strings.ContainsRune(`,=+<>#;"\`, r):
			out.WriteByte('\\')
			fallthrough
		default:
			out.WriteRune(r)
		}
	}
	out.WriteString(strings.Repeat(`\ `, trail))
	return out.String()
}

// escapeJDKQuoting writes a value as getName(RFC1779) and toString() do: in
// quotation marks if it holds a special character, begins or ends with a space
// or has two in a row. A value that has quotation marks at both ends already
// is left alone.
func escapeJDKQuoting(v string) string {
	if len(v) > 1 && v[0] == '"' && v[len(v)-1] == '"' {
		return `"` + escapeBackslashed(v[1:len(v)-1]) + `"`
	}
	quote := strings.ContainsAny(v, ",+=\n<>#;\\\"") ||
		strings.HasPrefix(v, " ") || strings.HasSuffix(v, " ") || strings.Contains(v, "  ")
	if v = escapeBackslashed(v); quote {
		return `"` + v + `"`
	}
	return v
}

func escapeBackslashed(v string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v)
}

// escapeOpenSSL writes a value as -nameopt RFC2253 does: RFC 2253 escapes, and
// control and non-ASCII bytes as \XX.
func escapeOpenSSL(v string) string { return opensslEscape(v, true) }

// escapeOpenSSLUTF8 is the same with -nameopt RFC2253,utf8,-esc_msb.
func escapeOpenSSLUTF8(v string) string { return opensslEscape(v, false) }

func opensslEscape(v string, msb bool) string {
	var out strings.Builder
	for i := range len(v) {
		c := v[i]
		switch {
		case strings.IndexByte(`,+"\<>;`, c) >= 0,
			c == ' ' && (i == 0 || i == len(v)-1), c == '#' && i == 0:
			out.WriteByte('\\')
			out.WriteByte(c)
		case c < ' ' || c == 0x7f || msb && c >= utf8.RuneSelf:
			fmt.Fprintf(&out, `\%02X`, c)
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

// escapeOpenSSLQuoting writes a value as -nameopt oneline does, which is the
// default since OpenSSL 3: as [escapeOpenSSL], but in quotation marks instead
// of backslashes where those suffice.
func escapeOpenSSLQuoting(v string) string {
	var out strings.Builder
	quote := false
	for i := range len(v) {
		c := v[i]
		switch {
		case c == '"' || c == '\\':
			out.WriteByte('\\')
			out.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&out, `\%02X`, c)
		default:
			quote = quote || strings.IndexByte(`,+<>;`, c) >= 0 ||
				c == ' ' && (i == 0 || i == len(v)-1) || c == '#' && i == 0
			out.WriteByte(c)
		}
	}
	if quote {
		return `"` + out.String() + `"`
	}
	return out.String()
}

// escape4514 writes a value as RFC 4514 section 2.4 has it, with no escape that
// it does not demand.
func escape4514(v string) string {
	var out strings.Builder
	for i, r := range v {
		switch {
		case r == 0:
			out.WriteString(`\00`)
			continue
		case strings.ContainsRune(`",+;<>\`, r),
			r == ' ' && (i == 0 || i == len(v)-1), r == '#' && i == 0:
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}
