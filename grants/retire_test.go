package grants

import (
	"context"
	"net/url"
	"testing"
	"time"
)

// A retired store waits for the answer that is on its way, and asks no more; what
// is in memory is served.
func TestRetire(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		idle, valid := ID{"bank", "idle"}, ID{"bank", "valid"}
		w.imported(s.Store, psu1, 0)
		w.imported(s.Store, idle, 0)
		w.imported(s.Store, valid, time.Hour)
		w.usable(s.Store, valid)
		w.bank.slow(5 * time.Second)
		go s.usableOrNot(psu1, w.client)
		time.Sleep(time.Second)
		started := time.Now()
		if err := s.Retire(t.Context()); err != nil {
			t.Error(err)
		}
		if waited := time.Since(started); waited != 4*time.Second {
			t.Errorf("waited %v", waited)
		}
		s.handle.Vanish() // as a storage's client does that is closed
		w.usable(s.Store, psu1)
		w.usable(s.Store, valid)
		time.Sleep(time.Minute) // looks whether it is still so, in vain
		w.usable(s.Store, valid)
		if n := w.bank.refreshes(); n != 1 || w.state(w.process().Store, psu1).Pending != "" {
			t.Errorf("%d refreshes, or the answer is not stored", n)
		}
	})
}

// Nothing begins in a retired store that would write or ask.
func TestRetiredAsksNobody(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		valid := ID{"bank", "valid"}
		w.imported(s.Store, valid, 10*time.Minute)
		w.usable(s.Store, valid)
		if err := s.Retire(t.Context()); err != nil {
			t.Error(err)
		}
		before := w.state(s.Store, psu1).Revision
		ctx := t.Context()
		for name, call := range map[string]func() error{
			"token":   func() error { _, err := s.Token(ctx, psu1, w.client); return err },
			"refresh": func() error { return s.Refresh(ctx, psu1, w.client) },
			"exchange": func() error {
				_, err := s.Exchange(ctx, psu1, w.client, Code{Code: w.bank.authorize("psu-1")})
				return err
			},
			"revoke":  func() error { _, err := s.Revoke(ctx, psu1, w.client); return err },
			"release": func() error { return s.Release(ctx, psu1) },
			"forget":  func() error { return s.Forget(ctx, psu1) },
			"import": func() error {
				return s.Import(ctx, psu1, w.client, Import{RefreshToken: "r", AuthorizedAt: time.Now()})
			},
			"sweep": func() error { return s.Sweep(ctx) },
		} {
			if err := call(); !errorIs(err, ErrClosed) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		time.Sleep(9 * time.Minute) // no renewal either
		if asked := w.bank.refreshes() + w.bank.count("authorization_code") + w.bank.revoked; asked != 0 {
			t.Errorf("the bank was asked %d times", asked)
		}
		if after := w.state(s.Store, psu1).Revision; after != before {
			t.Error("the record was changed")
		}
	})
}

// A call that waits for its turn when the store retires is not made.
func TestRetireWhileWaiting(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		lock, err := s.vault.Lock(t.Context(), recordName(psu1))
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan error, 1)
		go func() {
			_, err := s.Token(t.Context(), psu1, w.client)
			got <- err
		}()
		time.Sleep(time.Second)
		if err := s.Retire(t.Context()); err != nil {
			t.Error(err)
		}
		_ = lock.Unlock()
		if err := <-got; !errorIs(err, ErrClosed) || w.bank.refreshes() != 0 {
			t.Errorf("got %v, %d refreshes", err, w.bank.refreshes())
		}
	})
}

// Retire does not wait for longer than it may.
func TestRetireInTime(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.bank.onRequest(func(url.Values) { time.Sleep(8 * time.Second) })
		go s.usableOrNot(psu1, w.client)
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		started := time.Now()
		if err := s.Retire(ctx); !errorIs(err, context.DeadlineExceeded) || time.Since(started) != 2*time.Second {
			t.Errorf("got %v after %v", err, time.Since(started))
		}
		if err := s.Retire(t.Context()); err != nil {
			t.Error(err)
		}
		w.usable(s.Store, psu1)
	})
}
