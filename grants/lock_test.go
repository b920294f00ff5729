package grants

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
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

// Whoever waits for a place among those who ask the bank does not hold the lock,
// and reads the record afterwards.
func TestWaitingForAPlace(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		other := w.process()
		defer other.Close()
		w.client.Endpoint.Timeout = 40 * time.Second
		w.imported(s.Store, psu1, 0)
		w.bank.slow(30 * time.Second)
		var wg sync.WaitGroup
		for i := range maxAsking {
			id := ID{psu1.ASPSP, fmt.Sprint("other-", i)}
			w.imported(s.Store, id, 0)
			wg.Go(func() { w.usable(s.Store, id) })
		}
		time.Sleep(time.Second)
		wg.Go(func() { w.usable(s.Store, psu1) })
		time.Sleep(15 * time.Second)
		started := time.Now()
		wg.Go(func() {
			w.usable(other.Store, psu1)
			if waited := time.Since(started); waited != w.bank.delay {
				t.Errorf("the other process has waited %v", waited)
			}
		})
		wg.Wait()
		if n := w.bank.refreshes(); n != maxAsking+1 {
			t.Errorf("psu-1 was refreshed %d times", n-maxAsking)
		}
	})
}

// A lock is lost after the record was read under it, and another process has
// begun, or ended, a refresh before ours is announced.
func TestLockLostBeforeAnnouncement(t *testing.T) {
	for _, delay := range []time.Duration{time.Minute, 5 * time.Second, 0} {
		inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
			w.client.Endpoint.Timeout = 2 * time.Minute
			w.imported(s.Store, psu1, 0)
			w.bank.slow(delay)
			other := w.process()
			defer other.Close()
			h, err := s.hold(t.Context(), psu1, w.client)
			if err != nil {
				t.Fatal(err)
			}
			r, _, err := h.load(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			s.handle.LoseLocks()
			go other.usableOrNot(psu1, w.client)
			time.Sleep(current + time.Second)
			if _, err := h.announce(t.Context(), &r, newPending(kindRefresh, &r, w.client, time.Now())); !errors.Is(err, errOvertaken) {
				t.Errorf("delay %v: got %v", delay, err)
			}
			h.release()
			w.usable(s.Store, psu1)
			if n := w.bank.refreshes(); n != 1 {
				t.Errorf("delay %v: %d refreshes", delay, n)
			}
		})
	}
}

// The lock is not held while another process's request is waited for.
func TestOpenRequestIsAwaitedWithoutTheLock(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		dead := w.process()
		defer dead.Close()
		w.bank.onRequest(func(url.Values) { dead.handle.Vanish() })
		go dead.usableOrNot(psu1, w.client)
		time.Sleep(time.Second)
		dead.handle.LoseLocks()
		go s.usableOrNot(psu1, w.client)
		time.Sleep(time.Second)
		started := time.Now()
		h, err := s.hold(t.Context(), psu1, w.client)
		if err != nil {
			t.Fatal(err)
		}
		h.release()
		if waited := time.Since(started); waited != 0 {
			t.Errorf("waited %v for the lock", waited)
		}
		w.refused(s.Store, psu1, ErrQuarantined)
	})
}

// An announcement takes so long to write that the lock is another's by then, who
// is asking the bank: it is waited for.
func TestLockLostWhileAnnouncing(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.bank.slow(5 * time.Second)
		other := w.process()
		defer other.Close()
		s.slowStore(9 * time.Second)
		time.AfterFunc(7*time.Second, func() {
			s.slowStore(0) // from the next on
			s.handle.LoseLocks()
			other.usableOrNot(psu1, w.client)
		})
		w.usable(s.Store, psu1)
		w.usable(other.Store, psu1)
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes, %d with a token that was used up", n, w.bank.reused)
		}
	})
}

// It was only the storage that was slow: the grant is as before.
func TestNobodyHasTheLockWhileAnnouncing(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		s.slowStore(9 * time.Second)
		w.refused(s.Store, psu1, errSlow)
		w.refused(s.Store, psu1, vault.ErrUnavailable)
		s.slowStore(0)
		time.Sleep(2 * time.Second)
		w.usable(s.Store, psu1)
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}
