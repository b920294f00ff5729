// Package caddymodule connects the sidecar to Caddy. It is thin: what a call
// goes through is in package sidecar.
//
// Modules:
//
//	tpp                                 the app: identities, ASPSPs, tokens, metrics
//	http.handlers.tpp                   prepares an exchange, refuses what cannot go
//	http.handlers.tpp_health            tells whether the sidecar can serve
//	http.reverse_proxy.upstreams.tpp    the address of the exchange's ASPSP
//	http.reverse_proxy.transport.tpp    injects, signs and sends
//	admin.api.tpp                       state without secrets, reload, drop
//
// In a Caddyfile: the global option tpp, and the directives tpp_proxy and tpp_health.
package caddymodule
