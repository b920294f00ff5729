package links

import (
	"slices"
	"strings"
)

// forBrowser are the members under which banks put addresses that the PSU's own
// browser has to open: Berlin Group 1.3.x section 4.10, STET 1.4.x section 4.
var forBrowser = []string{"scaRedirect", "scaOAuth", "consentApproval"}

func isForBrowser(name []byte) bool {
	return slices.ContainsFunc(forBrowser, func(known string) bool { return known == string(name) })
}

// pattern is the end of a path of members.
type pattern struct {
	names  []string
	except bool
}

func newPattern(field string) pattern {
	path, except := strings.CutPrefix(field, "!")
	return pattern{strings.Split(path, "."), except}
}

// fits reports whether a path of members ends as the pattern does.
func (p *pattern) fits(path [][]byte) bool {
	if len(path) < len(p.names) {
		return false
	}
	for i, name := range path[len(path)-len(p.names):] {
		if p.names[i] != "*" && p.names[i] != string(name) {
			return false
		}
	}
	return true
}

// looksAt reports whether the policy names the member at the end of a path.
func (w *Rewriter) looksAt(path [][]byte) bool {
	named := false
	for i := range w.fields {
		if !w.fields[i].fits(path) {
			continue
		}
		if w.fields[i].except {
			return false
		}
		named = true
	}
	return named && !slices.ContainsFunc(path, isForBrowser)
}
