package caddymodule

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Health answers 200 while every identity's certificates can be used, and 503
// naming the identity if not. It says nothing of the banks: restarting the
// sidecar would not mend a bank.
type Health struct {
	app *App
}

// CaddyModule returns the Caddy module information.
func (Health) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.tpp_health", New: func() caddy.Module { return new(Health) }}
}

// Provision finds the app.
func (h *Health) Provision(ctx caddy.Context) (err error) {
	h.app, err = appOf(ctx)
	return err
}

// healthReport is the answer's body.
type healthReport struct {
	Status     string            `json:"status"`
	Identities map[string]string `json:"identities"`
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *Health) ServeHTTP(w http.ResponseWriter, _ *http.Request, _ caddyhttp.Handler) error {
	report, status := healthReport{Status: "ok", Identities: map[string]string{}}, http.StatusOK
	for name, identity := range h.app.identities {
		report.Identities[name] = "ok"
		if err := identity.Current().Usable(time.Now()); err != nil {
			report.Identities[name] = err.Error()
			report.Status, status = "certificate-unusable", http.StatusServiceUnavailable
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(report)
}

// parseHealth parses the directive tpp_health, which takes nothing but a matcher.
func parseHealth(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next() // the directive's name
	if h.NextArg() || h.NextBlock(0) {
		return nil, h.ArgErr()
	}
	return new(Health), nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Health)(nil)
	_ caddyhttp.MiddlewareHandler = (*Health)(nil)
)
