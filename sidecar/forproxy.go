package sidecar

import (
	"net/http"
	"strings"
)

// ForProxy returns the request to hand to the proxy that will call RoundTrip:
// with the exchange in its context and its body taken. The headers stay with the
// exchange, which adds them when it sends: what tells of the PSU then appears in
// none of the proxy's own debug logs, and the proxy copies, and encodes for
// logs that are not written, nothing that it does not need. Only with
// passHeaders does it get the harmless ones, for settings that change them.
//
// In the place of the request URI, which may hold an account, the operation is
// named; URL is as it was.
func (ex *Exchange) ForProxy(r *http.Request, passHeaders bool) *http.Request {
	out := r.WithContext(WithExchange(r.Context(), ex))
	out.RequestURI = ex.operation
	out.Body, out.ContentLength, out.TransferEncoding, out.Trailer = http.NoBody, 0, nil, nil
	out.Header = make(http.Header, 4)
	ex.withheld = r.Header
	if agent, ok := r.Header["User-Agent"]; ok {
		out.Header["User-Agent"] = agent // reverse_proxy would make it empty
	}
	ex.passed = passHeaders
	if passHeaders {
		ex.withheld = make(http.Header)
		for name, values := range r.Header {
			if tellsOfPSU(name) || name == ex.aspsp.tokenKey || ex.aspsp.psu.IsAlias(name) {
				ex.withheld[name] = values
			} else {
				out.Header[name] = values
			}
		}
	}
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
