package grants

import (
	"context"
	"time"
)

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
