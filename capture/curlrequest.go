package capture

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// request puts together what curl would send.
func (c *curl) request() (*Request, error) {
	if len(c.urls) == 0 {
		return nil, fmt.Errorf("%w: the curl command names no URL", ErrCapture)
	}
	if len(c.urls) > 1 {
		c.warn(WarnMore, "the command names several URLs; only the first was read")
	}
	r := &Request{Form: FormCurl, Warnings: c.warnings}
	u, err := c.address(r)
	if err != nil {
		return nil, err
	}
	if c.get && c.hasData {
		c.queries = append(c.queries, string(c.body))
		c.body, c.hasData = nil, false
	}
	if r.Target = u.withQueries(c.queries); strings.Contains(strings.Join(c.queries, ""), "%") {
		r.warn(WarnNotExact, "versions of curl write %XX that -G or --url-query make in lower or upper case")
	}
	if c.target != "" {
		r.Target = c.target
	}
	r.Method = c.verb()
	r.Body = c.body
	c.compose(r, u)
	if len(c.ignored) > 0 {
		r.warn(WarnIgnored, "options that do not show in the request were ignored: "+strings.Join(slices.Sorted(maps.Keys(c.ignored)), " "))
	}
	if strings.ContainsAny(r.Target, " \t\r\n\x00") {
		return nil, fmt.Errorf("%w: the request-target holds a space or control character", ErrCapture)
	}
	return r, r.finish()
}

func (c *curl) verb() string {
	switch {
	case c.method != "":
		return c.method
	case c.head:
		return "HEAD"
	case c.isUpload:
		return "PUT"
	case c.hasData:
		return "POST"
	}
	return "GET"
}

// compose writes the header as curl does: its own fields first, each unless
// the command gives or removes it, then those of the command.
func (c *curl) compose(r *Request, u address) {
	var added []string
	own := func(name, value string, note bool) {
		for _, h := range c.headers {
			if n, _, _ := strings.Cut(strings.TrimSuffix(h, ";"), ":"); strings.EqualFold(trim(n), name) {
				if name == "Host" {
					break // stays in front
				}
				return
			}
		}
		r.Fields = append(r.Fields, Field{Name: name, Raw: " " + value})
		if note {
			added = append(added, name)
		}
	}
	host := u.host
	for _, h := range c.headers {
		if n, v, ok := strings.Cut(h, ":"); ok && strings.EqualFold(n, "Host") && trim(v) != "" {
			host = trim(v)
		}
	}
	own("Host", host, false)
	if credentials := c.credentials(r, u); credentials != "" {
		own("Authorization", credentials, false)
	}
	if c.rangeOf != "" {
		own("Range", "bytes="+c.rangeOf, false)
	}
	switch {
	case c.agent == nil:
		own("User-Agent", "curl", true) // its version is not known
	case *c.agent != "":
		own("User-Agent", *c.agent, false)
	}
	if c.isJSON {
		own("Content-Type", "application/json", true)
		own("Accept", "application/json", true)
	} else {
		own("Accept", "*/*", true)
	}
	if c.compressed {
		own("Accept-Encoding", "deflate, gzip, br, zstd", true) // as it was built
	}
	if c.refererText != "" {
		own("Referer", c.refererText, false)
	}
	if len(c.cookies) > 0 {
		own("Cookie", strings.Join(c.cookies, "; "), false)
	}
	for _, h := range c.headers {
		c.field(r, h)
	}
	if c.hasData || c.isUpload {
		own("Content-Length", strconv.Itoa(len(c.body)), false)
	}
	if c.hasData && !c.isJSON {
		own("Content-Type", "application/x-www-form-urlencoded", true)
	}
	if len(added) > 0 {
		r.warn(WarnCurlAdds, "headers that curl adds by itself: "+strings.Join(added, ", "))
	}
}

// field adds a header of the command. "Name:" removes, "Name;" is empty.
func (c *curl) field(r *Request, h string) {
	name, raw, ok := strings.Cut(h, ":")
	switch {
	case ok && strings.EqualFold(trim(name), "Host"), ok && trim(raw) == "":
	case ok && isToken(name) && !strings.ContainsAny(raw, "\r\n\x00"):
		r.Fields = append(r.Fields, Field{Name: name, Raw: raw})
	case !ok && strings.HasSuffix(h, ";") && isToken(strings.TrimSuffix(h, ";")):
		r.Fields = append(r.Fields, Field{Name: strings.TrimSuffix(h, ";")})
	default:
		r.warn(WarnMalformed, "a -H of the command is no header and was left out")
	}
}

func (c *curl) credentials(r *Request, u address) string {
	user := u.user
	if c.user != nil {
		user = *c.user
	}
	switch {
	case c.bearer != "":
		return "Bearer " + c.bearer
	case user == "":
		return ""
	case !strings.Contains(user, ":"):
		r.warn(WarnNotExact, "-u names no password, which curl would ask for")
		user += ":"
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user))
}
