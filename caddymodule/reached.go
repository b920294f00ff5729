package caddymodule

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-tpp/caddy-tpp/links"
)

// reached is the address under which the app reaches what is before the path of
// inner: inner is the app's request without the prefix that was taken off it,
// by strip_prefix, by handle_path or by a rewrite. It is the zero value if what
// is left is not the end of what the app wrote.
func reached(app, inner *http.Request) links.Address {
	wrote := app.URL
	if original, ok := app.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		wrote = original.URL
	}
	prefix, ok := strings.CutSuffix(wrote.EscapedPath(), inner.URL.EscapedPath())
	if !ok {
		return links.Address{}
	}
	scheme, host := "http", app.Host
	if app.TLS != nil {
		scheme = "https"
	}
	if trusted, _ := caddyhttp.GetVar(app.Context(), caddyhttp.TrustedProxyVarKey).(bool); trusted {
		// What is before this Caddy, and is configured to be believed, knows what
		// the app called.
		scheme = orFirst(app.Header.Get("X-Forwarded-Proto"), scheme)
		host = orFirst(app.Header.Get("X-Forwarded-Host"), host)
	}
	return links.Address{Origin: scheme + "://" + host, Path: strings.TrimSuffix(prefix, "/")}
}

// orFirst is the first of a list separated by commas, or else otherwise.
func orFirst(list, otherwise string) string {
	first, _, _ := strings.Cut(list, ",")
	if first = strings.TrimSpace(first); first != "" {
		return first
	}
	return otherwise
}
