package headers

import (
	"net/http"
	"strings"
)

// Explain says what becomes of a header of the application, and why, in words.
// key is in the spelling of net/http.
func (f *Filter) Explain(app http.Header, key string) (passes bool, reason string) {
	switch {
	case key == "Connection" || nominated(app["Connection"], key) || endsAtHop(key):
		return false, "ends at each hop (RFC 9110 section 7.6.1)"
	case strings.HasPrefix(key, "Sidecar-"):
		return false, "the app's word to the sidecar"
	case f.read[key]:
		return false, "read by the sidecar, which sends its own"
	case f.silent[key]:
		return false, "set by the profile or the configuration (headers.set, headers.make)"
	case (f.index[key] || f.matches(key)) && (!isToken(key) || !areValues(app[key])):
		return false, "cannot be put on the wire: control characters, or no header name"
	case f.index[key] && isAlways(key):
		return true, "belongs to the content or its negotiation"
	case f.index[key], f.matches(key):
		return true, "allowed (headers.allow)"
	}
	switch fateOf(key) {
	case own:
		return false, "made or decided by the sidecar"
	case forbidden:
		return false, "must never leave: internal, or the sidecar's to vouch for"
	}
	return false, "not allowed (headers.allow)"
}

func endsAtHop(key string) bool {
	switch key {
	case "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings", "Expect":
		return true
	}
	return strings.HasPrefix(key, "Proxy-")
}

func isAlways(key string) bool {
	for _, name := range always {
		if http.CanonicalHeaderKey(name) == key {
			return true
		}
	}
	return false
}
