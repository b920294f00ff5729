package grants

import (
	"errors"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
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
