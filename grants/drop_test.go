package grants

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestDrop(t *testing.T) {
	inWorld(t, false, true, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 5*time.Minute)
		other := w.process()
		defer other.Close()
		first := w.usable(s.Store, psu1)
		w.usable(other.Store, psu1)
		s.Drop(psu1, first)
		second := w.usable(s.Store, psu1)
		s.Drop(psu1, first) // of old: somebody is late
		if w.usable(s.Store, psu1) != second || w.bank.refreshes() != 1 {
			t.Error("a late Drop has cost a token")
		}
		other.Drop(psu1, first) // it has not seen the new one yet
		w.usable(other.Store, psu1)
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// A token that is dropped while its record is read again does not come back.
func TestDropDuringRecheck(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		first := w.usable(s.Store, psu1)
		time.Sleep(defaultRecheck + time.Second)
		s.handle.Slow(100 * time.Millisecond)
		go s.usableOrNot(psu1, w.client) // reads the record
		synctest.Wait()
		s.Drop(psu1, first)
		for range 2 {
			if again := w.usable(s.Store, psu1); again.Value() == first.Value() {
				t.Error("the token was handed out again")
			}
			time.Sleep(3 * time.Second) // whatever was under way has landed
		}
		if n := w.bank.refreshes(); n != 2 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// A token that is dropped while a refresh is under way costs no second one.
func TestDropDuringRefresh(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 5*time.Minute)
		first := w.usable(s.Store, psu1)
		w.bank.slow(2 * time.Second)
		go func() { _ = s.Refresh(t.Context(), psu1, w.client) }()
		time.Sleep(time.Second)
		s.Drop(psu1, first)
		w.usable(s.Store, psu1)
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}
