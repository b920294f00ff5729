package grants

import (
	"errors"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// Tokens of a kind that cannot be sent are no grant; they are kept to be revoked.
func TestExchangeForOtherTokens(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.bank.failNext(macToken)
		answer, err := w.exchange(s, w.bank.authorize(psu1.Name))
		if answer == nil || !errors.Is(err, tokens.ErrTokenType) || !errors.Is(err, ErrQuarantined) {
			t.Errorf("got %v, %v", answer, err)
		}
		w.refused(s.Store, psu1, ErrQuarantined)
		if state := w.state(s.Store, psu1); state.Reason != ReasonExchangeUnclear || w.happened(EventCreated) != 0 {
			t.Errorf("state %+v, %v", state, w.kinds())
		}
		if atBank, err := s.Revoke(t.Context(), psu1, w.client); !atBank || err != nil || w.bank.live[psu1.Name] != nil {
			t.Errorf("revoked %t, %v", atBank, err)
		}
	})
}

// A grant that was there before goes on.
func TestExchangeForOtherTokensLater(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		p := w.imported(s.Store, psu1, 5*time.Minute)
		w.bank.failNext(macToken)
		if _, err := w.exchange(s, w.bank.authorize(psu1.Name)); !errors.Is(err, tokens.ErrTokenType) || errors.Is(err, ErrQuarantined) {
			t.Errorf("got %v", err)
		}
		token, err := s.Token(t.Context(), psu1, w.client)
		if err != nil || token.Value() != p.access {
			t.Errorf("not the token of before: %v", err)
		}
		if got := w.state(s.Store, psu1); got.Status != StatusActive || got.Reason != ReasonExchangeUnclear {
			t.Errorf("state %+v", got)
		}
	})
}
