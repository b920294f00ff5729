package grants

import (
	"errors"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

func TestRevoke(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		if _, err := s.Revoke(t.Context(), psu1, w.client); !errors.Is(err, ErrUnknown) {
			t.Errorf("got %v", err)
		}
		w.imported(s.Store, psu1, 5*time.Minute)
		w.usable(s.Store, psu1)
		if err := s.Forget(t.Context(), psu1); !errors.Is(err, ErrActive) {
			t.Errorf("got %v", err)
		}
		w.bank.failNext(lostRequest)
		if atBank, err := s.Revoke(t.Context(), psu1, w.client); atBank || !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("got %v, %v", atBank, err)
		}
		w.refused(s.Store, psu1, ErrRevoked)
		if err := s.Forget(t.Context(), psu1); !errors.Is(err, ErrRevocationPending) {
			t.Errorf("got %v", err)
		}
		if state := w.state(s.Store, psu1); state.BankRevocation != BankRevocationPending || !state.HasRefreshToken {
			t.Errorf("state %+v", state)
		}
		for range 2 {
			if atBank, err := s.Revoke(t.Context(), psu1, w.client); !atBank || err != nil {
				t.Errorf("got %v, %v", atBank, err)
			}
		}
		if state := w.state(s.Store, psu1); state.BankRevocation != BankRevocationDone || state.HasRefreshToken || w.bank.revoked != 1 {
			t.Errorf("state %+v, told %d times", state, w.bank.revoked)
		}
		if err := s.Release(t.Context(), psu1); !errors.Is(err, ErrNotHeld) {
			t.Errorf("got %v", err)
		}
		if err := s.Forget(t.Context(), psu1); err != nil {
			t.Fatal(err)
		}
		w.refused(s.Store, psu1, ErrUnknown)
		if _, err := w.exchange(s, w.bank.authorize(psu1.Name)); err != nil {
			t.Fatal(err)
		}
		w.usable(s.Store, psu1)
	})
}

// A bank without revocation: the tokens are deleted here.
func TestRevokeHereOnly(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		client := w.with(func(c *Client) { c.Endpoint.RevocationURL = "" })
		if _, err := s.Revoke(t.Context(), psu1, nil); err != nil {
			t.Error(err)
		}
		if state := w.state(s.Store, psu1); state.BankRevocation != BankRevocationPending {
			t.Errorf("state %+v", state)
		}
		if atBank, err := s.Revoke(t.Context(), psu1, client); atBank || err != nil {
			t.Errorf("got %v, %v", atBank, err)
		}
		if state := w.state(s.Store, psu1); state.BankRevocation != BankRevocationNone || state.HasRefreshToken {
			t.Errorf("state %+v", state)
		}
	})
}

// Revoked while a refresh is under way whose lock is lost: the new tokens are
// not used, and revoked too.
func TestRevokeDuringRefresh(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		other := w.process()
		defer other.Close()
		w.bank.slow(5 * time.Second)
		go s.usableOrNot(psu1, w.client)
		time.Sleep(time.Second)
		s.handle.LoseLocks()
		if atBank, err := other.Revoke(t.Context(), psu1, w.client); atBank || !errors.Is(err, ErrBusy) {
			t.Fatalf("all is said to be revoked: %v, %v", atBank, err)
		}
		time.Sleep(10 * time.Second)
		w.refused(s.Store, psu1, ErrRevoked)
		w.refused(other.Store, psu1, ErrRevoked)
		w.bank.slow(0)
		if state := w.state(s.Store, psu1); state.BankRevocation != BankRevocationPending {
			t.Fatalf("state %+v", state)
		}
		if atBank, err := other.Revoke(t.Context(), psu1, w.client); !atBank || err != nil {
			t.Errorf("got %v, %v", atBank, err)
		}
		if len(w.bank.live) != 0 {
			t.Error("the bank still honours the tokens")
		}
	})
}
