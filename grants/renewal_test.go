package grants

import (
	"context"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A used grant is renewed ahead, without anybody waiting; an unused one is not.
func TestRenewalAhead(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		first := w.usable(s.Store, psu1)
		time.Sleep(9 * time.Minute) // of ten
		synctest.Wait()
		if n := w.bank.refreshes(); n != 2 {
			t.Fatalf("%d refreshes", n)
		}
		w.bank.slow(time.Hour) // a caller would wait
		if second, err := s.Token(t.Context(), psu1, w.client); err != nil || second == first {
			t.Error("the renewed token is not served:", err)
		}
		w.bank.slow(0)
		time.Sleep(8 * time.Minute)
		s.usableOrNot(psu1, w.client)
		time.Sleep(time.Hour)
		synctest.Wait()
		// Renewed once after it was used, then left alone.
		if n := w.bank.refreshes(); n > 4 {
			t.Errorf("%d refreshes of a grant that nobody uses", n)
		}
	})
}

func (p *process) usableOrNot(id ID, c *Client) { _, _ = p.Token(context.Background(), id, c) }

// A grant that was not used by the time its renewal was due, is renewed in the
// background once it is.
func TestRenewalWhenUsedLate(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.usable(s.Store, psu1)
		time.Sleep(9 * time.Minute)                // renewed in the background, not used since
		time.Sleep(7*time.Minute + 18*time.Second) // due again, and not at its end
		synctest.Wait()
		if n := w.bank.refreshes(); n != 2 {
			t.Fatalf("%d refreshes", n)
		}
		w.bank.slow(time.Second)
		started := time.Now()
		w.usable(s.Store, psu1)
		if time.Since(started) > 0 {
			t.Error("the caller had to wait")
		}
		time.Sleep(2 * time.Second)
		if n := w.bank.refreshes(); n != 3 {
			t.Errorf("%d refreshes", n)
		}
	})
}

func TestRenewalsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, true, false)
		s := w.process(func(o *Options) { o.Parallel = 3 })
		defer s.Close()
		ids := make([]ID, 20)
		for i := range ids {
			ids[i] = ID{"bank", "psu" + string(rune('a'+i))}
			w.imported(s.Store, ids[i], 0)
			w.usable(s.Store, ids[i])
		}
		var mu sync.Mutex
		running, most := 0, 0
		w.bank.onRequest(func(url.Values) {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(6 * time.Second)
			mu.Lock()
			running--
			mu.Unlock()
		})
		time.Sleep(9*time.Minute + 30*time.Second)
		synctest.Wait()
		if most != 3 {
			t.Errorf("%d at a time", most)
		}
		if n := w.bank.refreshes(); n != 40 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// A renewal that fails leaves the old token in place, and is tried again.
func TestRenewalFails(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		first := w.usable(s.Store, psu1)
		w.bank.failNext(slices.Repeat([]fault{busy}, 100)...)
		time.Sleep(8*time.Minute + 20*time.Second)
		if n := w.bank.refreshes(); w.usable(s.Store, psu1).Value() != first.Value() || n < 2 || n > 20 {
			t.Errorf("%d renewals, or the old token is not served", n)
		}
		w.bank.recover()
		time.Sleep(60 * time.Second)
		if w.usable(s.Store, psu1).Value() == first.Value() {
			t.Error("the renewal was not tried again")
		}
	})
}

// Callers with a good token do not wait for a renewal that is under way, even
// when the record is to be read again.
func TestNobodyWaitsForARenewal(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		first := w.usable(s.Store, psu1)
		w.bank.slow(9 * time.Second)
		go func() { _ = s.Refresh(t.Context(), psu1, w.client) }()
		time.Sleep(defaultRecheck + time.Second)
		started := time.Now()
		if w.usable(s.Store, psu1) != first || time.Since(started) > 0 {
			t.Errorf("waited %v", time.Since(started))
		}
	})
}
