package grants

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// dieAt lets the process die, as kill -9 does, before its nth use of the storage
// from now on. It tells whether it came to that.
func (p *process) dieAt(n int64) *atomic.Bool {
	var used atomic.Int64
	died := new(atomic.Bool)
	p.handle.Hook(func(_ context.Context, op storagetest.Op, _ string) error {
		switch {
		case used.Add(1) == n:
			died.Store(true)
			p.handle.Vanish()
		case op == storagetest.Store && !died.Load():
			p.stored.Add(1)
		}
		return nil
	})
	return died
}

// A process is killed before each use of the storage in a refresh, and then at
// the bank. What the next process finds is usable, or says why not; a bank that
// rotates is asked once, another at most once more.
func TestKilledDuringRefresh(t *testing.T) {
	for _, rotates := range []bool{true, false} {
		for step := int64(1); ; step++ {
			reached := false
			t.Run(fmt.Sprintf("rotates=%t/step=%d", rotates, step), func(t *testing.T) {
				inWorld(t, rotates, !rotates, func(t *testing.T, w *world, next *process) {
					w.imported(next.Store, psu1, 0)
					dying := w.process()
					defer dying.Close()
					died := dying.dieAt(step)
					dying.usableOrNot(psu1, w.client)
					time.Sleep(time.Second)
					reached = died.Load()
					w.checkSurvivor(next, rotates)
					// Announced, answered: from then on nothing is lost.
					if dying.stored.Load() >= 2 {
						w.usable(next.Store, psu1)
						if n := w.bank.refreshes(); n != 1 {
							t.Errorf("%d refreshes, although the answer was stored", n)
						}
					}
				})
			})
			if !reached {
				if step < 8 {
					t.Fatalf("a refresh uses the storage %d times only", step)
				}
				break
			}
		}
	}
}

// checkSurvivor looks at what another process has left of psu1's refresh.
func (w *world) checkSurvivor(next *process, rotates bool) {
	w.t.Helper()
	asked := w.bank.refreshes()
	token, err := next.Token(context.Background(), psu1, w.client)
	most := 1
	if !rotates {
		most = 2
	}
	switch n := w.bank.refreshes(); {
	case n > most:
		w.t.Errorf("%d refreshes", n)
	case err == nil && !w.bank.honours(psu1.Name, token.Value()):
		w.t.Error("the bank does not honour the token")
	case err == nil:
	case !matches(err, &QuarantinedError{Reason: ReasonRefreshAmbiguous}) || !rotates || asked == 0 && n > 0:
		w.t.Errorf("asked %d times: %v", n, err)
	}
	state := w.state(next.Store, psu1)
	if state.Pending != "" || state.Status != StatusActive && state.Status != StatusQuarantined {
		w.t.Errorf("left as %+v", state)
	}
}

// The same for the exchange of a first code, and of one for a grant that there is.
func TestKilledDuringExchange(t *testing.T) {
	for _, first := range []bool{true, false} {
		for step := int64(1); ; step++ {
			reached := false
			t.Run(fmt.Sprintf("first=%t/step=%d", first, step), func(t *testing.T) {
				inWorld(t, true, false, func(t *testing.T, w *world, next *process) {
					if !first {
						w.imported(next.Store, psu1, time.Hour)
					}
					dying := w.process()
					defer dying.Close()
					died := dying.dieAt(step)
					code := w.bank.authorize(psu1.Name)
					_, _ = dying.Exchange(t.Context(), psu1, w.client, Code{Code: code})
					reached = died.Load()
					time.Sleep(time.Minute)
					w.checkExchanged(next, first)
				})
			})
			if !reached {
				break
			}
		}
	}
}

func (w *world) checkExchanged(next *process, first bool) {
	w.t.Helper()
	token, err := next.Token(context.Background(), psu1, w.client)
	switch {
	case err == nil && w.bank.honours(psu1.Name, token.Value()):
	case err == nil:
		// The old pair, which the bank has ended: it says so in its reason.
		if state := w.state(next.Store, psu1); first || state.Reason != ReasonExchangeUnclear && state.Pending == "" {
			w.t.Errorf("a dead token, and %+v", state)
		}
	case first && errors.Is(err, ErrUnknown) && w.bank.count("authorization_code") == 0:
	case first && matches(err, &QuarantinedError{Reason: ReasonExchangeUnclear}):
	default:
		w.t.Errorf("left with %v", err)
	}
}

// Anything may happen in any order, on three processes that come and go. At the
// end nothing is lost: what the bank honours is usable, or the grant says why
// not; and a bank that rotates never got a refresh token twice.
func TestAnything(t *testing.T) {
	for seed := range uint64(60) {
		rotates := seed%2 == 0
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, rotates, !rotates)
				a := &anything{world: w, random: rand.New(rand.NewPCG(seed, 1))}
				a.run()
			})
		})
	}
}

type anything struct {
	*world
	random    *rand.Rand
	processes [3]*process
	all       []*process
	callers   sync.WaitGroup

	// released is how often an operator has allowed one more try.
	released int
}

func (a *anything) run() {
	a.imported(a.start(0).Store, psu1, 0)
	a.start(1)
	a.start(2)
	for range 60 {
		a.step(a.random.IntN(3))
		time.Sleep(time.Duration(a.random.IntN(8000)) * time.Millisecond)
	}
	a.bank.recover()
	a.bank.slow(0)
	for _, p := range a.processes {
		for _, op := range []storagetest.Op{storagetest.Store, storagetest.Load, storagetest.Lock} {
			p.handle.Fail(op, 0, nil)
		}
	}
	a.storage.SetFull(false)
	time.Sleep(5 * time.Minute)
	a.callers.Wait()
	a.check()
	for _, p := range a.all {
		p.Close()
	}
}

func (a *anything) start(i int) *process {
	a.processes[i] = a.process()
	a.all = append(a.all, a.processes[i])
	return a.processes[i]
}

// step does something with the process i.
func (a *anything) step(i int) {
	p := a.processes[i]
	call := func(f func(ctx context.Context)) {
		a.callers.Go(func() { f(context.Background()) })
	}
	switch a.random.IntN(14) {
	case 0, 1, 2, 3, 4:
		call(func(ctx context.Context) { _, _ = p.Token(ctx, psu1, a.client) })
	case 5, 6:
		call(func(ctx context.Context) { _ = p.Refresh(ctx, psu1, a.client) })
	case 7:
		a.bank.failNext([]fault{lostAnswer, busy, unreachable, halfRefresh, lostRequest, errorAfter, silent}[a.random.IntN(7)])
	case 8:
		a.bank.slow(time.Duration(a.random.IntN(9)) * time.Second)
	case 9:
		p.handle.Vanish()
		a.start(i)
	case 10:
		p.handle.LoseLocks()
	case 11:
		a.storage.SetFull(a.random.IntN(2) == 0)
	case 12:
		p.handle.Fail([]storagetest.Op{storagetest.Store, storagetest.Load, storagetest.Lock}[a.random.IntN(3)], a.random.IntN(4), nil)
	case 13:
		if p.Release(context.Background(), psu1) == nil {
			a.released++
		}
	}
}

// check looks at the end.
func (a *anything) check() {
	reused := a.bank.reused
	if reused > a.released {
		a.t.Errorf("a refresh token that was used up was sent again %d times, with %d releases", reused, a.released)
	}
	for range 2 { // the second time from memory
		for _, p := range a.processes {
			token, err := p.Token(context.Background(), psu1, a.client)
			if err == nil && !a.bank.honours(psu1.Name, token.Value()) {
				// Of a refresh whose answer was lost; the bank says 401.
				p.Drop(psu1, token)
				token, err = p.Token(context.Background(), psu1, a.client)
			}
			switch {
			case err == nil && !a.bank.honours(psu1.Name, token.Value()):
				a.t.Error("the bank does not honour the token")
			case err == nil:
			case errors.Is(err, ErrQuarantined) && a.bank.rotates:
			case errors.Is(err, ErrRefused) && a.released > 0:
			default:
				a.t.Errorf("left with %v", err)
			}
		}
	}
}

// A store that was closed while callers wait gives them what they wait for.
func TestCloseWaits(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.bank.slow(3 * time.Second)
		got := make(chan error, 1)
		go func() {
			_, err := s.Token(t.Context(), psu1, w.client)
			got <- err
		}()
		time.Sleep(time.Second)
		s.Close()
		if err := <-got; err != nil {
			t.Error(err)
		}
		if err := s.Release(t.Context(), psu1); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

// Two stores of one process, as during a reload of the configuration.
func TestReload(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, old *process) {
		w.imported(old.Store, psu1, 0)
		w.bank.slow(2 * time.Second)
		v, err := vault.New(vault.Options{Storage: old.handle, Keys: []vault.Key{testKey}})
		if err != nil {
			t.Fatal(err)
		}
		reloaded := New(Options{Vault: v})
		defer reloaded.Close()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { w.usable(old.Store, psu1) })
			wg.Go(func() { w.usable(reloaded, psu1) })
		}
		wg.Wait()
		old.Close()
		w.usable(reloaded, psu1)
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}
