package caddymodule

import (
	"encoding/json"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// refusedOptions are the reverse_proxy options that would break what the
// sidecar promises, with the reason.
var refusedOptions = map[string]string{
	"to":             "the bank's address is base_url of the aspsp",
	"dynamic":        "the bank's address is base_url of the aspsp",
	"transport":      "the connection to the bank is configured in the aspsp block",
	"rewrite":        "the operation is checked before; use the rewrite directive in front of tpp_proxy",
	"method":         "the operation is checked before; use the method directive in front of tpp_proxy",
	"lb_retry_match": "a payment must not be sent twice because of its answer",
	"health_uri":     unasked,
	"health_path":    unasked,
	"health_port":    unasked,
}

// unasked is why active health checks are refused.
const unasked = "the bank would get requests that no app and no PSU asked for"

// parseProxy parses the directive
//
//	tpp_proxy [<matcher>] [<aspsp>] {
//		strip_prefix <path>
//		<options of reverse_proxy>
//	}
//
// Without an ASPSP, the bank is found by the request's Host. strip_prefix takes
// the app's prefix off the path and leaves the rest as it is, byte by byte.
func parseProxy(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // the directive's name
	matcher, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	// ExtractMatcherSet has reset the dispenser.
	h.Next()
	handler := &Handler{}
	if h.NextArg() {
		handler.ASPSP = h.Val()
	}
	if h.NextArg() {
		return nil, h.ArgErr()
	}
	proxy, err := parseProxyOptions(h, handler)
	if err != nil {
		return nil, err
	}
	handler.PassHeaders = proxy.Headers != nil && proxy.Headers.Request != nil
	proxy.TransportRaw = json.RawMessage(`{"protocol":"tpp"}`)
	proxy.DynamicUpstreamsRaw = json.RawMessage(`{"source":"tpp"}`)
	route := caddyhttp.Route{HandlersRaw: []json.RawMessage{
		caddyconfig.JSONModuleObject(handler, "handler", "tpp", nil),
		caddyconfig.JSONModuleObject(proxy, "handler", "reverse_proxy", nil),
	}}
	if matcher != nil {
		route.MatcherSetsRaw = []caddy.ModuleMap{matcher}
	}
	return []httpcaddyfile.ConfigValue{{Class: "route", Value: route}}, nil
}

// parseProxyOptions reads the block's options of the tpp handler, and hands the
// rest to reverse_proxy's own parser, after refusing what must not be there.
func parseProxyOptions(h httpcaddyfile.Helper, handler *Handler) (*reverseproxy.Handler, error) {
	// The block's brace has to stay on the line of what comes before it.
	name := h.Token()
	name.Text = "reverse_proxy"
	tokens := []caddyfile.Token{name}
	for segment := h.NewFromNextSegment(); segment.Next(); {
		// The segment begins with the argument, or the name, already read.
		if len(tokens) > 1 || segment.Val() == "{" {
			tokens = append(tokens, segment.Token())
		}
	}
	tokens, err := takeOptions(tokens, handler)
	if err != nil {
		return nil, err
	}
	proxy := new(reverseproxy.Handler)
	if err := proxy.UnmarshalCaddyfile(caddyfile.NewDispenser(tokens)); err != nil {
		return nil, err
	}
	return proxy, proxy.FinalizeUnmarshalCaddyfile(h)
}

// takeOptions returns a directive's tokens without the options of the tpp handler.
func takeOptions(tokens []caddyfile.Token, handler *Handler) ([]caddyfile.Token, error) {
	if len(tokens) < 2 {
		return tokens, nil
	}
	left := slices.Clone(tokens[:2]) // name and brace
	d := caddyfile.NewDispenser(tokens)
	d.Next()
	for d.NextBlock(0) {
		option := d.Val()
		if reason, refused := refusedOptions[option]; refused {
			return nil, d.Errf("tpp_proxy does not take %s: %s", option, reason)
		}
		if option == "strip_prefix" {
			if err := textArg(d, &handler.StripPrefix); err != nil {
				return nil, err
			}
			continue
		}
		left = append(left, d.NextSegment()...)
	}
	return append(left, tokens[len(tokens)-1]), nil
}
