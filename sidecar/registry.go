package sidecar

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/links"
)

// Registry is the set of configured ASPSPs.
type Registry struct {
	byName map[string]*ASPSP
	byHost map[string][]*ASPSP
}

// NewRegistry indexes ASPSPs by name and by the host of their base URL.
func NewRegistry(aspsps ...*ASPSP) *Registry {
	r := &Registry{byName: map[string]*ASPSP{}, byHost: map[string][]*ASPSP{}}
	for _, a := range aspsps {
		r.byName[a.Name()] = a
		host := a.base.Hostname()
		r.byHost[host] = append(r.byHost[host], a)
	}
	for _, sharing := range r.byHost {
		// The longest base path is the most specific: versions of an API share a host.
		slices.SortFunc(sharing, func(x, y *ASPSP) int {
			return cmp.Or(len(y.base.EscapedPath())-len(x.base.EscapedPath()), strings.Compare(x.Name(), y.Name()))
		})
	}
	return r
}

// Names returns the names of all ASPSPs in alphabetical order.
func (r *Registry) Names() []string { return slices.Sorted(maps.Keys(r.byName)) }

// Get returns the ASPSP of a name, or nil.
func (r *Registry) Get(name string) *ASPSP { return r.byName[name] }

// Ambiguous tells of ASPSPs that have one base_url (host, port and path), nil if
// there are none: a call that only its address tells apart fits all of them, and
// RouteByHost refuses it. They can be called by name.
func (r *Registry) Ambiguous() error {
	var found []error
	for _, host := range slices.Sorted(maps.Keys(r.byHost)) {
		sharing := r.byHost[host]
		for i, a := range sharing {
			for _, b := range sharing[i+1:] {
				if a.base.Host == b.base.Host && samePath(a, b) {
					found = append(found, fmt.Errorf("aspsps %s and %s have the same base_url: a call to it, found by its host, is refused; "+
						"name the ASPSP in tpp_proxy, or give them different hosts", min(a.Name(), b.Name()), max(a.Name(), b.Name())))
				}
			}
		}
	}
	return errors.Join(found...)
}

// samePath reports whether a server would take two base URLs' paths for one.
func samePath(a, b *ASPSP) bool {
	return a.basePath == b.basePath
}

// ErrUnknownASPSP is the refusal of a call that no ASPSP is configured for.
// detail says what was looked at.
func ErrUnknownASPSP(detail string) error { return refuse(CodeUnknownASPSP, detail, nil) }

// ErrMethod is the refusal of a method that an address of the sidecar itself
// does not take.
func ErrMethod(method string) *Refusal { return refuse(CodeMethodRefused, method, nil) }

// Route is the ASPSP of a call and how its path is to be read.
type Route struct {
	ASPSP *ASPSP
	// Absolute is true if the app sent the bank's own path, because it
	// believes to talk to the bank; false if the path is relative to base_url.
	Absolute bool
	// Reached is the address under which the app reaches paths of the ASPSP: what
	// stands before the path that is relative to base_url, or with Absolute
	// before the bank's own. The zero value if it is not known. It is only
	// needed if the ASPSP rewrites links.
	Reached links.Address
}

// RouteByHost finds the ASPSP of a call whose app keeps the bank's host name: it
// uses the sidecar as its HTTP proxy (absolute-form, RFC 9112 section 3.2.2), or
// a hosts entry leads the bank's name to the sidecar.
func (r *Registry) RouteByHost(req *http.Request) (Route, error) {
	// CONNECT and OPTIONS * have no path that could belong to a base URL.
	if err := checkMethod(req); err != nil {
		return Route{}, err
	}
	host := strings.ToLower(req.Host)
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	sharing := r.byHost[name]
	if len(sharing) == 0 {
		return Route{}, refuse(CodeUnknownASPSP, "no ASPSP has the host that was called", nil)
	}
	if scheme := req.URL.Scheme; scheme != "" && scheme != "http" {
		return Route{}, refuse(CodeUnknownASPSP, "the address called must begin with http://", nil)
	}
	path := req.URL.EscapedPath()
	// A port that is one ASPSP's own decides among several on one host name.
	for _, exact := range []bool{true, false} {
		for _, a := range sharing {
			if exact && a.base.Host != host {
				continue
			}
			if !a.covers(path) {
				continue
			}
			if slices.ContainsFunc(sharing, func(b *ASPSP) bool {
				return b != a && (!exact || b.base.Host == host) && samePath(a, b) && b.covers(path)
			}) {
				return Route{}, ErrUnknownASPSP("several ASPSPs have this address: name one in tpp_proxy")
			}
			return Route{ASPSP: a, Absolute: true}, nil
		}
	}
	return Route{}, refuse(CodeOutsideBaseURL, "", nil)
}

// target returns the address a request goes to. Path and query are the app's
// own bytes wherever net/url can keep them; what net/http will put on the wire
// is RequestURI() of the result, and that is what gets signed.
func (a *ASPSP) target(u *url.URL, operation string, absolute bool) *url.URL {
	out := &url.URL{Scheme: "https", Host: a.base.Host, RawQuery: u.RawQuery, ForceQuery: u.ForceQuery}
	switch {
	case operation == operationToken:
		out.Host, out.Path, out.RawPath = a.token.Host, a.token.Path, a.token.RawPath
	case absolute:
		out.Path, out.RawPath = u.Path, u.RawPath
	default:
		path, escaped := u.Path, u.EscapedPath()
		if escaped != "" && escaped[0] != '/' {
			// What is left after a prefix was stripped must not run into base_url's last segment.
			path, escaped = "/"+path, "/"+escaped
		}
		out.Path = a.base.Path + path
		if u.RawPath != "" || a.base.RawPath != "" {
			out.RawPath = a.base.EscapedPath() + escaped
		}
	}
	return out
}
