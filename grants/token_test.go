package grants

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// inWorld runs a test in a bubble of its own time, with one store.
func inWorld(t *testing.T, rotates, survives bool, test func(t *testing.T, w *world, s *process)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rotates, survives)
		s := w.process()
		defer s.Close()
		test(t, w, s)
	})
}

func TestTokenRefreshesOnce(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.bank.slow(time.Second)
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() { w.usable(s.Store, psu1) })
		}
		wg.Wait()
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// Several processes on one storage, many callers each.
func TestTokenRefreshesOnceAmongProcesses(t *testing.T) {
	for _, rotates := range []bool{true, false} {
		inWorld(t, rotates, !rotates, func(t *testing.T, w *world, s *process) {
			w.imported(s.Store, psu1, 0)
			w.bank.slow(3 * time.Second) // longer than a lock seems to take
			var wg sync.WaitGroup
			started := time.Now()
			for range 5 {
				other := w.process()
				defer other.Close()
				for range 200 {
					wg.Go(func() { w.usable(other.Store, psu1) })
				}
			}
			wg.Wait()
			if n := w.bank.refreshes(); n != 1 {
				t.Errorf("%d refreshes", n)
			}
			if waited := time.Since(started); waited > w.bank.delay+2*watchEvery {
				t.Errorf("the others have waited %v", waited)
			}
		})
	}
}

func TestCallerGivesUp(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.bank.slow(2 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Token(ctx, psu1, w.client); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		w.usable(s.Store, psu1)
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

func TestTokenErrors(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.refused(s.Store, ID{"bank", "nobody"}, ErrUnknown)
		w.refused(s.Store, ID{"bank", "a b"}, ErrName)
		w.refused(s.Store, ID{"bank", ""}, ErrName)
		w.imported(s.Store, psu1, 5*time.Minute)
		elsewhere := w.with(func(c *Client) { c.Endpoint.URL = "https://sandbox.example/token" })
		if _, err := s.Token(t.Context(), psu1, elsewhere); !errors.Is(err, ErrElsewhere) {
			t.Errorf("another endpoint: %v", err)
		}
		other := w.with(func(c *Client) { c.ClientID = "other" })
		if _, err := s.Token(t.Context(), psu1, other); !errors.Is(err, ErrElsewhere) {
			t.Errorf("another client_id: %v", err)
		}
		w.usable(s.Store, psu1)
		if n := w.bank.refreshes(); n != 0 {
			t.Errorf("%d refreshes", n)
		}
		time.Sleep(200 * day)
		w.refused(s.Store, psu1, ErrConsentExpired)
		s.Close()
		if err := s.Refresh(t.Context(), psu1, w.client); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

func TestUnknownNamesTakeNoMemory(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.refused(s.Store, ID{"bank", "nobody"}, ErrUnknown)
		if n := s.hot.entries.Len(); n != 0 {
			t.Errorf("%d entries", n)
		}
	})
}

func TestNoTokenAfterConsent(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		p := w.bank.grant(psu1.Name)
		until := time.Now().Add(defaultRecheck - time.Second) // before the record is read again
		err := s.Import(t.Context(), psu1, w.client, Import{
			RefreshToken: p.refresh, AccessToken: p.access, AccessExpiry: time.Now().Add(time.Hour), ConsentUntil: until,
		})
		if err != nil {
			t.Fatal(err)
		}
		w.usable(s.Store, psu1)
		time.Sleep(time.Until(until))
		w.refused(s.Store, psu1, ErrConsentExpired)
	})
}

func TestForcedRefresh(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 5*time.Minute)
		first := w.usable(s.Store, psu1)
		if err := s.Refresh(t.Context(), psu1, w.client); err != nil {
			t.Fatal(err)
		}
		if second := w.usable(s.Store, psu1); second == first || w.bank.refreshes() != 1 {
			t.Error("not refreshed")
		}
	})
}

func TestNoRefreshToken(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		p := w.bank.grant(psu1.Name)
		err := s.Import(t.Context(), psu1, w.client, Import{
			AccessToken: p.access, AccessExpiry: time.Now().Add(time.Minute), AuthorizedAt: time.Now(),
		})
		if err != nil {
			t.Fatal(err)
		}
		w.usable(s.Store, psu1)
		time.Sleep(time.Minute)
		w.refused(s.Store, psu1, ErrNoRefreshToken)
	})
}

func TestBankKeepsRefreshToken(t *testing.T) {
	inWorld(t, false, true, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.bank.noFresh = true
		for range 3 {
			w.usable(s.Store, psu1)
			time.Sleep(10 * time.Minute)
		}
		if n := w.bank.refreshes(); n < 3 {
			t.Errorf("%d refreshes", n)
		}
	})
}

func TestPanicInTheCall(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		c := w.with(func(c *Client) {
			c.Endpoint.Secret = func() (string, error) { panic("s3cret") }
			c.Endpoint.Spec.ClientAuth = tokens.ClientAuthBasic
		})
		_, err := s.Token(t.Context(), psu1, c)
		if !errors.Is(err, tokens.ErrUnavailable) && !errors.Is(err, ErrQuarantined) {
			t.Errorf("got %v", err)
		}
	})
}
