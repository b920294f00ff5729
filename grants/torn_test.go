package grants

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// tearAt lets the nth write of a grant from now on fail, and leave a torn record.
func (p *process) tearAt(n int) {
	written := 0
	p.handle.Hook(func(_ context.Context, op storagetest.Op, key string) error {
		if op == storagetest.Store && strings.Contains(key, "/grants/") {
			if written++; written == n {
				p.handle.Tear(100, storagetest.ErrInjected)
			}
		}
		return nil
	})
}

// A write that fails and leaves a torn record costs nothing, whichever it is of a
// refresh: the announcement, the raw answer, or the settled record. What it was is
// in memory.
func TestTornRefresh(t *testing.T) {
	for n := 1; n <= 3; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
				w.imported(s.Store, psu1, 0)
				other := w.process()
				defer other.Close()
				s.tearAt(n)
				if n == 1 {
					w.refused(s.Store, psu1, vault.ErrUnavailable)
				} else {
					w.usable(s.Store, psu1)
				}
				if state := w.state(s.Store, psu1); state.Status != StatusActive || !state.HasRefreshToken {
					t.Errorf("state %+v", state)
				}
				time.Sleep(2 * time.Second)
				w.usable(other.Store, psu1)
				w.usable(s.Store, psu1)
				if asked := w.bank.refreshes(); asked != 1 {
					t.Errorf("%d refreshes", asked)
				}
				want := 1
				if n == 1 {
					want = 0 // there was no answer
				}
				if unsaved, saved := w.happened(EventUnsaved), w.happened(EventSaved); unsaved != want || saved != want || w.state(s.Store, psu1).Unsaved {
					t.Errorf("events %v", w.kinds())
				}
			})
		})
	}
}

// Closed before the storage works again: nobody is told of an answer lost that is
// in the record.
func TestTornNotLost(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		written := 0
		s.handle.Hook(func(_ context.Context, op storagetest.Op, _ string) error {
			if op == storagetest.Store {
				if written++; written == 3 { // all but the raw answer fails from now on
					w.storage.SetFull(true)
				}
			}
			return nil
		})
		w.usable(s.Store, psu1)
		s.Close()
		w.storage.SetFull(false)
		other := w.process()
		defer other.Close()
		w.usable(other.Store, psu1)
		if w.happened(EventUnsaved)+w.happened(EventUnsavedLost) != 0 || w.bank.refreshes() != 1 {
			t.Errorf("events %v, %d refreshes", w.kinds(), w.bank.refreshes())
		}
	})
}

// The exchange of a first code, and of one for a grant that there is.
func TestTornExchange(t *testing.T) {
	for _, first := range []bool{true, false} {
		for n := 1; n <= 3; n++ {
			t.Run(fmt.Sprintf("first=%t/%d", first, n), func(t *testing.T) {
				inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
					if !first {
						w.imported(s.Store, psu1, time.Hour)
						w.usable(s.Store, psu1)
					}
					s.tearAt(n)
					_, err := w.exchange(s, w.bank.authorize(psu1.Name))
					if (err == nil) != (n > 1) {
						t.Errorf("exchange: %v", err)
					}
					s.handle.Hook(nil)
					time.Sleep(2 * time.Second)
					if first && n == 1 { // there is nothing yet, and nothing is kept
						if len(s.unsaved.ids()) != 0 {
							t.Error("it is tried to store nothing")
						}
						if _, err := w.exchange(s, w.bank.authorize(psu1.Name)); err != nil {
							t.Error(err)
						}
					}
					w.usable(s.Store, psu1)
				})
			})
		}
	}
}

// What an operator or the consent clock writes may be torn, too: the grant is
// what it was before.
func TestTornChange(t *testing.T) {
	for name, change := range map[string]func(w *world, s *process) error{
		"revoke": func(w *world, s *process) error {
			_, err := s.Revoke(context.Background(), psu1, w.client)
			return err
		},
		"replace": func(w *world, s *process) error {
			return s.Import(context.Background(), psu1, w.client, Import{RefreshToken: "r", AuthorizedAt: time.Now(), Replace: true})
		},
		"release": func(w *world, s *process) error {
			w.bank.failNext(lostRequest)
			s.usableOrNot(psu1, w.client)
			defer func() {
				time.Sleep(2 * time.Second)
				if err := s.Release(context.Background(), psu1); err != nil {
					w.t.Error(err)
				}
			}()
			s.tearAt(1)
			return s.Release(context.Background(), psu1)
		},
		"warn": func(w *world, s *process) error {
			time.Sleep(170 * day)
			s.tearAt(1)
			return s.Sweep(context.Background())
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
				w.imported(s.Store, psu1, 0)
				if name == "revoke" || name == "replace" {
					s.tearAt(1)
				}
				if err := change(w, s); !errors.Is(err, vault.ErrUnavailable) {
					t.Errorf("got %v", err)
				}
				time.Sleep(2 * time.Second)
				if len(s.unsaved.ids()) != 0 {
					t.Error("not put back")
				}
				w.usable(s.Store, psu1)
			})
		})
	}
}

// A process finds an answer that another one has stored and not lived to settle,
// and tears the record when it settles it.
func TestTornSettling(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		dying := w.process()
		defer dying.Close()
		written := 0
		dying.handle.Hook(func(_ context.Context, op storagetest.Op, key string) error {
			if op == storagetest.Store && strings.Contains(key, "/grants/") {
				if written++; written == 3 {
					dying.handle.Vanish()
				}
			}
			return nil
		})
		dying.usableOrNot(psu1, w.client)
		time.Sleep(time.Minute)
		s.tearAt(1)
		_ = s.Refresh(t.Context(), psu1, w.client)
		s.handle.Hook(nil)
		time.Sleep(2 * time.Second)
		w.usable(s.Store, psu1)
	})
}

// A record that a later version of this program has written is no torn one.
func TestTornIsNotLater(t *testing.T) {
	later := settleRecord(StatusActive)
	later.Version = recordVersion + 1
	plaintext, err := later.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeRecord(psu1, plaintext); !damaged(err) || torn(err) {
		t.Errorf("got %v", err)
	}
}
