package grants

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// watchEvery is how often a record is looked at whose request is open elsewhere,
// or whose lock is another's.
const watchEvery = 200 * time.Millisecond

// holdOrSee takes the lock, or gives the token that whoever has the lock has
// fetched: storages tell a waiter late that a lock is free.
func (s *Store) holdOrSee(ctx context.Context, e *errand) (*held, result, error) {
	type locked struct {
		held *held
		err  error
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	got := make(chan locked, 1)
	go func() {
		h, err := s.hold(waiting, e.id, e.client)
		got <- locked{h, err}
	}()
	look := time.NewTicker(watchEvery)
	defer look.Stop()
	for {
		select {
		case l := <-got:
			return l.held, result{}, l.err
		case <-look.C:
			seen, ok := s.see(ctx, e)
			if !ok {
				continue
			}
			cancel()
			if l := <-got; l.held != nil {
				l.held.release()
			}
			return nil, seen, nil
		}
	}
}

// see reads the record without the lock.
func (s *Store) see(ctx context.Context, e *errand) (result, bool) {
	reading, cancel := bounded(ctx, recheckTimeout)
	defer cancel()
	stored, err := s.read(reading, e.id)
	if err != nil {
		return result{}, false
	}
	r, _ := stored.settle(e.client.spec(), s.now())
	if r.refusal(e.client, s.now()) != nil {
		return result{}, false
	}
	t := e.serves(&r, s.now())
	return result{token: t, record: r, known: true}, t != nil
}

// watch is another process's open request, and since when it is looked at.
type watch struct {
	request string
	since   time.Time
}

// patience reports whether an open request was watched for as long as it may
// take. The clock of the machine that wrote it may be wrong.
func (w *watch) patience(p *pending) bool {
	if w.request != p.ID {
		w.request, w.since = p.ID, time.Now()
	}
	return time.Since(w.since) >= p.Deadline.Sub(p.Started)
}

// await waits until the open request has ended or its time is over. The lock is
// not held meanwhile: whoever made the request may need it.
func (w *watch) await(ctx context.Context, s *Store, id ID, p *pending) error {
	look := time.NewTicker(watchEvery)
	defer look.Stop()
	for p.open(s.now()) && !w.patience(p) {
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
		}
		reading, cancel := bounded(ctx, recheckTimeout)
		r, err := s.load(reading, id)
		cancel()
		if errors.Is(err, ErrUnknown) || err == nil && (r.Pending == nil || r.Pending.ID != p.ID || !r.Pending.open(s.now())) {
			return nil
		}
	}
	return nil
}
