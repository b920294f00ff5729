package grants

import (
	"testing"
	"testing/synctest"
	"time"
)

// withoutRefresh makes the grant of psu1 with nothing but an access token.
func (w *world) withoutRefresh(s *Store, lives time.Duration) pair {
	w.t.Helper()
	p := w.bank.grant(psu1.Name)
	err := s.Import(w.t.Context(), psu1, w.client, Import{
		AccessToken: p.access, AccessExpiry: time.Now().Add(lives), AuthorizedAt: time.Now(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// A grant without a refresh token serves its access token to the end.
func TestNoRefreshTokenServesToTheEnd(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.withoutRefresh(s.Store, time.Hour)
		for range 19 {
			w.usable(s.Store, psu1)
			time.Sleep(3 * time.Minute)
			synctest.Wait()
		}
		time.Sleep(3 * time.Minute)
		w.refused(s.Store, psu1, ErrNoRefreshToken)
		if n := w.bank.refreshes(); n != 0 || w.happened(EventRefreshFailed) != 0 {
			t.Errorf("%d refreshes, %v", n, w.kinds())
		}
	})
}

// Asking for a new token in vain takes the present one from nobody, whether it is
// in memory or not.
func TestNoRefreshTokenForced(t *testing.T) {
	for name, warm := range map[string]bool{"in memory": true, "cold": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
				w.withoutRefresh(s.Store, time.Hour)
				if warm {
					w.usable(s.Store, psu1)
				}
				// Those who come while it is under way get the token, too.
				s.handle.Slow(time.Second)
				done := make(chan error, 1)
				go func() { done <- s.Refresh(t.Context(), psu1, w.client) }()
				time.Sleep(10 * time.Millisecond)
				w.usable(s.Store, psu1)
				if err := <-done; !errorIs(err, ErrNoRefreshToken) {
					t.Errorf("got %v", err)
				}
				s.handle.Slow(0)
				w.usable(s.Store, psu1)
				time.Sleep(time.Minute)
				w.usable(s.Store, psu1)
			})
		})
	}
}

// A refresh that was asked for and failed does not keep the token of the record
// from being used.
func TestForcedRefreshFails(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		p := w.imported(s.Store, psu1, time.Hour)
		w.bank.failNext(unreachable)
		if err := s.Refresh(t.Context(), psu1, w.client); err == nil {
			t.Error("no error")
		}
		time.Sleep(2 * time.Second)
		if token := w.usable(s.Store, psu1); token.Value() != p.access {
			t.Error("another token")
		}
	})
}

// One 401 does not end a grant without a refresh token: its token is tried again
// after a while, each time.
func TestNoRefreshTokenDropped(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.withoutRefresh(s.Store, time.Hour)
		for range 3 {
			s.Drop(psu1, w.usable(s.Store, psu1))
			w.refused(s.Store, psu1, ErrNoRefreshToken)
			time.Sleep(dropLasts - time.Second)
			// Nor is it brought back by one who asks for a new one.
			if err := s.Refresh(t.Context(), psu1, w.client); !errorIs(err, ErrNoRefreshToken) {
				t.Errorf("got %v", err)
			}
			w.refused(s.Store, psu1, ErrNoRefreshToken)
			time.Sleep(2 * time.Second)
		}
		w.usable(s.Store, psu1)
	})
}

// With a refresh token a dropped one is never used again, however long there is
// no other.
func TestDroppedStaysDropped(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, time.Hour)
		dropped := w.usable(s.Store, psu1)
		s.Drop(psu1, dropped)
		for range 10 {
			w.bank.failNext(unreachable)
			if token, err := s.Token(t.Context(), psu1, w.client); err == nil {
				t.Fatal("a token, the dropped one:", token.Value() == dropped.Value())
			}
			w.bank.recover()
			w.bank.failNext(unreachable, unreachable)
			time.Sleep(20 * time.Second)
		}
	})
}
