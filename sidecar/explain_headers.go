package sidecar

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/psu"
)

// explainIn says what becomes of the app's headers.
func (a *ASPSP) explainIn(app http.Header, options ExplainOptions) []ExplainedHeader {
	list := make([]ExplainedHeader, 0, len(app))
	for _, key := range slices.Sorted(maps.Keys(app)) {
		h := ExplainedHeader{Name: key}
		switch {
		case a.psu.IsAlias(key), psu.IsContext(key):
			h.Passes, h.Reason = true, "the PSU's context, checked and sent on under the profile's rule (psu)"
		case key == usualRequestIDKey, key == a.requestIDKey:
			h.Passes, h.Reason = true, "the request's id, which the sidecar keeps"
		case key == a.tokenKey, key == "Authorization":
			h.Passes, h.Reason = a.config.Profile.Token.FromApp, "the app's authorization passes only with token.from_app"
		default:
			h.Passes, h.Reason = a.filter.Explain(app, key)
		}
		if h.Passes && !options.Hide && key != a.tokenKey && key != "Authorization" {
			h.Value = strings.Join(app[key], ", ")
		}
		list = append(list, h)
	}
	return list
}

// explainHeaders says of each header that leaves where it comes from. before are
// those that were there before signing.
func (ex *Exchange) explainHeaders(before, out, app http.Header) []ExplainedHeader {
	list := make([]ExplainedHeader, 0, len(out))
	for _, name := range slices.Sorted(maps.Keys(out)) {
		value := strings.Join(out[name], ", ")
		if value == "" && strings.EqualFold(name, "User-Agent") {
			continue // net/http sends none
		}
		reason := ex.reasonOf(name, app)
		if _, there := before[name]; !there {
			reason = ex.reasonOfSigned(name)
		}
		list = append(list, ExplainedHeader{Name: name, Value: value, Passes: true, Reason: reason})
	}
	return list
}

// reasonOfSigned says what a header is that signing made.
func (ex *Exchange) reasonOfSigned(name string) string {
	spec := ex.aspsp.config.Profile.Signature
	switch {
	case strings.EqualFold(name, "Digest"), strings.EqualFold(name, "Content-Digest"):
		return "the digest of the body (signature.digest)"
	case strings.EqualFold(name, spec.Certificate.Header):
		return "the QSEAL certificate (signature.certificate)"
	}
	return "the signature (signature.container)"
}

// reasonOf says why a header leaves that was there before signing.
func (ex *Exchange) reasonOf(name string, app http.Header) string {
	a, key := ex.aspsp, http.CanonicalHeaderKey(name)
	switch {
	case strings.EqualFold(name, a.filter.RequestID()):
		if ex.madeRequestID {
			return "the request's id: made, since the app sent none; another one for each attempt"
		}
		return "the request's id, from the app"
	case key == "Date":
		return "made for each attempt"
	case key == a.tokenKey && ex.authorization != "":
		return "the app's own (token.from_app)"
	case key == a.tokenKey:
		return "made by the sidecar (token.grant, or the grant that the app named)"
	case ex.fallback != "" && strings.EqualFold(name, a.config.Profile.Fallback.Header):
		return "the fallback interface, asked for by the app"
	case a.psu.IsAlias(key), psu.IsContext(key):
		if len(app[key]) > 0 {
			return "the PSU's context, from the app"
		}
		return "the PSU's context (psu.from, psu.names)"
	case a.filter.Makes(name):
		return "made (headers.make)"
	}
	for _, field := range ex.fixed {
		if strings.EqualFold(field.Name, name) {
			return "fixed (headers.set)"
		}
	}
	_, reason := a.filter.Explain(app, key)
	return "from the app: " + reason
}
