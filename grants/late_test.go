package grants

import (
	"net/url"
	"testing"
	"time"
)

// Calls that are under way when a configuration is replaced get a token, a new
// one if need be, and a code is exchanged; nothing stays in memory.
func TestCallsAfterClose(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		s.Close()
		if _, err := w.exchange(s, w.bank.authorize(psu1.Name)); err != nil {
			t.Fatal(err)
		}
		refused := w.usable(s.Store, psu1)
		s.Drop(psu1, refused)
		if renewed := w.usable(s.Store, psu1); renewed.Value() == refused.Value() {
			t.Error("a token that the bank answered 401 to is served")
		}
		time.Sleep(30 * time.Minute) // no renewal ahead
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
		s.Close()
	})
}

// A grant whose first tokens are on their way is not unknown: who asks waits for
// them, in any process.
func TestTokenDuringFirstExchange(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		other := w.process()
		defer other.Close()
		w.bank.slow(3 * time.Second)
		done := make(chan error, 1)
		go func() {
			_, err := w.exchange(s, w.bank.authorize(psu1.Name))
			done <- err
		}()
		time.Sleep(time.Second)
		w.usable(other.Store, psu1)
		w.usable(s.Store, psu1)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// If the process that exchanges a first code dies, the grant is quarantined once
// it is clear that no answer comes. It is unknown at no time.
func TestTokenAfterLostFirstExchange(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		dying := w.process()
		defer dying.Close()
		w.bank.onRequest(func(url.Values) { dying.handle.Vanish() })
		_, _ = w.exchange(dying, w.bank.authorize(psu1.Name))
		if n := w.bank.count("authorization_code"); n != 1 {
			t.Fatalf("%d exchanges", n)
		}
		if _, err := s.Token(t.Context(), psu1, w.client); !matches(err, &QuarantinedError{Reason: ReasonExchangeUnclear}) {
			t.Error(err)
		}
	})
}
