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
	caddy.RegisterModule(Health{})
	caddy.RegisterModule(Transport{})
	caddy.RegisterModule(Upstreams{})
	caddy.RegisterModule(Admin{})

	httpcaddyfile.RegisterGlobalOption("tpp", parseApp)
	httpcaddyfile.RegisterHandlerDirective("tpp_health", parseHealth)
	httpcaddyfile.RegisterDirectiveOrder("tpp_health", httpcaddyfile.Before, "respond")
	// Each comes directly before reverse_proxy, and so after those before it here:
	// tpp_proxy last, since it may take every path.
	httpcaddyfile.RegisterHandlerDirective("tpp_authorize", parseAuthorize)
	httpcaddyfile.RegisterDirectiveOrder("tpp_authorize", httpcaddyfile.Before, "reverse_proxy")
	httpcaddyfile.RegisterHandlerDirective("tpp_callback", parseCallback)
	httpcaddyfile.RegisterDirectiveOrder("tpp_callback", httpcaddyfile.Before, "reverse_proxy")
	httpcaddyfile.RegisterDirective("tpp_proxy", parseProxy)
	httpcaddyfile.RegisterDirectiveOrder("tpp_proxy", httpcaddyfile.Before, "reverse_proxy")
}
