package grants

import (
	"net/url"
	"testing"
	"time"
)

// heirs gives stores that keep what is unsaved for one another.
func heirs(u *Unsaved, storage string) func(*Options) {
	return func(o *Options) { o.Unsaved, o.StorageID = u, storage }
}

// unsavedAnswer leaves an answer in the memory of the store.
func (w *world) unsavedAnswer(s *process) {
	w.t.Helper()
	w.imported(s.Store, psu1, 0)
	w.bank.onRequest(func(url.Values) { w.storage.SetFull(true) })
	w.usable(s.Store, psu1)
	w.bank.onRequest(nil)
	if w.happened(EventUnsaved) != 1 {
		w.t.Fatal(w.kinds())
	}
}

// saved checks that the answer gets into the storage once that works again.
func (w *world) saved(s *process) {
	w.t.Helper()
	w.storage.SetFull(false)
	time.Sleep(2 * time.Second)
	other := w.process()
	defer other.Close()
	w.usable(other.Store, psu1)
	if w.happened(EventSaved) != 1 || w.happened(EventUnsavedLost) != 0 || w.bank.refreshes() != 1 {
		w.t.Errorf("%d refreshes, %v", w.bank.refreshes(), w.kinds())
	}
	if w.state(s.Store, psu1).Unsaved {
		w.t.Error("still unsaved")
	}
}

// The store of the next configuration serves and stores what that of the former
// could not, whether the former is closed before or after it was made.
func TestUnsavedOutlivesStore(t *testing.T) {
	for name, overlap := range map[string]bool{"overlap": true, "gap": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, true, false, func(t *testing.T, w *world, _ *process) {
				u := NewUnsaved()
				defer u.Close()
				first := w.process(heirs(u, "a"))
				w.unsavedAnswer(first)
				var second *process
				limit := closeBound
				if overlap {
					second, limit = w.process(heirs(u, "a")), 0
				}
				started := time.Now()
				if overlap {
					if err := first.Retire(t.Context()); err != nil {
						t.Error(err)
					}
				}
				first.Close()
				if took := time.Since(started); took != limit {
					t.Errorf("closed after %v", took)
				}
				if !overlap {
					time.Sleep(time.Minute)
					second = w.process(heirs(u, "a"))
				}
				defer second.Close()
				w.usable(second.Store, psu1)
				if !w.state(second.Store, psu1).Unsaved {
					t.Error("does not know of it")
				}
				w.saved(second)
			})
		})
	}
}

// An answer that arrives while the store retires is stored by its heir, and the
// store itself tries where it has none.
func TestRetireLeavesUnsaved(t *testing.T) {
	for name, heir := range map[string]bool{"heir": true, "none": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, true, false, func(t *testing.T, w *world, _ *process) {
				u := NewUnsaved()
				defer u.Close()
				first := w.process(heirs(u, "a"))
				defer first.Close()
				w.imported(first.Store, psu1, 0)
				keeper := first
				if heir {
					keeper = w.process(heirs(u, "a"))
					defer keeper.Close()
				}
				w.bank.onRequest(func(url.Values) {
					time.Sleep(5 * time.Second)
					first.handle.SetFull(true)
				})
				go first.usableOrNot(psu1, w.client)
				time.Sleep(time.Second)
				time.AfterFunc(14*time.Second, func() { w.storage.SetFull(false) })
				started := time.Now()
				if err := first.Retire(t.Context()); err != nil {
					t.Error(err)
				}
				if waited := time.Since(started); heir && waited > 5*time.Second || !heir && waited < 14*time.Second {
					t.Errorf("retired after %v", waited)
				}
				time.Sleep(15 * time.Second)
				w.saved(keeper)
			})
		})
	}
}

// What belongs to another storage is not stored in this one.
func TestUnsavedOfAnotherStorage(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, _ *process) {
		u := NewUnsaved()
		first := w.process(heirs(u, "a"))
		w.unsavedAnswer(first)
		second := w.process(heirs(u, "b"))
		defer second.Close()
		first.Close()
		w.storage.SetFull(false)
		time.Sleep(time.Minute)
		if w.happened(EventSaved) != 0 || w.happened(EventUnsavedLost) != 0 {
			t.Error(w.kinds())
		}
		u.Close()
		if w.happened(EventUnsavedLost) != 1 {
			t.Errorf("nobody was told: %v", w.kinds())
		}
	})
}

// The heir of a store is closed before it: the store itself goes on.
func TestUnsavedHeirIsRejected(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, _ *process) {
		u := NewUnsaved()
		defer u.Close()
		first := w.process(heirs(u, "a"))
		defer first.Close()
		w.unsavedAnswer(first)
		rejected := w.process(heirs(u, "a"))
		rejected.Close()
		w.saved(first)
	})
}
