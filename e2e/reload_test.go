package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// traffic is callers that call with each grant at each sidecar all the time. A
// call that no sidecar took, for a reload costs connections, is made again; any
// other has to get through.
type traffic struct {
	w       *world
	people  []person
	callers sync.WaitGroup
	end     chan struct{}
	made    []*atomic.Int64 // calls that got through, by caller
}

func (w *world) traffic(all []*process, people []person) *traffic {
	w.t.Helper()
	tr := &traffic{w: w, people: people, end: make(chan struct{})}
	for _, p := range all {
		for _, who := range people {
			made := new(atomic.Int64)
			tr.made = append(tr.made, made)
			tr.callers.Go(func() { tr.call(p, who, made) })
		}
	}
	return tr
}

func (tr *traffic) call(p *process, who person, made *atomic.Int64) {
	for {
		select {
		case <-tr.end:
			return
		case <-time.After(time.Duration(rand.IntN(40)) * time.Millisecond):
		}
		switch a := p.accounts(who); {
		case a.ok():
			made.Add(1)
		case a.err == nil:
			tr.w.t.Errorf("%s answers %s with %+v\n%s", p.name, who.login, a, p.about(a.header.Get("X-Request-Id")))
			return
		}
	}
}

// about is what the sidecar has logged about a call.
func (p *process) about(requestID string) (lines string) {
	for line := range strings.Lines(p.said.String()) {
		if requestID != "" && strings.Contains(line, requestID) {
			lines += line
		}
	}
	return lines
}

// rounds ends all tokens, disturbs, and waits until each grant was refreshed
// and all callers have got through with the new token; again and again. Each
// time it has to be one refresh.
func (tr *traffic) rounds(times int, disturb func(n int)) {
	w := tr.w
	w.t.Helper()
	for n := range times {
		w.bank.ExpireTokens()
		disturb(n)
		for _, who := range tr.people {
			eventually(w.t, "the grant is refreshed", func() bool { return w.t.Failed() || w.refreshes(who).Processed > n })
		}
		for _, made := range tr.made {
			before := made.Load()
			eventually(w.t, "all callers get through", func() bool { return w.t.Failed() || made.Load() > before+1 })
		}
	}
	close(tr.end)
	tr.callers.Wait()
	w.onceEach(tr.people, times)
}

// onceEach wants that many refreshes of each grant, and no refresh token twice.
func (w *world) onceEach(people []person, times int) {
	w.t.Helper()
	for _, who := range people {
		if got := w.refreshes(who); got.Asked != times || got.Processed != times || got.Reused != 0 {
			w.t.Errorf("%s: the bank counts %+v, want %d refreshes", who.login, got, times)
		}
	}
}

// TestReloadWithGrants loads the configuration anew, again and again, while calls
// are made and tokens end: the former and the new one are never both at a grant.
func TestReloadWithGrants(t *testing.T) {
	t.Parallel()
	w := newRotating(t)
	p := w.start("reloaded")
	people := []person{p.grant(), p.grant(), p.grant()}
	check(t, w.bank.Faults().SetToken(sandbox.Fault{Delay: sandbox.Wait(100 * time.Millisecond)}))
	w.traffic([]*process{p}, people).rounds(6, func(n int) {
		time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
		p.load(func(c *parts) {
			c.vault = fmt.Sprintf("key k1 {file.%s}\nhot %d", w.file("key-1"), 1000+n)
		})
	})
}

// TestRenewedQWAC: bound tokens are fetched anew over the new certificate, once;
// tokens that are not bound are kept.
func TestRenewedQWAC(t *testing.T) {
	for name, unbound := range map[string]bool{"bound": false, "unbound": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := parts{token: "refresh_survives off"}
			want := 1
			if unbound {
				config.token, want = "unbound on", 0
			}
			w := newWorld(t, sandbox.TokenRules{Unbound: unbound}, config)
			p := w.start("renewed")
			who := p.grant()
			p.use(who)
			pki, err := issued()
			check(t, err)
			w.install("qwac", pki.renewed)
			eventually(t, "the certificate is renewed", func() bool {
				var identities []struct{ Generation int }
				return p.ask("GET", "/tpp/identities", &identities).ok() && identities[0].Generation == 2
			})
			var calls sync.WaitGroup
			for range 20 {
				calls.Go(func() { p.use(who) })
			}
			calls.Wait()
			w.onceEach([]person{who}, want)
			renewed := 0
			for _, r := range w.bank.Records() {
				if r.ClientCert.Equal(pki.renewed.Certificate) {
					renewed++
				}
				if len(r.Problems) > 0 {
					t.Errorf("the bank says %q", r.Problems)
				}
			}
			if renewed != 20+want {
				t.Errorf("%d requests came over the new certificate, want %d", renewed, 20+want)
			}
		})
	}
}

// TestChangedKey changes the vault's key on two sidecars as documented, in four
// steps, while calls are made and tokens end. No call is refused.
func TestChangedKey(t *testing.T) {
	t.Parallel()
	w := newRotating(t)
	all := []*process{w.start("left"), w.start("right")}
	people := []person{all[0].grant(), all[1].grant()}
	w.newKey("key-2")
	former, next := fmt.Sprintf("key k1 {file.%s}\n", w.file("key-1")), fmt.Sprintf("key k2 {file.%s}\n", w.file("key-2"))
	var rotation struct {
		Rewritten, Failed int
		ByKey             map[string]int `json:"by_key"`
		UnusedKeys        []string       `json:"unused_keys"`
	}
	steps := []func(p *process){
		func(p *process) { p.load(func(c *parts) { c.vault = former + next }) },
		func(p *process) { p.load(func(c *parts) { c.vault = next + former }) },
		func(p *process) {
			if a := p.ask("POST", "/tpp/vault/rotate", &rotation); !a.ok() || rotation.Failed > 0 {
				t.Errorf("%+v", a)
			}
		},
		func(p *process) { p.load(func(c *parts) { c.vault = next }) },
	}
	w.traffic(all, people).rounds(len(steps), func(n int) {
		for _, p := range all {
			steps[n](p)
		}
	})
	if len(rotation.UnusedKeys) != 1 || rotation.UnusedKeys[0] != "k1" || rotation.ByKey["k1"] != 0 {
		t.Errorf("after the rotation: %+v", rotation)
	}
}
