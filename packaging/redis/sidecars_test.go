package main

import (
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lifetime of the access tokens that a test lets end.
const lifetime = 2 * time.Second

// expired makes a grant by each sidecar, whose access token has ended. Nobody has
// used it: it would have been renewed ahead of its end.
func (w *world) expired(sidecars ...*sidecar) []string {
	w.t.Helper()
	w.tokensLive(lifetime)
	var grants []string
	for _, s := range sidecars {
		grants = append(grants, s.grant())
	}
	time.Sleep(lifetime)
	w.tokensLive(time.Hour)
	return grants
}

func (s *sidecar) expired() string { return s.w.expired(s)[0] }

// call lets callers of each sidecar ask for the same at once, and gives their
// answers and how long each waited, shortest first.
func call(grant string, callers int, sidecars ...*sidecar) ([]answer, []time.Duration) {
	var (
		mu      sync.Mutex
		wait    sync.WaitGroup
		answers []answer
		took    []time.Duration
	)
	for _, s := range sidecars {
		for range callers {
			wait.Go(func() {
				started := time.Now()
				a := s.accounts(grant)
				mu.Lock()
				defer mu.Unlock()
				answers, took = append(answers, a), append(took, time.Since(started))
			})
		}
	}
	wait.Wait()
	slices.Sort(took)
	return answers, took
}

func TestOneRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.start("a"), w.start("b"), w.start("c")
	grant := a.expired()
	answers, took := call(grant, 200, a, b, c)
	for _, a := range answers {
		if !a.ok() {
			t.Fatalf("a caller got %+v", a)
		}
	}
	if got := w.refreshes(grant); got.Asked != 1 || got.Processed != 1 {
		t.Errorf("refreshes %+v, want one", got)
	}
	t.Logf("600 callers: first %v, median %v, last %v", took[0].Round(time.Millisecond), took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
}

// A call to the bank may take longer than Redis keeps a lock without hearing of
// its holder.
func TestCallLongerThanLock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.start("a"), w.start("b"), w.start("c")
	grant := a.expired()
	w.tokenDelay(12 * time.Second)
	answers, took := call(grant, 3, a, b, c)
	for _, a := range answers {
		if !a.ok() {
			t.Errorf("a caller got %+v", a)
		}
	}
	if got := w.refreshes(grant); got.Asked != 1 {
		t.Errorf("refreshes %+v, want one", got)
	}
	t.Logf("answered after %v to %v", took[0].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
}

// A lock that is lost while its holder asks the bank, as after a failover to a
// replica that has not heard of it, does not lead to a second refresh: whoever
// gets the lock finds in the record that a call is under way.
func TestLockIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.start("a"), w.start("b")
	grant := a.expired()
	w.tokenDelay(6 * time.Second)
	first := make(chan answer, 1)
	go func() { first <- a.accounts(grant) }()
	eventually(t, "the bank is asked", func() bool { return w.refreshes(grant).Asked == 1 })
	locks := w.redis.locks()
	if len(locks) != 1 {
		t.Fatalf("locks %q, want one", locks)
	}
	check(t, w.redis.client().Del(t.Context(), locks[0]).Err())
	b.use(grant)
	if got := <-first; !got.ok() {
		t.Errorf("the first caller got %+v", got)
	}
	if got := w.refreshes(grant); got.Asked != 1 {
		t.Errorf("refreshes %+v, want one", got)
	}
}

func TestRevocationReachesAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.start("a"), w.start("b"), w.start("c")
	grant := a.grant()
	b.use(grant)
	c.use(grant)
	if got := a.manage("POST", "/tpp/grants/bpgo/"+grant+"/revoke"); !got.ok() {
		t.Fatalf("revoke: %+v", got)
	}
	revoked := time.Now()
	for _, s := range []*sidecar{b, c} {
		eventually(t, s.name+" refuses", func() bool { return !s.accounts(grant).ok() })
		if got := s.accounts(grant); got.code != "consent-revoked" {
			t.Errorf("%s: %+v", s.name, got)
		}
	}
	took := time.Since(revoked)
	if took > recheck+time.Second {
		t.Errorf("only after %v, with recheck %v", took, recheck)
	}
	t.Logf("refused everywhere after %v", took.Round(time.Millisecond))
}

// The one that refreshes is killed while the bank answers.
func TestHolderIsKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// The others wait until the call of the dead must be over.
	short := []string{"connect_timeout 5s", "connect_timeout 1s", "answer_timeout 30s", "answer_timeout 4s"}
	a, b, c := w.start("a", short...), w.start("b", short...), w.start("c", short...)
	grant := a.expired()
	w.tokenDelay(3 * time.Second)
	go a.accounts(grant)
	eventually(t, "the bank is asked", func() bool { return w.refreshes(grant).Asked == 1 })
	killed := time.Now()
	a.end(syscall.SIGKILL)
	if locks := w.redis.locks(); len(locks) != 1 {
		t.Fatalf("locks %q, want the dead one's", locks)
	}
	w.tokenDelay(0)
	for _, s := range []*sidecar{b, c} {
		var got answer
		eventually(t, s.name+" gets through", func() bool {
			got = s.accounts(grant)
			if !got.ok() && got.code != "token-endpoint-timeout" {
				t.Fatalf("%s: %+v", s.name, got)
			}
			return got.ok()
		})
		t.Logf("%s gets through %v after the kill", s.name, time.Since(killed).Round(10*time.Millisecond))
	}
	// This bank keeps the refresh token, so that asking once more is right.
	if got := w.refreshes(grant); got.Asked != 2 || got.Reused != 0 {
		t.Errorf("refreshes %+v, want the dead one's and another", got)
	}
}

// BenchmarkRefresh is one refresh, with all that is stored for it.
func BenchmarkRefresh(b *testing.B) {
	w := newWorld(b)
	a := w.start("a")
	grant := a.grant()
	for b.Loop() {
		if got := a.manage("POST", "/tpp/grants/bpgo/"+grant+"/refresh"); !got.ok() {
			b.Fatalf("%+v", got)
		}
	}
}
