package authorize

import (
	"context"

	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

func (w *world) instance() (*Flow, *storagetest.Memory) {
	v, handle := w.vault()
	f := New(Options{Vault: v, OnEvent: w.onEvent})
	f.exchange = func(ctx context.Context, id grants.ID, c *grants.Client, code grants.Code) (*tokens.Answer, error) {
		a, err := c.Endpoint.Ask(ctx, tokens.Request{GrantType: tokens.GrantAuthorizationCode, Code: code.Code, RedirectURI: code.RedirectURI, CodeVerifier: code.Verifier, ClientID: c.ClientID})
		if err != nil {
			return nil, err
		}
		_, _, err = a.Judge(&c.Endpoint.Spec)
		return a, err
	}
	return f, handle
}
