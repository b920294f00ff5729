package grants

import (
	"context"
	"sync"
	"time"
)

const (
	// saveEvery is how often it is tried to store what could not be stored.
	saveEvery = 500 * time.Millisecond
	// closeBound is how long Close goes on trying.
	closeBound = 5 * time.Second
	// savesAtOnce bounds how many grants are stored at a time.
	savesAtOnce = 16
)

// remember holds the outcome in memory and goes on trying to store it.
func (s *Store) remember(item unsavedItem) {
	if item.only() {
		s.event(item.base.id(), Event{Kind: EventUnsaved})
	}
	s.unsaved.add(s, item)
}

// startSaving begins to store what is unsaved, unless that is under way.
// s.unsaved.mu must be held.
func (s *Store) startSaving() {
	if s.saves {
		return
	}
	s.saves = true
	s.running.begin()
	s.calls.begin()
	go s.saveLoop()
}

// saveLoop ends when all is stored, when another Store goes on with it, or some
// time after Close.
func (s *Store) saveLoop() {
	defer s.end()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ctx = limited(ctx)
	go s.endAfterClose(ctx, cancel)
	retiring, closing := s.retiring, s.closing
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-retiring:
			retiring = nil
		case <-closing:
			closing = nil
		case <-ctx.Done():
			s.unsaved.stop(s)
			return
		}
		if s.unsaved.rest(s) {
			return
		}
		s.saveAll(ctx)
		if s.unsaved.rest(s) {
			return
		}
	}
}

// endAfterClose ends the context of what is being stored, also in the middle,
// when Close has waited long enough.
func (s *Store) endAfterClose(ctx context.Context, cancel context.CancelFunc) {
	select {
	case <-s.closing:
	case <-ctx.Done():
		return
	}
	timer := time.NewTimer(closeBound)
	defer timer.Stop()
	select {
	case <-timer.C:
		cancel()
	case <-ctx.Done():
	}
}

// saveAll tries each item once, some at a time, for a storage may take long to
// fail.
func (s *Store) saveAll(ctx context.Context) {
	var saving sync.WaitGroup
	places := make(chan struct{}, savesAtOnce)
	for _, id := range s.unsaved.ids() {
		places <- struct{}{}
		saving.Go(func() {
			defer func() { <-places }()
			s.saveOne(ctx, id)
		})
	}
	saving.Wait()
}

func (s *Store) saveOne(ctx context.Context, id ID) {
	item, ok := s.unsaved.of(id)
	if !ok || ctx.Err() != nil {
		return
	}
	locking, cancel := context.WithTimeout(ctx, recheckTimeout)
	h, err := s.hold(locking, id, item.client)
	cancel()
	if err != nil {
		return
	}
	defer func() {
		if ctx.Err() != nil {
			go h.release() // nobody waits for a storage that does not answer
			return
		}
		h.release()
	}()
	if _, st, err := h.load(ctx, nil); err == nil && st.settled() {
		s.cut(id)
	}
}
