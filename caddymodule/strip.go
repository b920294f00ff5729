package caddymodule

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// checkPrefix refuses a strip_prefix that no request could begin with, or that
// would take more than whole segments.
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if len(prefix) < 2 || prefix[0] != '/' || strings.HasSuffix(prefix, "/") || (&url.URL{Path: prefix}).EscapedPath() != prefix {
		return fmt.Errorf("tpp_proxy: strip_prefix %q is no prefix: write it as it stands in the app's URL, without a slash at its end: /bpgo", prefix)
	}
	return nil
}

// stripPrefix returns r without a prefix of its path. ok is false if the path
// does not begin with it. What follows the prefix is the app's own bytes: the
// rewrite module of Caddy would clean double slashes and dot segments.
func stripPrefix(r *http.Request, prefix string) (stripped *http.Request, ok bool) {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), prefix)
	if !ok || rest != "" && rest[0] != '/' {
		return nil, false
	}
	path, err := url.PathUnescape(rest)
	if err != nil {
		return nil, false
	}
	target := *r.URL
	target.Path = path
	if target.RawPath != "" {
		target.RawPath = rest
	}
	stripped = r.WithContext(r.Context())
	stripped.URL = &target
	return stripped, true
}
