package grants

import (
	"context"
	"errors"
	"time"
)

// renewals are the refreshes ahead of a token's end.
type renewals struct {
	queue   []*entry
	running int
}

// renewalDue is called by an entry's timer. A token that nobody has used is
// left alone until somebody does.
func (s *Store) renewalDue(e *entry) {
	if e.usage.CompareAndSwap(unused, due) {
		return
	}
	s.renewSoon(e)
}

// renewSoon is enqueue without s.mu.
func (s *Store) renewSoon(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enqueue(e)
}

// enqueue has the entry's token renewed as soon as there is room. s.mu must be held.
func (s *Store) enqueue(e *entry) {
	switch {
	case s.ending():
	case s.renewals.running >= s.parallel:
		s.renewals.queue = append(s.renewals.queue, e)
	default:
		s.renewals.running++
		s.running.begin()
		go s.renewAll(e)
	}
}

// renewAll renews the entry's token, then what waits in the queue.
func (s *Store) renewAll(e *entry) {
	defer s.running.end()
	for e != nil {
		s.renew(e)
		e = s.nextRenewal()
	}
}

func (s *Store) nextRenewal() *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending() || len(s.renewals.queue) == 0 {
		s.renewals.queue = nil
		s.renewals.running--
		return nil
	}
	e := s.renewals.queue[0]
	s.renewals.queue[0] = nil
	s.renewals.queue = s.renewals.queue[1:]
	return e
}

// renew refreshes the token of an entry that is still the grant's, and tries
// again later if that fails.
func (s *Store) renew(e *entry) {
	f := s.launchRenewal(e)
	if f == nil {
		return
	}
	<-f.done
	if f.err == nil || lasting(f.err) {
		return
	}
	now := s.now()
	wait := max(renewRetry, e.token.Expiry().Sub(now)/renewRetryShare)
	if held, ok := errors.AsType[*HeldError](f.err); ok {
		wait = max(wait, held.Until.Sub(now)+renewRetry)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if current, ok := s.hot.get(e.id); ok && current == e && !s.ending() {
		e.timer = time.AfterFunc(wait, func() { s.renewalDue(e) })
	}
}

// launchRenewal starts the flight, or joins one that runs already.
func (s *Store) launchRenewal(e *entry) *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	if current, ok := s.hot.get(e.id); s.ending() || !ok || current != e {
		return nil
	}
	if f, ok := s.flights[e.id]; ok {
		return f
	}
	return s.launch(errand{id: e.id, client: e.client, stale: e.token.Value(), background: true})
}

// Run sweeps once an hour until ctx ends. Of several processes on one storage,
// one does it.
func (s *Store) Run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if s.sweepDue(ctx) {
			// Whatever it says, it is tried again in an hour.
			_ = s.sweep(ctx, func(last sweeps) bool { return last.overdue(s.now()) })
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
