package sidecar

import (
	"maps"
	"net/http"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/psu"
)

// ForProxy returns the request to hand to the proxy that will call RoundTrip:
// with the exchange in its context, its body taken, and without what must not
// appear in the proxy's own debug logs. Headers that tell of the PSU or of an
// authorization stay with the exchange, which adds them when it sends. In the
// place of the request URI, which may hold an account, the operation is named;
// URL is as it was.
func (ex *Exchange) ForProxy(r *http.Request) *http.Request {
	out := r.WithContext(WithExchange(r.Context(), ex))
	out.Header = maps.Clone(r.Header)
	for name, values := range r.Header {
		if !tellsOfPSU(name) {
			continue
		}
		delete(out.Header, name)
		if name == "Authorization" || psu.IsContext(name) {
			continue // the exchange holds them already, checked
		}
		if ex.withheld == nil {
			ex.withheld = make(http.Header)
		}
		ex.withheld[name] = values
	}
	out.RequestURI = ex.operation
	out.Body, out.ContentLength, out.TransferEncoding, out.Trailer = http.NoBody, 0, nil, nil
	return out
}

// tellsOfPSU reports whether a header, in net/http's spelling, identifies the
// PSU or an authorization, under any of the standards.
func tellsOfPSU(name string) bool {
	switch name {
	case "Authorization", "Consent-Id", "X-Fapi-Customer-Ip-Address", "X-Customer-User-Agent":
		return true
	}
	return strings.HasPrefix(name, "Psu-") || strings.HasPrefix(name, controlPrefix)
}
