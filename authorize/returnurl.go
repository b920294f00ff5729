package authorize

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxReturnURL bounds a return URL, in bytes.
const maxReturnURL = 2048

// ErrReturnURL means that a return URL is not on the allow-list, or has a form
// that could be read as another address than the one that was judged.
var ErrReturnURL = errors.New("return URL is not allowed")

// returnURL is an address in the one form that is both judged and used.
type returnURL struct {
	origin string // scheme://host[:port], in lower case, without a default port
	path   string // escaped, without dot segments, beginning with /
	query  string // as it came
}

// CheckReturnURLs reports every entry of an allow-list that cannot work. An entry
// is an origin and a path prefix, such as https://app.example/bank: it allows
// this path and all below it, with any query. https only, except on a loopback
// address. The errors wrap [ErrReturnURL].
func CheckReturnURLs(entries []string) error {
	var errs []error
	for i, entry := range entries {
		if _, err := parseEntry(entry); err != nil {
			errs = append(errs, fmt.Errorf("entry %d: %w", i+1, err))
		}
	}
	return errors.Join(errs...)
}

func parseEntry(entry string) (returnURL, error) {
	u, err := parseReturnURL(entry)
	if err == nil && strings.Contains(entry, "?") {
		err = refuseReturn("an entry of the allow-list has no query: any is allowed")
	}
	return u, err
}

// matchReturnURL returns the canonical form of an address that an entry of the
// allow-list covers.
func matchReturnURL(raw string, entries []string) (string, error) {
	u, err := parseReturnURL(raw)
	if err != nil {
		return "", err
	}
	if err := checkReturnQuery(u.query); err != nil {
		return "", err
	}
	for _, entry := range entries {
		// An entry that cannot work allows nothing; CheckReturnURLs tells of it.
		if allowed, err := parseEntry(entry); err == nil && allowed.covers(u) {
			return u.String(), nil
		}
	}
	return "", refuseReturn("no entry of return_urls has its origin and begins its path")
}

func (u returnURL) String() string {
	if u.query == "" {
		return u.origin + u.path
	}
	return u.origin + u.path + "?" + u.query
}

// covers reports whether other has the same origin and a path at or below u's.
func (u returnURL) covers(other returnURL) bool {
	if u.origin != other.origin {
		return false
	}
	rest, ok := strings.CutPrefix(other.path, u.path)
	return ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(u.path, "/"))
}

// parseReturnURL reads an address strictly. Browsers repair what they are given
// (backslashes, control characters, missing slashes), each in its own way, so
// whatever is not plain RFC 3986 is refused instead of understood.
func parseReturnURL(raw string) (returnURL, error) {
	switch {
	case raw == "":
		return returnURL{}, refuseReturn("it is missing")
	case len(raw) > maxReturnURL:
		return returnURL{}, refuseReturn("it is longer than " + strconv.Itoa(maxReturnURL) + " bytes")
	case strings.ContainsFunc(raw, notInURL):
		return returnURL{}, refuseReturn("it holds a character that must be percent-encoded in a URL")
	case strings.Contains(raw, "#"):
		return returnURL{}, refuseReturn("it has a fragment")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil, u.Opaque != "", u.Host == "":
		return returnURL{}, refuseReturn("it is no absolute URL: write https://host/path")
	case u.User != nil:
		return returnURL{}, refuseReturn("it holds a user name")
	}
	origin, err := originOf(u)
	if err != nil {
		return returnURL{}, err
	}
	path, err := cleanPath(u.EscapedPath())
	if err != nil {
		return returnURL{}, err
	}
	return returnURL{origin: origin, path: path, query: u.RawQuery}, nil
}

// notInURL reports a character that RFC 3986 section 2 has no place for.
func notInURL(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return r > 0x7e || !strings.ContainsRune("-._~:/?#[]@!$&'()*+,;=%", r)
}

// originOf judges scheme, host and port.
func originOf(u *url.URL) (string, error) {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	address, err := netip.ParseAddr(host)
	isAddress := err == nil
	switch {
	case strings.HasPrefix(u.Host, "["):
		if !isAddress || !address.Is6() || address.Zone() != "" {
			return "", refuseReturn("its host is no IPv6 address")
		}
		host = "[" + address.String() + "]"
	case !isAddress && !isName(host):
		return "", refuseReturn("its host is no plain host name")
	}
	if strings.HasSuffix(u.Host, ":") {
		return "", refuseReturn("its port is empty")
	}
	if port != "" {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil || number == 0 || port[0] == '0' {
			return "", refuseReturn("its port is no number from 1 to 65535")
		}
	}
	loopback := host == "localhost" || isAddress && address.IsLoopback()
	switch {
	case u.Scheme == "https" && port == "443", u.Scheme == "http" && loopback && port == "80":
		port = ""
	case u.Scheme == "https", u.Scheme == "http" && loopback:
	default:
		return "", refuseReturn("it is not https (http only on a loopback address)")
	}
	if port != "" {
		port = ":" + port
	}
	return u.Scheme + "://" + host + port, nil
}

// isName reports whether a host is made of plain labels. A last label of digits
// makes browsers read an IPv4 address in one of its old forms (127.1, 0x7f.1).
func isName(host string) bool {
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
		}) {
			return false
		}
	}
	last := labels[len(labels)-1]
	return strings.Trim(last, "0123456789") != "" && !strings.HasPrefix(last, "0x")
}

// cleanPath resolves dot segments. What servers disagree about is refused: empty
// segments, encoded slashes, backslashes, percent and control characters, and
// dots behind a path parameter.
func cleanPath(escaped string) (string, error) {
	segments := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
	var kept []string
	for i, segment := range segments {
		name, err := url.PathUnescape(segment)
		last := i == len(segments)-1
		switch before, _, _ := strings.Cut(name, ";"); {
		case segment == "" && !last:
			return "", refuseReturn("its path has an empty segment")
		case err != nil, !utf8.ValidString(name):
			return "", refuseReturn("its path is not UTF-8, percent-encoded")
		case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`/\%`, r) }):
			return "", refuseReturn("its path holds an encoded slash, backslash, percent or control character")
		case before != name && (before == "." || before == ".."):
			return "", refuseReturn("its path hides a dot segment")
		case name == ".":
			segment = ""
		case name == "..":
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
			segment = ""
		}
		if segment != "" || last {
			kept = append(kept, segment)
		}
	}
	return "/" + strings.Join(kept, "/"), nil
}

// checkReturnQuery refuses a query that already says what only the sidecar says.
func checkReturnQuery(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return refuseReturn("its query cannot be read")
	}
	for name := range values {
		// Some frameworks (PHP) read these characters in a name as underscores.
		plain := strings.NewReplacer(" ", "_", ".", "_", "[", "_", "-", "_").Replace(strings.TrimSpace(name))
		if strings.HasPrefix(strings.ToLower(plain), "sidecar_") {
			return refuseReturn("its query holds a parameter whose name begins with sidecar_")
		}
	}
	return nil
}

// returnTo is the address that the PSU is sent on to, with the flow's end.
func returnTo(canonical, grant string, result Result, code string) string {
	parameters := "sidecar_grant=" + queryEscape(grant) + "&sidecar_result=" + string(result)
	if code != "" {
		parameters += "&sidecar_error=" + queryEscape(code)
	}
	switch {
	case !strings.Contains(canonical, "?"):
		return canonical + "?" + parameters
	case strings.HasSuffix(canonical, "?"), strings.HasSuffix(canonical, "&"):
		return canonical + parameters
	}
	return canonical + "&" + parameters
}

// queryEscape writes a space as %20, which every reader of a query understands.
func queryEscape(value string) string {
	return strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}

func refuseReturn(reason string) error { return fmt.Errorf("%w: %s", ErrReturnURL, reason) }
