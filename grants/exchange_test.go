package grants

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

func (w *world) exchange(s *process, code string) (*tokens.Answer, error) {
	return s.Exchange(context.Background(), psu1, w.client, Code{Code: code, RedirectURI: "https://tpp.example/cb"})
}

func TestExchange(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		var form url.Values
		w.bank.onRequest(func(f url.Values) { form = f })
		code := w.bank.authorize(psu1.Name)
		answer, err := w.exchange(s, code)
		if err != nil || !strings.Contains(string(answer.Body), "access-secret-") {
			t.Fatalf("%v, %v", answer, err)
		}
		if form.Get("redirect_uri") != "https://tpp.example/cb" || form.Has("scope") || form.Get("code") != code {
			t.Errorf("sent %v", form)
		}
		w.usable(s.Store, psu1)
		state := w.state(s.Store, psu1)
		if !state.ConsentUntil.Equal(time.Now().Add(180*day)) || state.Scope != "aisp" || !state.HasRefreshToken {
			t.Errorf("state %+v", state)
		}
		// The same code again is not sent: banks revoke what came of the first.
		if _, err := w.exchange(s, code); !errors.Is(err, ErrCode) {
			t.Errorf("got %v", err)
		}
		if _, err := w.exchange(s, ""); !errors.Is(err, ErrCode) {
			t.Errorf("got %v", err)
		}
		if n := w.bank.count("authorization_code"); n != 1 {
			t.Errorf("%d codes sent", n)
		}
		w.clean(err, state, w.events, Code{Code: code}, answer)
	})
}

// What a code exchange that goes wrong leaves, without and with a grant before.
func TestExchangeFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault fault
		// first and later are the errors of Token afterwards; nil if it is usable.
		first, later error
		reason       string
	}{
		{"refused", refuseGrant, ErrUnknown, nil, ""},
		{"refused client", refuseClient, ErrUnknown, nil, ""},
		{"unreachable", unreachable, ErrUnknown, nil, ""},
		{"busy", busy, ErrUnknown, nil, ""},
		{"request lost", lostRequest, ErrQuarantined, nil, ReasonExchangeUnclear},
		{"error before", errorBefore, ErrQuarantined, nil, ReasonExchangeUnclear},
		{"half", halfRefresh, nil, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, first := range []bool{true, false} {
				inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
					want, reason := c.first, c.reason
					if !first {
						w.imported(s.Store, psu1, 5*time.Minute)
						want = c.later
					}
					w.bank.failNext(c.fault)
					answer, err := w.exchange(s, w.bank.authorize(psu1.Name))
					if (err == nil) != (c.fault == halfRefresh) {
						t.Errorf("got %v", err)
					}
					if answered := c.fault != unreachable && c.fault != lostRequest; (answer != nil) != answered {
						t.Errorf("answer %v", answer)
					}
					if errors.Is(err, ErrQuarantined) != (want == ErrQuarantined) {
						t.Errorf("first %t: got %v", first, err)
					}
					if want != nil {
						w.refused(s.Store, psu1, want)
					} else {
						w.usable(s.Store, psu1)
					}
					if want != ErrUnknown {
						if got := w.state(s.Store, psu1).Reason; got != reason {
							t.Errorf("reason %q, want %q", got, reason)
						}
					}
				})
			}
		})
	}
}

// The answer to a code was lost, and with it the old pair: the refresh says so.
func TestExchangeLost(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.bank.failNext(lostAnswer)
		if _, err := w.exchange(s, w.bank.authorize(psu1.Name)); !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		w.refused(s.Store, psu1, ErrRefused)
	})
}

// While a code is exchanged, the old token goes on being served.
func TestExchangeUnderAGrant(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 5*time.Minute)
		old := w.usable(s.Store, psu1)
		w.bank.slow(8 * time.Second)
		done := make(chan error, 1)
		go func() {
			_, err := w.exchange(s, w.bank.authorize(psu1.Name))
			done <- err
		}()
		time.Sleep(6 * time.Second) // beyond Recheck
		if w.usable(s.Store, psu1).Value() != old.Value() {
			t.Error("not the old token")
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if w.usable(s.Store, psu1).Value() == old.Value() {
			t.Error("still the old token")
		}
	})
}

// The app that posted the code goes away: the tokens are kept all the same.
func TestExchangeAbandoned(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.bank.slow(3 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Exchange(ctx, psu1, w.client, Code{Code: w.bank.authorize(psu1.Name)})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		time.Sleep(3 * time.Second)
		w.usable(s.Store, psu1)
	})
}

// The same code twice at once is sent once.
func TestExchangeTwice(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		other := w.process()
		defer other.Close()
		w.bank.slow(2 * time.Second)
		code := w.bank.authorize(psu1.Name)
		var wg sync.WaitGroup
		for _, p := range []*process{s, other, s} {
			wg.Go(func() { _, _ = w.exchange(p, code) })
		}
		wg.Wait()
		if n := w.bank.count("authorization_code"); n != 1 {
			t.Errorf("%d codes sent", n)
		}
		w.usable(s.Store, psu1)
		w.usable(other.Store, psu1)
	})
}

// The storage fails: no code is sent. It fails after: the grant is there.
func TestExchangeAndStorage(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		code := w.bank.authorize(psu1.Name)
		s.handle.Fail(storagetest.Store, 1, nil)
		if _, err := w.exchange(s, code); !errors.Is(err, vault.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		w.bank.onRequest(func(url.Values) { w.storage.SetFull(true) })
		if answer, err := w.exchange(s, code); err != nil || answer == nil {
			t.Fatalf("got %v", err)
		}
		w.bank.onRequest(nil)
		w.usable(s.Store, psu1)
		w.storage.SetFull(false)
		time.Sleep(time.Second)
		other := w.process()
		defer other.Close()
		w.usable(other.Store, psu1)
	})
}
