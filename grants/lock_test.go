package grants

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// While a refresh is under way its lock is lost. The others see the request
// and wait for its outcome.
func TestLockLostMidRefresh(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		other := w.process()
		defer other.Close()
		w.bank.slow(5 * time.Second)
		go s.usableOrNot(psu1, w.client)
		time.Sleep(time.Second)
		s.handle.LoseLocks()
		w.usable(other.Store, psu1)
		w.usable(s.Store, psu1)
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// Two processes take over the lock of one that has vanished, both at once.
func TestTwoTakersOfALock(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		dead := w.process()
		defer dead.Close()
		if _, err := dead.hold(t.Context(), psu1, w.client); err != nil {
			t.Fatal(err)
		}
		dead.handle.Vanish()
		other := w.process()
		defer other.Close()
		// The one that has got it loses it again, before it announces.
		for _, p := range []*process{s, other} {
			p.handle.Hook(func(_ context.Context, op storagetest.Op, key string) error {
				if op == storagetest.Load {
					p.handle.LoseLocks()
				}
				return nil
			})
		}
		go s.usableOrNot(psu1, w.client)
		w.usable(other.Store, psu1)
		w.usable(s.Store, psu1)
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// A process has vanished after it announced a refresh: nobody knows whether the
// bank was asked.
func TestVanishedAfterAnnouncement(t *testing.T) {
	for _, survives := range []bool{false, true} {
		inWorld(t, !survives, survives, func(t *testing.T, w *world, s *process) {
			w.imported(s.Store, psu1, 0)
			dead := w.process()
			defer dead.Close()
			w.bank.onRequest(func(url.Values) { dead.handle.Vanish() })
			go dead.usableOrNot(psu1, w.client)
			time.Sleep(time.Second)
			w.bank.onRequest(nil)
			started := time.Now()
			token, err := s.Token(t.Context(), psu1, w.client)
			if survives != (err == nil) || !survives && !errors.Is(err, ErrQuarantined) {
				t.Errorf("survives %t: %v", survives, err)
			}
			if token != nil && !w.bank.honours(psu1.Name, token.Value()) {
				t.Error("the bank does not honour the token")
			}
			if waited := time.Since(started); waited > 25*time.Second {
				t.Errorf("waited %v", waited)
			}
		})
	}
}

// The clock of the process that has vanished was far ahead.
func TestVanishedWithAnotherClock(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		dead := w.process(func(o *Options) {
			o.Now = func() time.Time { return time.Now().Round(0).Add(24 * time.Hour) }
		})
		defer dead.Close()
		w.bank.onRequest(func(url.Values) { dead.handle.Vanish() })
		go dead.usableOrNot(psu1, w.client)
		time.Sleep(time.Second)
		started := time.Now()
		w.refused(s.Store, psu1, ErrQuarantined)
		if waited := time.Since(started); waited > 30*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

// A request that was left behind is not judged by the rules of another bank,
// which the configuration names now.
func TestVanishedElsewhere(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		dead := w.process()
		defer dead.Close()
		w.bank.onRequest(func(url.Values) { dead.handle.Vanish() })
		go dead.usableOrNot(psu1, w.client)
		time.Sleep(time.Minute)
		w.bank.onRequest(nil)
		elsewhere := w.with(func(c *Client) {
			c.Endpoint.URL, c.Endpoint.Spec.RefreshSurvives = "https://sandbox.example/token", true
		})
		if _, err := s.Token(t.Context(), psu1, elsewhere); !errors.Is(err, ErrElsewhere) {
			t.Errorf("got %v", err)
		}
		w.refused(s.Store, psu1, ErrQuarantined)
	})
}
