package grants

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// A caller who has no way to the bank is told so, and nothing is touched.
func TestNoClient(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 5*time.Minute)
		first := w.usable(s.Store, psu1)
		for name, c := range map[string]*Client{"nil": nil, "no endpoint": {Identity: "acme"}} {
			ctx := t.Context()
			_, token := s.Token(ctx, psu1, c)
			_, code := s.Exchange(ctx, psu1, c, Code{Code: "code"})
			for call, err := range map[string]error{
				"Token": token, "Exchange": code, "Refresh": s.Refresh(ctx, psu1, c),
				"Import": s.Import(ctx, psu1, c, Import{RefreshToken: "r", AuthorizedAt: time.Now(), Replace: true}),
			} {
				if !errors.Is(err, ErrNoClient) {
					t.Errorf("%s: %s: got %v", name, call, err)
				}
			}
		}
		if w.usable(s.Store, psu1) != first {
			t.Error("the grant was changed")
		}
	})
}

// A panic in an exchange is the exchange's matter, not the process's.
func TestPanicInTheExchange(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		s.handle.Hook(func(context.Context, storagetest.Op, string) error { panic("s3cret") })
		_, err := s.Exchange(t.Context(), psu1, w.client, Code{Code: w.bank.authorize(psu1.Name)})
		if !errors.Is(err, tokens.ErrUnavailable) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("got %v", err)
		}
		s.handle.Hook(nil)
		if _, err := s.Exchange(t.Context(), psu1, w.client, Code{Code: w.bank.authorize(psu1.Name)}); err != nil {
			t.Error(err)
		}
	})
}
