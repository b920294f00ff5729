package grants

import (
	"context"
	"fmt"
	"sync"
)

// Retire is for a Store that another takes the place of, and whose storage may be
// closed soon: no call of the bank begins any more, and nothing else that writes.
// What would need one answers ErrClosed; tokens are still served. Retire waits
// until the calls under way are answered and stored, or ctx ends; the error is
// then ctx's. What the storage does not take is left to other Stores with the same
// [Options.Unsaved], if there are any. Close is still needed.
func (s *Store) Retire(ctx context.Context) error {
	s.mu.Lock()
	if !s.retired {
		s.retired = true
		close(s.retiring)
	}
	s.mu.Unlock()
	s.unsaved.leave(s)
	if err := s.calls.waitFor(ctx); err != nil {
		return fmt.Errorf("answers of banks are awaited, or not stored yet: %w", err)
	}
	return nil
}

// Await waits until the calls of banks that are under way are answered and stored,
// or ctx ends; the error is then ctx's. Others may begin meanwhile.
func (s *Store) Await(ctx context.Context) error {
	ended := s.calls.underWay()
	if ended == nil {
		return nil
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("answers of banks are awaited, or not stored yet: %w", ctx.Err())
	}
}

// isRetired reports whether Retire was called.
func (s *Store) isRetired() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.retired
}

// ending reports whether nothing is to be done ahead any more. s.mu must be held.
func (s *Store) ending() bool { return s.retired || s.closed }

// begin counts a change in, unless the store is closed or retired.
func (s *Store) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending() {
		return ErrClosed
	}
	s.running.begin()
	s.calls.begin()
	return nil
}

// end is the end of what begin has counted in.
func (s *Store) end() {
	s.calls.end()
	s.running.end()
}

// call counts in what asks the bank, unless the store is retired; its end is that
// of s.calls. A store that is only closed still asks for those who came before.
func (s *Store) call() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.retired {
		return ErrClosed
	}
	s.calls.begin()
	return nil
}

// work counts what is under way. Unlike a [sync.WaitGroup] it may begin anew
// while somebody waits for its end.
type work struct {
	mu    sync.Mutex
	count int
	// ended is closed when count comes to 0.
	ended chan struct{}
}

func (w *work) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count == 0 {
		w.ended = make(chan struct{})
	}
	w.count++
}

func (w *work) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count--; w.count == 0 {
		close(w.ended)
	}
}

// underWay is closed when the work has ended, nil if there is none.
func (w *work) underWay() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count == 0 {
		return nil
	}
	return w.ended
}

func (w *work) wait() { _ = w.waitFor(context.Background()) }

// waitFor waits until nothing is under way, or ctx ends.
func (w *work) waitFor(ctx context.Context) error {
	for ended := w.underWay(); ended != nil; ended = w.underWay() {
		select {
		case <-ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
