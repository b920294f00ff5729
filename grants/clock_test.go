package grants

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

func TestLifetimes(t *testing.T) {
	for lifetime, want := range map[string]int{
		"": 1, `"600"`: 1, "600": 1, "1e9": 1, `"soon"`: 1, "null": 1, "0": 2, "-5": 2,
	} {
		inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
			w.imported(s.Store, psu1, 0)
			w.bank.lifetime = lifetime
			w.usable(s.Store, psu1)
			w.usable(s.Store, psu1)
			if n := w.bank.refreshes(); n != want {
				t.Errorf("expires_in %s: %d refreshes, want %d", lifetime, n, want)
			}
		})
	}
}

// Tokens without a lifetime still serve all who wait, in other processes too.
func TestNoLifetimeAmongProcesses(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.bank.slow(time.Second)
		w.bank.lifetime = "0"
		other := w.process()
		defer other.Close()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { w.usable(s.Store, psu1) })
			wg.Go(func() { w.usable(other.Store, psu1) })
		}
		wg.Wait()
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// The clock of the machine, or of another, jumps.
func TestClockJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, true, false)
		var offset time.Duration
		jumping := func() time.Time { return time.Now().Round(0).Add(offset) }
		s := w.process(func(o *Options) { o.Now = jumping })
		defer s.Close()
		w.imported(s.Store, psu1, 0)
		w.usable(s.Store, psu1)

		offset = -48 * time.Hour // a token must not live for two days more
		w.usable(s.Store, psu1)
		time.Sleep(11 * time.Minute)
		if _, err := s.Token(t.Context(), psu1, w.client); err != nil {
			t.Fatal(err)
		}
		if n := w.bank.refreshes(); n < 2 {
			t.Errorf("a token lives on after its end: %d refreshes", n)
		}

		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		offset = 300 * day
		w.refused(s.Store, psu1, ErrConsentExpired)
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.state(s.Store, psu1).Status; got != StatusExpired {
			t.Errorf("status %s", got)
		}
		if w.happened(EventConsentExpired) != 1 {
			t.Errorf("events %v", w.kinds())
		}
		offset = 0
		time.Sleep(defaultRecheck)
		w.usable(s.Store, psu1)
		if err := s.Refresh(t.Context(), psu1, w.client); err != nil {
			t.Fatal(err)
		}
		if w.happened(EventHealed) != 1 {
			t.Errorf("events %v", w.kinds())
		}
		if got := w.state(s.Store, psu1).Status; got != StatusActive {
			t.Errorf("status %s after the clock was put right", got)
		}
		if !slices.ContainsFunc(w.storage.Keys(), func(key string) bool { return strings.HasPrefix(key, "tpp/clock/2") }) {
			t.Error("the grant is not on the consent clock any more")
		}
	})
}

// Another machine's clock is ahead: its token lives no longer for that. By more
// than clocks may differ, it is not used at all: it would be new at each reading.
func TestTokenFromAnotherClock(t *testing.T) {
	r := settleRecord(StatusActive)
	r.Obtained, r.Expiry = settleNow.Add(clockSkew), settleNow.Add(clockSkew+10*time.Minute)
	c := &Client{Thumbprint: "qwac-1", Endpoint: &tokens.Endpoint{}}
	token := r.token(c, settleNow)
	if token == nil || token.Expiry().Sub(settleNow) != 10*time.Minute {
		t.Errorf("the token lives until %v", token.Expiry())
	}
	if r.token(c, settleNow.Add(11*time.Minute)) != nil {
		t.Error("the token lives on")
	}
	if r.token(c, settleNow.Add(-time.Second)) != nil {
		t.Error("a token from the future is used")
	}
}

// The clock was an hour ahead and is put right before a restart: the token is not
// new once more.
func TestClockSetBackAtRestart(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, _ *process) {
		ahead := time.Hour
		now := func() time.Time { return time.Now().Add(ahead) }
		w.client.Endpoint.Now = now
		s := w.process(func(o *Options) { o.Now = now })
		w.imported(s.Store, psu1, 0)
		first := w.usable(s.Store, psu1)
		s.Close()
		ahead = 0
		time.Sleep(20 * time.Minute) // twice its lifetime
		s = w.process(func(o *Options) { o.Now = now })
		defer s.Close()
		if again := w.usable(s.Store, psu1); again.Value() == first.Value() {
			t.Error("the token is served after its end")
		}
	})
}
