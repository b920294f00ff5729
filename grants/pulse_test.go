package grants

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPulse()
		defer p.end()
		time.Sleep(time.Hour)
		if p.stopped() {
			t.Error("it beats, and seems to have stopped")
		}
		p.mu.Lock()
		p.last = p.last.Add(-standstill)
		p.mu.Unlock()
		for range 2 { // at once, and when it beats again
			if !p.stopped() {
				t.Error("a standstill was not noticed")
			}
			time.Sleep(time.Second)
		}
	})
}

// A process stands still, with the lock, before or while it announces a refresh.
// It does not ask the bank: another may have done so. What it wrote over another's
// record keeps everybody from the former refresh token.
func TestStoppedWhileAnnouncing(t *testing.T) {
	for _, writing := range []bool{false, true} {
		inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
			w.imported(s.Store, psu1, 0)
			h, err := s.hold(t.Context(), psu1, w.client)
			if err != nil {
				t.Fatal(err)
			}
			r, _, err := h.load(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			stop := func() { h.pulse.beatAt(time.Now().Add(standstill)) }
			if !writing {
				stop()
			}
			s.handle.Hook(func(_ context.Context, op storagetest.Op, _ string) error {
				if op == storagetest.Store {
					stop()
				}
				return nil
			})
			_, err = h.announce(t.Context(), &r, newPending(kindRefresh, &r, w.client, time.Now()))
			if !errors.Is(err, errStopped) || !errors.Is(err, ErrBusy) {
				t.Errorf("got %v", err)
			}
			s.handle.Hook(nil)
			h.release()
			if !writing {
				w.usable(s.Store, psu1)
				return
			}
			if _, err := s.Token(t.Context(), psu1, w.client); !matches(err, &QuarantinedError{Reason: ReasonRefreshAmbiguous}) {
				t.Errorf("got %v", err)
			}
			if n := w.bank.refreshes(); n != 0 {
				t.Errorf("%d refreshes", n)
			}
		})
	}
}
