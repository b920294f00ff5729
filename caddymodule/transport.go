package caddymodule

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// Transport sends an exchange's request: injected, signed and over the
// connections of its identity. It has no settings: they belong to the ASPSP. A
// request without an exchange, such as a health check, is refused: it would
// otherwise go out signed and with a real token.
type Transport struct{}

// CaddyModule returns the Caddy module information.
func (Transport) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.transport.tpp",
		New: func() caddy.Module { return new(Transport) },
	}
}

// RoundTrip implements http.RoundTripper.
func (Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ex := sidecar.FromContext(req.Context())
	if ex == nil {
		return nil, sidecar.ErrWithoutExchange()
	}
	response, err := ex.RoundTrip(req)
	switch {
	case err == nil:
		takeLocation(req.Context(), response.Header)
		return response, nil
	case sidecar.NothingSent(err):
		// reverse_proxy may try again on this error, whatever the method.
		return nil, reverseproxy.NewDialError(err)
	case sidecar.BankFailed(err) || req.Context().Err() != nil:
		return nil, err
	default:
		return ex.RefusalResponse(req, err), nil
	}
}

// UnmarshalCaddyfile accepts the name without settings.
func (*Transport) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return withoutSettings(d, "the tpp transport has no settings: timeouts and trust belong to the aspsp block")
}

// Upstreams gives reverse_proxy the address of the exchange's ASPSP.
type Upstreams struct{}

// CaddyModule returns the Caddy module information.
func (Upstreams) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.upstreams.tpp",
		New: func() caddy.Module { return new(Upstreams) },
	}
}

// GetUpstreams implements reverseproxy.UpstreamSource.
func (Upstreams) GetUpstreams(r *http.Request) ([]*reverseproxy.Upstream, error) {
	ex := sidecar.FromContext(r.Context())
	if ex == nil {
		return nil, sidecar.ErrWithoutExchange()
	}
	return []*reverseproxy.Upstream{{Dial: ex.ASPSP().AddressFor(ex)}}, nil
}

// UnmarshalCaddyfile accepts the name without settings.
func (*Upstreams) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return withoutSettings(d, "the tpp upstream source has no settings")
}

func withoutSettings(d *caddyfile.Dispenser, message string) error {
	d.Next() // the module's name
	if d.NextArg() || d.NextBlock(0) {
		return d.Err(message)
	}
	return nil
}

// Interface guards.
var (
	_ http.RoundTripper           = (*Transport)(nil)
	_ caddyfile.Unmarshaler       = (*Transport)(nil)
	_ reverseproxy.UpstreamSource = (*Upstreams)(nil)
	_ caddyfile.Unmarshaler       = (*Upstreams)(nil)
)
