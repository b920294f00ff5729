package e2e

import (
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

const (
	sidecars = 3
	callers  = 200 // of each
)

// cluster starts sidecars on one storage.
func (w *world) cluster() []*process {
	w.t.Helper()
	all := make([]*process, sidecars)
	for n, name := range []string{"one", "two", "three"} {
		all[n] = w.launch(name)
	}
	for _, p := range all {
		p.serving()
	}
	return all
}

// crowd lets callers come to all sidecars at once. All have to get through.
func crowd(t *testing.T, all []*process, who person) {
	t.Helper()
	var (
		calls sync.WaitGroup
		gate  = make(chan struct{})
		mu    sync.Mutex
		lost  []answer
	)
	for _, p := range all {
		for range callers {
			calls.Go(func() {
				<-gate
				if a := p.accounts(who); !a.ok() {
					mu.Lock()
					defer mu.Unlock()
					lost = append(lost, a)
				}
			})
		}
	}
	close(gate)
	calls.Wait()
	if len(lost) > 0 {
		t.Errorf("%d of %d callers did not get through; the first: %+v", len(lost), len(all)*callers, lost[0])
	}
}

// patient is for crowds on a busy machine: no bank, and no sidecar, is to be
// taken for dead because 600 callers keep the processor.
func patient(p *parts) { p.timeouts = "connect_timeout 20s\nanswer_timeout 20s" }

// TestOneRefreshForAll: when a token ends, 600 callers at three sidecars cost the
// bank one refresh. Not parallel with others: it measures nothing, but needs
// what there is of the machine.
func TestOneRefreshForAll(t *testing.T) {
	rules := sandbox.TokenRules{Refresh: sandbox.RefreshRotated, ReuseDetection: true}
	config := parts{token: "refresh_survives off"}
	patient(&config)
	w := newWorld(t, rules, config)
	maker := w.start("maker")
	known, ended := maker.grant(), maker.grant()
	maker.stop()
	all := w.cluster()
	once := func(t *testing.T, who person, what string) {
		t.Helper()
		if got := w.refreshes(who); got.Asked != 1 || got.Processed != 1 || got.Reused != 0 {
			t.Errorf("%s: the bank counts %+v, want one refresh", what, got)
		}
	}
	t.Run("the bank ends a token that all have in memory", func(t *testing.T) {
		for _, p := range all {
			p.use(known)
		}
		w.bank.ExpireTokens()
		crowd(t, all, known)
		once(t, known, "600 callers")
	})
	t.Run("nobody has it in memory", func(t *testing.T) {
		crowd(t, all, ended) // ended above, too
		once(t, ended, "600 callers")
	})
	t.Run("it ends when its time is over", func(t *testing.T) {
		rules.Lifetime = sandbox.Wait(3 * time.Second)
		check(t, w.bank.SetRules(sandbox.Rules{Tokens: rules}))
		short := all[0].grant()
		rules.Lifetime = 0
		check(t, w.bank.SetRules(sandbox.Rules{Tokens: rules}))
		time.Sleep(3 * time.Second) // the life of the token
		crowd(t, all, short)
		once(t, short, "600 callers")
	})
}

// TestRenewalAhead: three sidecars that use a token each want to renew it before
// it ends. One does, while no caller waits.
func TestRenewalAhead(t *testing.T) {
	t.Parallel()
	rules := sandbox.TokenRules{Refresh: sandbox.RefreshRotated, ReuseDetection: true, Lifetime: sandbox.Wait(12 * time.Second)}
	w := newWorld(t, rules, parts{token: "refresh_survives off"})
	all := w.cluster()
	who, idle := all[0].grant(), all[0].grant()
	rules.Lifetime = 0
	check(t, w.bank.SetRules(sandbox.Rules{Tokens: rules}))
	for _, p := range all {
		p.use(who)
	}
	eventually(t, "the token is renewed", func() bool { return w.refreshes(who).Processed > 0 })
	time.Sleep(2 * time.Second) // the others' timers, with their jitter
	w.bank.ExpireTokens()       // also the new one: it is the old ones that must not be used
	for _, p := range all {
		p.use(who)
	}
	if got := w.refreshes(who); got.Asked != 2 || got.Processed != 2 || got.Reused != 0 {
		t.Errorf("the bank counts %+v, want one renewal ahead and one refresh", got)
	}
	if got := w.refreshes(idle); got.Asked != 0 {
		t.Errorf("a grant that nobody uses was renewed: %+v", got)
	}
}

// TestRevocationReachesAll: a grant revoked at one sidecar is of no use at the
// others within recheck, though they have its token in memory.
func TestRevocationReachesAll(t *testing.T) {
	t.Parallel()
	const recheck = time.Second // as configured
	w := newWorld(t, sandbox.TokenRules{}, parts{})
	all := w.cluster()
	who := all[0].grant()
	for _, p := range all {
		p.use(who)
	}
	revoked := time.Now()
	if a := all[0].ask("POST", about(who)+"/revoke", nil); !a.ok() {
		t.Fatalf("%+v", a)
	}
	all[0].refused(who, "consent-revoked")
	if !w.honoured(who) {
		t.Error("this bank has no revocation endpoint; what ended the grant there?")
	}
	for _, p := range all[1:] {
		for a := p.accounts(who); a.code != "consent-revoked"; a = p.accounts(who) {
			if took := time.Since(revoked); took > recheck+2*time.Second {
				t.Fatalf("after %s, %s still answers %+v", took, p.name, a)
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Logf("%s knew after %s", p.name, time.Since(revoked).Round(time.Millisecond))
	}
	if got := w.refreshes(who); got.Asked != 0 {
		t.Errorf("a revoked grant was refreshed: %+v", got)
	}
}

// TestCallbackElsewhere: an authorization that one sidecar began is ended by
// another, once.
func TestCallbackElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.TokenRules{}, parts{token: "authorize {\nendpoint http://127.0.0.1:1/stet/psd2/oauth/authorize\n}"})
	all := w.cluster()
	who := w.newPerson()
	begin := do(all[0].app, get(t, "/authorize?"+url.Values{"aspsp": {"bpgo"}, "grant": {who.login},
		"return_url": {"https://app.acme.example/connected"}}.Encode()))
	bank, err := url.Parse(begin.header.Get("Location"))
	if err != nil || begin.status != http.StatusFound {
		t.Fatalf("%+v", begin)
	}
	w.secret(bank.Query().Get("state"))
	query := bank.Query()
	query.Set("login", who.login)
	back := "/callback?" + w.consent(bank.Path+"?"+query.Encode()).Encode()
	end := do(all[1].app, get(t, back))
	to, err := url.Parse(end.header.Get("Location"))
	if err != nil || end.status != http.StatusSeeOther || to.Query().Get("sidecar_result") != "granted" {
		t.Fatalf("%+v", end)
	}
	all[2].use(who)
	again := do(all[2].app, get(t, back))
	if again.code != "callback-state-unknown" {
		t.Errorf("the second use of the state is answered with %+v", again)
	}
	all[0].use(who)
}

// TestTerminatedWhileAsking: a sidecar that is told to end while the bank answers
// a refresh stores the answer before it goes, whether or not a caller waits.
func TestTerminatedWhileAsking(t *testing.T) {
	for name, leaves := range map[string]bool{"the caller waits": false, "the caller has gone": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newRotating(t).terminate(leaves)
		})
	}
}

func (w *world) terminate(leaves bool) {
	ending := w.start("ending")
	who := ending.grant()
	r, _ := w.record(who)
	w.bank.ExpireTokens()
	check(w.t, w.bank.Faults().SetToken(sandbox.Fault{Processed: true, Delay: sandbox.Wait(1500 * time.Millisecond)}))
	arrived := w.arrival(r.Refresh)
	if leaves {
		ending.app.Timeout = 500 * time.Millisecond
	}
	called := make(chan answer, 1)
	go func() { called <- ending.accounts(who) }()
	<-arrived
	var got answer
	if leaves {
		got = <-called
	}
	ending.signal(syscall.SIGTERM)
	if status := ending.wait(); status != 0 {
		w.t.Errorf("it ended with status %d", status)
	}
	if !leaves {
		got = <-called
	}
	if got.ok() == leaves {
		w.t.Errorf("the caller got %+v", got)
	}
	if r, _ := w.record(who); r.Pending != nil || w.bank.Pairs(who.login)[0].Refresh != sandbox.TokenHash(r.Refresh) {
		w.t.Error("the record does not hold what the bank has answered")
	}
	w.bank.Faults().Clear()
	w.start("next").use(who)
	if got := w.refreshes(who); got.Asked != 1 || got.Reused != 0 {
		w.t.Errorf("the bank counts %+v", got)
	}
}
