package grants

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// The disk is full before the bank is asked: it is not asked.
func TestFullDiskBefore(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.storage.SetFull(true)
		w.refused(s.Store, psu1, vault.ErrUnavailable)
		if n := w.bank.refreshes(); n != 0 {
			t.Fatalf("%d refreshes", n)
		}
		w.storage.SetFull(false)
		time.Sleep(2 * time.Second)
		w.usable(s.Store, psu1)
		if got := w.state(s.Store, psu1).Status; got != StatusActive {
			t.Errorf("status %s", got)
		}
	})
}

// The disk is full after the bank was asked: the answer is served from memory,
// and stored when there is room.
func TestFullDiskAfter(t *testing.T) {
	for _, rotates := range []bool{true, false} {
		inWorld(t, rotates, !rotates, func(t *testing.T, w *world, s *process) {
			w.imported(s.Store, psu1, 0)
			other := w.process()
			defer other.Close()
			w.bank.onRequest(func(url.Values) { w.storage.SetFull(true) })
			token := w.usable(s.Store, psu1)
			if !w.state(s.Store, psu1).Unsaved || w.happened(EventUnsaved) != 1 {
				t.Errorf("nobody was told: %v", w.kinds())
			}
			time.Sleep(30 * time.Second)
			if w.usable(s.Store, psu1) != token {
				t.Error("the token in memory is not served")
			}
			w.bank.onRequest(nil)
			w.storage.SetFull(false)
			time.Sleep(time.Second)
			w.usable(other.Store, psu1)
			if n := w.bank.refreshes(); n != 1 {
				t.Errorf("%d refreshes", n)
			}
			if w.state(s.Store, psu1).Unsaved || w.happened(EventSaved) != 1 {
				t.Errorf("not saved: %v", w.kinds())
			}
		})
	}
}

// Nothing has reached the bank, and the disk is full when that is to be noted:
// it is noted later, and the grant not taken for ambiguous.
func TestFullDiskAfterNothing(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		other := w.process()
		defer other.Close()
		client := w.with(func(c *Client) {
			c.Endpoint.Do = func(*http.Request) (*http.Response, error) {
				w.storage.SetFull(true)
				return nil, unsentError{}
			}
		})
		if _, err := s.Token(t.Context(), psu1, client); !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		time.Sleep(10 * time.Second)
		w.storage.SetFull(false)
		time.Sleep(time.Minute)
		w.usable(other.Store, psu1)
	})
}

// The store is closed while an answer is in memory only: it goes on trying for
// a while.
func TestCloseSaves(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.bank.onRequest(func(url.Values) { w.storage.SetFull(true) })
		w.usable(s.Store, psu1)
		time.AfterFunc(3*time.Second, func() { w.storage.SetFull(false) })
		s.Close()
		w.bank.onRequest(nil)
		other := w.process()
		defer other.Close()
		w.usable(other.Store, psu1)
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

func TestCloseGivesUp(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.bank.onRequest(func(url.Values) { w.storage.SetFull(true) })
		w.usable(s.Store, psu1)
		started := time.Now()
		s.Close()
		if waited := time.Since(started); waited < closeBound || waited > closeBound+time.Second {
			t.Errorf("closed after %v", waited)
		}
		if w.happened(EventUnsavedLost) != 1 {
			t.Errorf("nobody was told: %v", w.kinds())
		}
		// The next process finds the request that was announced.
		w.storage.SetFull(false)
		other := w.process()
		defer other.Close()
		time.Sleep(time.Minute)
		w.refused(other.Store, psu1, ErrQuarantined)
	})
}

// Many answers are in memory only, and the storage does not even fail: Close is
// as quick.
func TestCloseGivesUpMany(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		const many = 20 // more than are stored at a time; with many more, Go 1.26 crashes in synctest under its race detector
		for i := range many {
			w.imported(s.Store, ID{"bank", fmt.Sprint("psu-", i)}, 0)
		}
		w.bank.onRequest(func(url.Values) {
			time.Sleep(time.Second)
			s.handle.Slow(time.Hour)
		})
		var callers sync.WaitGroup
		for i := range many {
			callers.Go(func() { s.usableOrNot(ID{"bank", fmt.Sprint("psu-", i)}, w.client) })
		}
		callers.Wait()
		answers := w.happened(EventUnsaved)
		if answers < savesAtOnce {
			t.Fatalf("%d answers only are unsaved", answers)
		}
		started := time.Now()
		s.Close()
		if took := time.Since(started); took > closeBound+time.Second {
			t.Errorf("Close took %v", took)
		}
		if lost := w.happened(EventUnsavedLost); lost != answers {
			t.Errorf("%d of %d told as lost", lost, answers)
		}
	})
}

// A storage so slow that an announcement is old before it is there: the bank is
// not asked, and the grant stays as it was.
func TestSlowStorage(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		s.slowStore(4 * time.Second)
		_, err := s.Token(t.Context(), psu1, w.client)
		if !errors.Is(err, ErrBusy) && !errors.Is(err, vault.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		if n := w.bank.refreshes(); n != 0 {
			t.Errorf("%d refreshes", n)
		}
		s.slowStore(0)
		time.Sleep(time.Minute)
		w.usable(s.Store, psu1)
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

func (p *process) slowStore(d time.Duration) {
	p.handle.Hook(func(_ context.Context, op storagetest.Op, _ string) error {
		if op == storagetest.Store {
			time.Sleep(d)
		}
		return nil
	})
}

// A storage that is slow, but not too slow.
func TestSlowerStorage(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		s.slowStore(time.Second)
		w.usable(s.Store, psu1)
	})
}
