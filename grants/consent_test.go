package grants

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

func TestSweep(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		other := w.process()
		defer other.Close()
		w.imported(s.Store, psu1, 0) // an hour ago, for 180 days
		quiet := ID{"bank", "revoked"}
		w.imported(s.Store, quiet, 0)
		if _, err := s.Revoke(t.Context(), quiet, w.client); err != nil {
			t.Fatal(err)
		}
		dead := ID{"bank", "refused"}
		w.imported(s.Store, dead, 0)
		w.bank.failNext(refuseGrant)
		w.refused(s.Store, dead, ErrRefused)
		var days []int
		for d := range 182 {
			time.Sleep(day)
			for _, p := range []*process{s, other} {
				if err := p.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			for _, e := range w.take(EventConsentExpiring, EventConsentExpired) {
				if e.Name == dead.Name && e.Kind == EventConsentExpired {
					continue
				}
				if e.Name != psu1.Name {
					t.Errorf("event %+v", e)
				}
				days = append(days, 180-d-1)
			}
		}
		if want := []int{14, 7, 1, 0}; !slices.Equal(days, want) {
			t.Errorf("announced %v days before", days)
		}
		w.refused(s.Store, psu1, ErrConsentExpired)
		if got := w.state(s.Store, psu1).Status; got != StatusExpired {
			t.Errorf("status %s", got)
		}
		for _, key := range w.storage.Keys() {
			if strings.HasPrefix(key, "tpp/clock/2") {
				t.Errorf("left on the clock: %s", key)
			}
		}
		// The PSU comes back.
		if _, err := w.exchange(s, w.bank.authorize(psu1.Name)); err != nil {
			t.Fatal(err)
		}
		w.usable(s.Store, psu1)
		time.Sleep(167 * day)
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(w.take(EventConsentExpiring)); n != 1 {
			t.Errorf("%d announcements of the new consent", n)
		}
	})
}

// Run sweeps hourly, in one of the processes, until it is told to end.
func TestRun(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		other := w.process()
		defer other.Close()
		ctx, cancel := context.WithCancel(t.Context())
		for _, p := range []*process{s, other} {
			go p.Run(ctx)
			time.Sleep(20 * time.Minute)
		}
		time.Sleep(5 * time.Hour)
		cancel()
		one, two := s.handle.Count(storagetest.List), other.handle.Count(storagetest.List)
		if one == 0 || two != 0 {
			t.Errorf("listed %d and %d times", one, two)
		}
		time.Sleep(2 * time.Hour)
		if n := s.handle.Count(storagetest.List); n != one {
			t.Error("goes on sweeping")
		}
	})
}

// Of processes that start together one sweeps, and the others see it.
func TestRunTogether(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		ctx, cancel := context.WithCancel(t.Context())
		processes := []*process{s, w.process(), w.process()}
		for _, p := range processes {
			p.handle.Slow(time.Millisecond)
			go p.Run(ctx)
			defer p.Close()
		}
		time.Sleep(10 * time.Minute)
		cancel()
		swept := 0
		for _, p := range processes {
			if p.handle.Count(storagetest.List) > 0 {
				swept++
			}
		}
		if swept != 1 {
			t.Errorf("%d of them sweep", swept)
		}
	})
}

// Sweeps that were missed are made up for, each announcement once.
func TestSweepLate(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		expired := ID{"bank", "expired"}
		w.imported(s.Store, expired, 0)
		p := w.bank.grant("later")
		later := ID{"bank", "later"}
		if err := s.Import(t.Context(), later, w.client, Import{RefreshToken: p.refresh, ConsentUntil: time.Now().Add(205 * day)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * day)
		for range 2 {
			if err := s.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.happened(EventConsentExpired); n != 2 {
			t.Errorf("%d expired", n)
		}
		if events := w.take(EventConsentExpiring); len(events) != 1 || events[0].Days != 5 || events[0].Name != "later" {
			t.Errorf("announced %+v", events)
		}
	})
}

// take gives the events of these kinds since the last call.
func (w *world) take(kinds ...EventKind) []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var taken []Event
	for _, e := range w.events {
		if slices.Contains(kinds, e.Kind) {
			taken = append(taken, e)
		}
	}
	w.events = nil
	return taken
}
