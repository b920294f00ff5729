//go:build unix

package e2e

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestStoppedSidecar stops a process, as a virtual machine is, that holds the
// locks of grants that it refreshes. The locks go stale, another process takes
// over, and then the first goes on where it was. No refresh token is sent twice.
func TestStoppedSidecar(t *testing.T) {
	t.Parallel()
	w := newRotating(t)
	maker := w.start("maker")
	rounds := make([][]*victim, 3)
	for n := range rounds {
		for range chaosGrants {
			v := &victim{person: maker.grant()}
			v.before, _ = w.record(v.person)
			rounds[n] = append(rounds[n], v)
		}
	}
	maker.stop()
	w.bank.ExpireTokens()
	other := w.start("other")
	var all sync.WaitGroup
	for n, victims := range rounds {
		sleeper := w.start(fmt.Sprintf("sleeper-%d", n))
		calls := w.stopAtWork(sleeper, victims, n)
		all.Go(func() { // the next may be stopped while this one is
			w.goOn(sleeper, other, victims, calls)
		})
	}
	all.Wait()
}

// stopAtWork has all grants refreshed by a sidecar, and stops it in between. How
// its calls end is heard later.
func (w *world) stopAtWork(sleeper *process, victims []*victim, n int) (calls *sync.WaitGroup) {
	w.t.Helper()
	w.network.delays(50 * time.Millisecond)
	calls = new(sync.WaitGroup)
	watched := victims[rand.IntN(len(victims))]
	arrived := w.arrival(watched.secret())
	for _, v := range victims {
		calls.Go(func() {
			time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
			sleeper.accounts(v.person)
		})
	}
	if n == 0 {
		writes(w.t, w.recordFile(watched.person), 1)
	} else {
		<-arrived
	}
	sleeper.signal(syscall.SIGSTOP)
	w.network.delays(0)
	return calls
}

// goOn lets another process take over, and the first go on.
func (w *world) goOn(sleeper, other *process, victims []*victim, calls *sync.WaitGroup) {
	var takeovers sync.WaitGroup
	for _, v := range victims {
		takeovers.Go(func() { w.usableOrQuarantined(other, v) })
	}
	takeovers.Wait()
	sleeper.signal(syscall.SIGCONT)
	calls.Wait()
	for _, v := range victims {
		takeovers.Go(func() {
			w.usableOrQuarantined(sleeper, v)
			quarantined := !w.usableOrQuarantined(other, v)
			if got := w.refreshes(v.person); w.arrivals(v.secret()) > 1 || got.Reused > 0 {
				w.t.Errorf("%s: the bank counts %+v, and got the first refresh token %d times", v.login, got, w.arrivals(v.secret()))
			}
			if quarantined && w.refreshes(v.person).Processed == 0 {
				if a := other.ask("POST", about(v.person)+"/release", nil); !a.ok() || !w.usableOrQuarantined(other, v) {
					w.t.Errorf("%s: released with %+v, and not usable", v.login, a)
				}
			}
		})
	}
	takeovers.Wait()
}

// usableOrQuarantined wants nothing else, once there is no need to wait.
func (w *world) usableOrQuarantined(p *process, v *victim) (usable bool) {
	a := p.settled(v.person)
	if !a.ok() && a.code != "grant-quarantined" {
		w.t.Errorf("%s answers %s with %d %s, %v; the bank counts %+v, honours it: %t\n%s", p.name, v.login, a.status, a.code, a.err,
			w.refreshes(v.person), w.honoured(v.person), tail(p.said.String()))
	}
	return a.ok()
}
