package caddymodule

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// TokenInbox takes the tokens that a bank posts to the TPP when the sidecar has
// asked for one (token grant "delivered"), at the address that is registered at
// the bank. It answers 200 only to what a call is waiting for. Whoever can reach
// it while a token is awaited can hand over one: let no one but the bank.
type TokenInbox struct {
	// ASPSP names the bank.
	ASPSP string `json:"aspsp"`

	aspsp *sidecar.ASPSP
}

// CaddyModule returns the Caddy module information.
func (TokenInbox) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.tpp_token_inbox", New: func() caddy.Module { return new(TokenInbox) }}
}

// Provision finds the ASPSP, which has to want deliveries.
func (h *TokenInbox) Provision(ctx caddy.Context) error {
	app, err := appOf(ctx)
	if err != nil {
		return err
	}
	if h.aspsp = app.registry.Get(h.ASPSP); h.aspsp == nil {
		return fmt.Errorf("tpp_token_inbox: no aspsp %q in the tpp global option; configured are: %s",
			h.ASPSP, strings.Join(app.registry.Names(), ", "))
	}
	if err := h.aspsp.CheckInbox(); err != nil {
		return fmt.Errorf("tpp_token_inbox: aspsp %s: %w", h.ASPSP, err)
	}
	return nil
}

// deliveryTime bounds how long a delivery may take to arrive. It is small, and
// whoever sends it a byte at a time only wants to keep the connection busy.
const deliveryTime = 10 * time.Second

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *TokenInbox) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	// A server that cannot do it has limits of its own.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(deliveryTime))
	if refusal := h.aspsp.Deliver(r); refusal != nil {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
		}
		return refuseRequest(w, r, refusal)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return nil
}

// delivered counts and logs what came in, without the token.
func (a *App) delivered(aspsp, result string, refusal *sidecar.Refusal) {
	a.shared.metrics.delivered(aspsp, result)
	if refusal == nil {
		a.logger.Debug("token delivered", zap.String("aspsp", aspsp))
		return
	}
	a.logger.Warn("delivered token not taken", zap.String("aspsp", aspsp), zap.String("result", result),
		zap.String("error", causeText(refusal)))
}

// parseTokenInbox parses tpp_token_inbox [<matcher>] <aspsp>.
func parseTokenInbox(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next() // the directive's name
	inbox := new(TokenInbox)
	if !h.AllArgs(&inbox.ASPSP) {
		return nil, h.ArgErr()
	}
	if h.NextBlock(0) {
		return nil, h.Errf("unknown option %q: tpp_token_inbox has none", h.Val())
	}
	return inbox, nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*TokenInbox)(nil)
	_ caddyhttp.MiddlewareHandler = (*TokenInbox)(nil)
)
