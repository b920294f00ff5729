package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-tpp/caddy-tpp/authorize"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// Authorize answers with the address at the bank that a PSU's browser is to be
// sent to (302). The app calls it, and hands the address on: whoever can call it
// can begin an authorization under any name, so it belongs on the app's own
// listener.
//
// Parameters of the query: aspsp, grant, return_url, and optionally scope and
// consent.
type Authorize struct {
	app *App
}

// Callback takes the PSU's browser back from the bank: it exchanges the code,
// keeps the tokens, and sends the browser on to the app's return URL (303). It is
// the only part of the sidecar that PSUs reach, at the path of redirect_uri.
type Callback struct {
	// ASPSP names the bank whose redirect_uri leads here. Empty: any bank's. With
	// a callback of its own for each bank, an answer of one is never taken for
	// another's (mix-up, RFC 9207), even from banks that send no iss.
	ASPSP string `json:"aspsp,omitempty"`

	app *App
}

// CaddyModule returns the Caddy module information.
func (Authorize) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.tpp_authorize", New: func() caddy.Module { return new(Authorize) }}
}

// CaddyModule returns the Caddy module information.
func (Callback) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.tpp_callback", New: func() caddy.Module { return new(Callback) }}
}

// Provision finds the app, which has to keep grants.
func (h *Authorize) Provision(ctx caddy.Context) (err error) {
	h.app, err = grantsAppOf(ctx, "tpp_authorize")
	return err
}

// Provision finds the app, and the bank if one is named.
func (h *Callback) Provision(ctx caddy.Context) (err error) {
	if h.app, err = grantsAppOf(ctx, "tpp_callback"); err != nil || h.ASPSP == "" {
		return err
	}
	aspsp := h.app.registry.Get(h.ASPSP)
	if aspsp == nil {
		return fmt.Errorf("tpp_callback: no aspsp %q in the tpp global option; configured are: %s",
			h.ASPSP, strings.Join(h.app.registry.Names(), ", "))
	}
	if _, err := aspsp.AuthorizeBank(); err != nil {
		return fmt.Errorf("tpp_callback: aspsp %s: %w", h.ASPSP, err)
	}
	return nil
}

// grantsAppOf is appOf for what needs grants.
func grantsAppOf(ctx caddy.Context, directive string) (*App, error) {
	app, err := appOf(ctx)
	if err != nil {
		return nil, err
	}
	if app.flow == nil {
		return nil, fmt.Errorf("%s needs a vault to keep grants in: add vault { key … } to the tpp global option", directive)
	}
	return app, nil
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *Authorize) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		return refuseRequest(w, r, sidecar.ErrMethod(r.Method))
	}
	query := r.URL.Query()
	for _, name := range []string{"aspsp", "grant", "return_url", "scope", "consent"} {
		if len(query[name]) > 1 {
			return refuseRequest(w, r, sidecar.GrantRefusal(fmt.Errorf("%w: %s is there more than once", authorize.ErrParameters, name)))
		}
	}
	aspsp := h.app.registry.Get(query.Get("aspsp"))
	if aspsp == nil {
		return refuseRequest(w, r, sidecar.AsRefusal(sidecar.ErrUnknownASPSP("the parameter aspsp names none")))
	}
	bank, err := aspsp.AuthorizeBank()
	if err != nil {
		return refuseRequest(w, r, sidecar.GrantRefusal(err))
	}
	location, err := h.app.flow.Begin(r.Context(), bank, authorize.Begin{
		Grant: query.Get("grant"), Scope: query.Get("scope"), ReturnURL: query.Get("return_url"),
		Consent: query.Get("consent"),
	})
	if err != nil {
		return refuseRequest(w, r, sidecar.GrantRefusal(err))
	}
	redirect(w, location, http.StatusFound)
	return nil
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *Callback) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		return refuseRequest(w, r, sidecar.ErrMethod(r.Method))
	}
	outcome, err := h.app.flow.Finish(r.Context(), authorize.Callback{Query: r.URL.Query(), ASPSP: h.ASPSP}, h.bank)
	if outcome.ReturnTo == "" {
		return refuseRequest(w, r, sidecar.GrantRefusal(err))
	}
	redirect(w, outcome.ReturnTo, http.StatusSeeOther)
	return nil
}

// errNoSuchASPSP is the cause when the bank was taken out of the configuration
// while a PSU was there.
var errNoSuchASPSP = errors.New("it is no longer configured")

// bank finds the ASPSP that a state belongs to.
func (h *Callback) bank(name string) (*authorize.Bank, error) {
	aspsp := h.app.registry.Get(name)
	if aspsp == nil {
		return nil, fmt.Errorf("%w: %w", authorize.ErrReconfigured, errNoSuchASPSP)
	}
	return aspsp.AuthorizeBank()
}

// redirect sends a browser on. Code, state and the grant's name must stay out
// of caches and of the Referer that the next page would be told.
func redirect(w http.ResponseWriter, location string, status int) {
	header := w.Header()
	header.Set("Location", location)
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
}

// refuseRequest answers with a refusal that belongs to no call of a bank.
func refuseRequest(w http.ResponseWriter, r *http.Request, refusal *sidecar.Refusal) error {
	return answer(w, refusal.Of(r))
}

// authorizeEvent logs how the authorization of a PSU went on.
func (a *App) authorizeEvent(event authorize.Event) {
	fields := []zap.Field{zap.String("aspsp", event.ASPSP), zap.String("grant", event.Grant)}
	if event.Result != "" {
		fields = append(fields, zap.String("result", string(event.Result)))
	}
	if event.Code != "" {
		fields = append(fields, zap.String("code", event.Code))
	}
	if event.Err != nil {
		fields = append(fields, zap.String("error", causeText(event.Err)))
		if cause := causeOf(event.Err); cause != "" {
			fields = append(fields, zap.String("cause", cause))
		}
	}
	a.shared.metrics.authorized(event)
	level := zap.InfoLevel
	if event.Err != nil {
		level = zap.WarnLevel
	}
	a.logger.Log(level, "authorization "+string(event.Kind), fields...)
}

// parseAuthorize parses tpp_authorize, which takes a matcher and nothing else.
func parseAuthorize(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next() // the directive's name
	if h.NextArg() {
		return nil, h.ArgErr()
	}
	if h.NextBlock(0) {
		return nil, h.Errf("unknown option %q: tpp_authorize has none", h.Val())
	}
	return new(Authorize), nil
}

// parseCallback parses tpp_callback [<matcher>] [<aspsp>].
func parseCallback(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next() // the directive's name
	callback := new(Callback)
	if h.NextArg() {
		callback.ASPSP = h.Val()
	}
	if h.NextArg() {
		return nil, h.ArgErr()
	}
	if h.NextBlock(0) {
		return nil, h.Errf("unknown option %q: tpp_callback has none", h.Val())
	}
	return callback, nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Authorize)(nil)
	_ caddyhttp.MiddlewareHandler = (*Authorize)(nil)
	_ caddy.Provisioner           = (*Callback)(nil)
	_ caddyhttp.MiddlewareHandler = (*Callback)(nil)
)
