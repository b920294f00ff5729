package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// Handler finds the ASPSP of a request, does everything that is local and can
// fail, and hands the request on to reverse_proxy with the exchange in its
// context. What it refuses never counts against the bank.
type Handler struct {
	// ASPSP names the bank. Empty: the bank is found by the request's Host,
	// for apps that keep the bank's own address.
	ASPSP string `json:"aspsp,omitempty"`
	// StripPrefix is taken from the path before anything else is looked at, byte
	// by byte: what follows it goes out as the app sent it, where handle_path and
	// uri strip_prefix clean double slashes and dot segments. A path that does
	// not begin with it, as whole segments, is refused. Default: nothing.
	StripPrefix string `json:"strip_prefix,omitempty"`
	// PassHeaders hands the app's headers, but for those that tell of the PSU,
	// to reverse_proxy, so that its header settings can change or remove them.
	// Without it they are kept from the proxy, and its logs, until the request
	// is sent; headers that the proxy adds are sent all the same. tpp_proxy
	// sets it if it has header_up. Default false.
	PassHeaders bool `json:"pass_headers,omitempty"`

	registry *sidecar.Registry
	done     func(sidecar.Event)
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.tpp", New: func() caddy.Module { return new(Handler) }}
}

// Provision finds the app and the ASPSP.
func (h *Handler) Provision(ctx caddy.Context) error {
	app, err := appOf(ctx)
	if err != nil {
		return err
	}
	if err := checkPrefix(h.StripPrefix); err != nil {
		return err
	}
	h.registry, h.done = app.registry, app.hooks().Done
	if h.ASPSP != "" && h.registry.Get(h.ASPSP) == nil {
		return fmt.Errorf("tpp_proxy: no aspsp %q in the tpp global option; configured are: %s",
			h.ASPSP, strings.Join(h.registry.Names(), ", "))
	}
	if h.ASPSP == "" {
		if err := h.registry.Ambiguous(); err != nil {
			app.logger.Warn("not every ASPSP can be found by host", zap.Error(err))
		}
	}
	return nil
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	app := r
	r, route, err := h.route(app)
	if err != nil {
		refusal := sidecar.AsRefusal(err).Of(app)
		h.done(sidecar.Event{Outcome: string(refusal.Code), Status: refusal.Status, RequestID: refusal.RequestID, Err: refusal})
		return answer(w, refusal)
	}
	if route.ASPSP.RewritesLinks() {
		route.Reached = reached(app, r)
	}
	repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	ex, err := route.Prepare(r, func(template string) string { return repl.ReplaceAll(template, "") })
	if err != nil {
		return answer(w, err)
	}
	if _, set := w.Header()["Content-Type"]; !set {
		// Present and empty keeps net/http from guessing one for an answer that has none.
		w.Header()["Content-Type"] = nil
	}
	out := ex.ForProxy(r, h.PassHeaders)
	w, out = keepLocation(w, r, out)
	defer func() {
		// reverse_proxy ends an answer that broke off midway with a panic.
		if cause := recover(); cause != nil {
			ex.Abort(r.Context().Err())
			panic(cause)
		}
	}()
	return answer(w, ex.Finish(proxyError(next.ServeHTTP(w, out))))
}

// route finds the ASPSP of a request and the part of its path that is for it.
func (h *Handler) route(r *http.Request) (*http.Request, sidecar.Route, error) {
	if h.StripPrefix != "" {
		stripped, ok := stripPrefix(r, h.StripPrefix)
		if !ok {
			return nil, sidecar.Route{}, sidecar.ErrUnknownASPSP("the path does not begin with strip_prefix")
		}
		r = stripped
	}
	if aspsp := h.registry.Get(h.ASPSP); aspsp != nil {
		return r, sidecar.Route{ASPSP: aspsp}, nil
	}
	route, err := h.registry.RouteByHost(r)
	return r, route, err
}

// proxyError names what reverse_proxy says before it tries the bank at all:
// passive health checks hold the bank back after failures.
func proxyError(err error) error {
	if said, ok := errors.AsType[caddyhttp.HandlerError](err); ok && said.StatusCode == http.StatusServiceUnavailable {
		return sidecar.ErrHeldBack(err)
	}
	return err
}

// answer tells the app of a refusal.
func answer(w http.ResponseWriter, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return nil
	}
	sidecar.AsRefusal(err).Write(w)
	return nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
