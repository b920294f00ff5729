package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func init() {
	caddy.RegisterModule(App{})
	caddy.RegisterModule(Handler{})
	caddy.RegisterModule(Authorize{})
	caddy.RegisterModule(Callback{})
	caddy.RegisterModule(TokenInbox{})
	caddy.RegisterModule(Health{})
	caddy.RegisterModule(Transport{})
	caddy.RegisterModule(Upstreams{})
	caddy.RegisterModule(Admin{})

	httpcaddyfile.RegisterGlobalOption("tpp", parseApp)
	// What the sidecar answers itself comes before respond, which may be a site's
	// last word, and so before tpp_proxy, which may take every path.
	for _, own := range []struct {
		directive string
		parse     httpcaddyfile.UnmarshalHandlerFunc
	}{{"tpp_health", parseHealth}, {"tpp_authorize", parseAuthorize}, {"tpp_callback", parseCallback}, {"tpp_token_inbox", parseTokenInbox}} {
		httpcaddyfile.RegisterHandlerDirective(own.directive, own.parse)
		httpcaddyfile.RegisterDirectiveOrder(own.directive, httpcaddyfile.Before, "respond")
	}
	httpcaddyfile.RegisterDirective("tpp_proxy", parseProxy)
	httpcaddyfile.RegisterDirectiveOrder("tpp_proxy", httpcaddyfile.Before, "reverse_proxy")
}
