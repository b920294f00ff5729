package grants

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// Each fault of a bank that rotates its refresh tokens, and of one that does not.
func TestRefreshFaults(t *testing.T) {
	quarantined := QuarantinedError{Reason: ReasonRefreshAmbiguous}
	for _, c := range []struct {
		name     string
		faults   []fault
		survives bool
		// wantErr is nil if there is a token.
		wantErr error
		asked   int
		status  Status
	}{
		{"unreachable", []fault{unreachable}, false, tokens.ErrUnavailable, 0, StatusActive},
		{"busy", []fault{busy}, false, tokens.ErrUnavailable, 1, StatusActive},
		{"refused scope", []fault{refuseScope}, false, &tokens.RefusedError{}, 1, StatusActive},
		{"refused client", []fault{refuseClient}, false, &tokens.RefusedError{}, 1, StatusActive},
		{"refused grant", []fault{refuseGrant}, false, ErrRefused, 1, StatusRefused},
		{"no answer", []fault{lostAnswer}, false, &quarantined, 1, StatusQuarantined},
		{"request lost", []fault{lostRequest}, false, &quarantined, 1, StatusQuarantined},
		{"timeout", []fault{silent}, false, &quarantined, 1, StatusQuarantined},
		{"error after", []fault{errorAfter}, false, &quarantined, 1, StatusQuarantined},
		{"page", []fault{page}, false, &quarantined, 1, StatusQuarantined},
		{"broken off", []fault{brokenOff}, false, &quarantined, 1, StatusQuarantined},
		{"half, with the new refresh token", []fault{halfRefresh}, false, nil, 2, StatusActive},
		{"survives no answer", []fault{lostAnswer}, true, nil, 2, StatusActive},
		{"survives a timeout", []fault{silent}, true, nil, 2, StatusActive},
		{"survives a page", []fault{page}, true, nil, 2, StatusActive},
		{"survives broken off", []fault{brokenOff}, true, nil, 2, StatusActive},
		{"survives, twice is enough", []fault{lostAnswer, errorAfter}, true, tokens.ErrUnavailable, 2, StatusActive},
		{"survives, then refused", []fault{lostRequest, refuseGrant}, true, ErrRefused, 2, StatusRefused},
		{"survives, then unreachable", []fault{lostRequest, unreachable}, true, tokens.ErrUnavailable, 1, StatusActive},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, !c.survives, c.survives, func(t *testing.T, w *world, s *process) {
				w.imported(s.Store, psu1, 0)
				w.bank.failNext(c.faults...)
				token, err := s.Token(t.Context(), psu1, w.client)
				if !matches(err, c.wantErr) || (token == nil) == (c.wantErr == nil) {
					t.Errorf("got %v, want %v", err, c.wantErr)
				}
				if token != nil && !w.bank.honours(psu1.Name, token.Value()) {
					t.Error("the bank does not honour the token")
				}
				if n := w.bank.refreshes(); n != c.asked {
					t.Errorf("asked %d times, want %d", n, c.asked)
				}
				state := w.state(s.Store, psu1)
				if state.Status != c.status || state.Pending != "" {
					t.Errorf("state %+v", state)
				}
				w.clean(err, state, w.events)
				// What is transient is over; what is not stays.
				time.Sleep(2 * time.Second)
				again, err := s.Token(t.Context(), psu1, w.client)
				if (again != nil) != (c.status == StatusActive) {
					t.Errorf("afterwards: %v", err)
				}
				if c.status == StatusQuarantined && w.happened(EventQuarantined) != 1 || c.status == StatusRefused && w.happened(EventRefused) != 1 {
					t.Errorf("events %v", w.kinds())
				}
			})
		})
	}
}

// matches reports whether an error is of the kind wanted.
func matches(err, want error) bool {
	switch want := want.(type) {
	case nil:
		return err == nil
	case *QuarantinedError:
		got, ok := errors.AsType[*QuarantinedError](err)
		return ok && got.Reason == want.Reason
	case *tokens.RefusedError:
		_, ok := errors.AsType[*tokens.RefusedError](err)
		return ok
	default:
		return errors.Is(err, want)
	}
}

// A quarantined grant is asked about once more for each release.
func TestRelease(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		if err := s.Release(t.Context(), psu1); !errors.Is(err, ErrUnknown) {
			t.Errorf("got %v", err)
		}
		w.imported(s.Store, psu1, 0)
		if err := s.Release(t.Context(), psu1); !errors.Is(err, ErrNotHeld) {
			t.Errorf("got %v", err)
		}
		w.bank.failNext(lostRequest, lostRequest)
		for range 2 {
			w.refused(s.Store, psu1, ErrQuarantined)
			time.Sleep(time.Minute)
			w.refused(s.Store, psu1, ErrQuarantined)
			if err := s.Release(t.Context(), psu1); err != nil {
				t.Fatal(err)
			}
		}
		w.usable(s.Store, psu1)
		if n := w.bank.refreshes(); n != 3 {
			t.Errorf("%d refreshes", n)
		}
	})
}

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

// The answer comes when another process has given the grant up because of it.
func TestLateAnswerHeals(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		other := w.process()
		defer other.Close()
		w.bank.onRequest(func(url.Values) {
			s.handle.Fail(storagetest.Store, -1, nil)
			s.handle.LoseLocks()
		})
		w.usable(s.Store, psu1)
		time.Sleep(20 * time.Second)
		w.refused(other.Store, psu1, ErrQuarantined)
		w.bank.onRequest(nil)
		s.handle.Fail(storagetest.Store, 0, nil)
		time.Sleep(defaultRecheck + time.Second)
		w.usable(other.Store, psu1)
		w.usable(s.Store, psu1)
		if w.happened(EventHealed) != 1 || w.bank.refreshes() != 1 {
			t.Errorf("events %v, %d refreshes", w.kinds(), w.bank.refreshes())
		}
	})
}

// The answer comes when an operator has released the grant, and the release's
// own try has told that the old refresh token is dead.
func TestLateAnswerHealsRefused(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		other := w.process()
		defer other.Close()
		w.bank.onRequest(func(url.Values) {
			s.handle.Fail(storagetest.Store, -1, nil)
			s.handle.LoseLocks()
		})
		w.usable(s.Store, psu1)
		w.bank.onRequest(nil)
		time.Sleep(20 * time.Second)
		w.refused(other.Store, psu1, ErrQuarantined)
		if err := other.Release(t.Context(), psu1); err != nil {
			t.Fatal(err)
		}
		w.refused(other.Store, psu1, ErrRefused)
		s.handle.Fail(storagetest.Store, 0, nil)
		time.Sleep(defaultRecheck + time.Second)
		w.usable(other.Store, psu1)
	})
}

// A late answer overwrites nothing newer.
func TestLateAnswerComesTooLate(t *testing.T) {
	for name, newer := range map[string]func(*world, *process) (want error){
		"authorized anew": func(w *world, other *process) error {
			_, err := other.Exchange(w.t.Context(), psu1, w.client, Code{Code: w.bank.authorize(psu1.Name)})
			if err != nil {
				w.t.Error(err)
			}
			return nil
		},
		"revoked": func(w *world, other *process) error {
			if _, err := other.Revoke(w.t.Context(), psu1, w.client); err != nil {
				w.t.Error(err)
			}
			return ErrRevoked
		},
		"forgotten": func(w *world, other *process) error {
			if _, err := other.Revoke(w.t.Context(), psu1, nil); err != nil {
				w.t.Error(err)
			}
			if err := other.Forget(w.t.Context(), psu1); err != nil {
				w.t.Error(err)
			}
			return ErrUnknown
		},
		"imported": func(w *world, other *process) error {
			p := w.bank.grant(psu1.Name)
			err := other.Import(w.t.Context(), psu1, w.client, Import{RefreshToken: p.refresh, AuthorizedAt: time.Now(), Replace: true})
			if err != nil {
				w.t.Error(err)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
				w.t = t
				w.imported(s.Store, psu1, 0)
				other := w.process()
				defer other.Close()
				w.bank.onRequest(func(url.Values) {
					s.handle.Fail(storagetest.Store, -1, nil)
					s.handle.LoseLocks()
				})
				w.usable(s.Store, psu1)
				w.bank.onRequest(nil)
				time.Sleep(20 * time.Second)
				w.refused(other.Store, psu1, ErrQuarantined)
				want := newer(w, other)
				s.handle.Fail(storagetest.Store, 0, nil)
				time.Sleep(time.Minute)
				for _, p := range []*process{s, other} {
					if want != nil {
						w.refused(p.Store, psu1, want)
					} else {
						w.usable(p.Store, psu1)
					}
				}
			})
		})
	}
}

// While a refresh is under way its lock is lost. The others see the request
// and wait for its outcome.
func TestLockLostMidRefresh(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		other := w.process()
		defer other.Close()
		w.bank.slow(5 * time.Second)
		go s.usableOrNot(psu1, w.client)
		time.Sleep(time.Second)
		s.handle.LoseLocks()
		w.usable(other.Store, psu1)
		w.usable(s.Store, psu1)
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// Two processes take over the lock of one that has vanished, both at once.
func TestTwoTakersOfALock(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		dead := w.process()
		defer dead.Close()
		if _, err := dead.hold(t.Context(), psu1, w.client); err != nil {
			t.Fatal(err)
		}
		dead.handle.Vanish()
		other := w.process()
		defer other.Close()
		// The one that has got it loses it again, before it announces.
		for _, p := range []*process{s, other} {
			p.handle.Hook(func(_ context.Context, op storagetest.Op, key string) error {
				if op == storagetest.Load {
					p.handle.LoseLocks()
				}
				return nil
			})
		}
		go s.usableOrNot(psu1, w.client)
		w.usable(other.Store, psu1)
		w.usable(s.Store, psu1)
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// A process has vanished after it announced a refresh: nobody knows whether the
// bank was asked.
func TestVanishedAfterAnnouncement(t *testing.T) {
	for _, survives := range []bool{false, true} {
		inWorld(t, !survives, survives, func(t *testing.T, w *world, s *process) {
			w.imported(s.Store, psu1, 0)
			dead := w.process()
			defer dead.Close()
			w.bank.onRequest(func(url.Values) { dead.handle.Vanish() })
			go dead.usableOrNot(psu1, w.client)
			time.Sleep(time.Second)
			w.bank.onRequest(nil)
			started := time.Now()
			token, err := s.Token(t.Context(), psu1, w.client)
			if survives != (err == nil) || !survives && !errors.Is(err, ErrQuarantined) {
				t.Errorf("survives %t: %v", survives, err)
			}
			if token != nil && !w.bank.honours(psu1.Name, token.Value()) {
				t.Error("the bank does not honour the token")
			}
			if waited := time.Since(started); waited > 25*time.Second {
				t.Errorf("waited %v", waited)
			}
		})
	}
}

// The clock of the process that has vanished was far ahead.
func TestVanishedWithAnotherClock(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		dead := w.process(func(o *Options) {
			o.Now = func() time.Time { return time.Now().Round(0).Add(24 * time.Hour) }
		})
		defer dead.Close()
		w.bank.onRequest(func(url.Values) { dead.handle.Vanish() })
		go dead.usableOrNot(psu1, w.client)
		time.Sleep(time.Second)
		started := time.Now()
		w.refused(s.Store, psu1, ErrQuarantined)
		if waited := time.Since(started); waited > 30*time.Second {
			t.Errorf("waited %v", waited)
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

// An outage does not quarantine a stock of grants.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, true, false)
		s := w.process()
		defer s.Close()
		ids := make([]ID, 300)
		for i := range ids {
			ids[i] = ID{"bank", "psu-" + string(rune('A'+i/26)) + string(rune('a'+i%26))}
			w.imported(s.Store, ids[i], 0)
		}
		w.bank.failNext(slices.Repeat([]fault{silent}, 1000)...)
		for range 10 { // ten minutes of callers
			for _, id := range ids {
				go s.usableOrNot(id, w.client)
			}
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		lost := w.happened(EventQuarantined)
		if lost > maxAsking+12 {
			t.Errorf("%d grants of %d quarantined", lost, len(ids))
		}
		w.bank.recover()
		time.Sleep(holdMax + time.Second)
		w.usableOne(s.Store, ids) // the probe
		good := 0
		for _, id := range ids {
			if _, err := s.Token(t.Context(), id, w.client); err == nil {
				good++
			}
		}
		if good != len(ids)-lost {
			t.Errorf("%d are usable, %d of %d were quarantined", good, lost, len(ids))
		}
	})
}

func (w *world) usableOne(s *Store, ids []ID) {
	for _, id := range ids {
		if _, err := s.Token(w.t.Context(), id, w.client); err == nil {
			return
		}
	}
	w.t.Error("the bank is not asked any more")
}
