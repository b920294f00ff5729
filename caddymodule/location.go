package caddymodule

import (
	"context"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// location holds back the Location of a fallback's answer on its way through
// reverse_proxy: it carries a JWT that opens the bank's online banking, and
// reverse_proxy writes the answer's headers to its debug log.
type location struct {
	*caddyhttp.ResponseWriterWrapper
	values []string
}

type locationKey struct{}

// keepLocation prepares a request for the fallback interface, which few are.
func keepLocation(w http.ResponseWriter, app, out *http.Request) (http.ResponseWriter, *http.Request) {
	if len(app.Header[sidecar.HeaderFallback]) == 0 {
		return w, out
	}
	kept := &location{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
	return kept, out.WithContext(context.WithValue(out.Context(), locationKey{}, kept))
}

// takeLocation takes an answer's Location, if it is to be held back.
func takeLocation(ctx context.Context, header http.Header) {
	if kept, ok := ctx.Value(locationKey{}).(*location); ok {
		kept.values = header["Location"]
		delete(header, "Location")
	}
}

// WriteHeader puts the Location back.
func (l *location) WriteHeader(status int) {
	if status >= http.StatusOK && len(l.values) > 0 {
		l.Header()["Location"] = l.values
	}
	l.ResponseWriterWrapper.WriteHeader(status)
}
