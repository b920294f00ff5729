package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A sidecar goes on with what it has in memory while Redis is away, refreshes
// nothing, and needs no restart afterwards.
func TestRedisGoesAndComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.start("a")
	ended := a.expired()
	kept := a.grant()
	a.use(kept)
	w.redis.end(syscall.SIGKILL)
	time.Sleep(2 * recheck) // it would look again now
	a.use(kept)
	if got := a.accounts(ended); got.code != "vault-unavailable" || got.status != http.StatusServiceUnavailable {
		t.Errorf("without Redis: %+v", got)
	}
	if got := w.refreshes(ended); got.Asked != 0 {
		t.Errorf("the bank was asked, though nothing could be written down: %+v", got)
	}
	w.redis.run()
	started := time.Now()
	eventually(t, "it gets through again", func() bool { return a.accounts(ended).ok() })
	t.Logf("%v after Redis", time.Since(started).Round(time.Millisecond))
}

// Redis is killed between the request to the bank and its answer.
func TestRedisIsAwayWhenTheBankAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.start("a")
	grant := a.expired()
	w.tokenDelay(2 * time.Second)
	first := make(chan answer, 1)
	go func() { first <- a.accounts(grant) }()
	eventually(t, "the bank is asked", func() bool { return w.refreshes(grant).Asked == 1 })
	w.redis.end(syscall.SIGKILL)
	if got := <-first; !got.ok() {
		t.Errorf("the answer is not used: %+v", got)
	}
	if !strings.Contains(a.said.String(), "grant unsaved") {
		t.Error("the log does not say that an answer could not be stored")
	}
	w.redis.run()
	eventually(t, "the answer is stored", func() bool { return strings.Contains(a.said.String(), "grant saved") })
	a.end(syscall.SIGKILL)
	w.start("b").use(grant)
	if got := w.refreshes(grant); got.Asked != 1 {
		t.Errorf("refreshes %+v, want one", got)
	}
}

// What is under way with the bank when the configuration is replaced, or the
// sidecar is told to end, is stored all the same: Caddy then closes the storage,
// in no order with all else. Hence several sidecars.
func TestRefreshOutlivesItsConfiguration(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*sidecar){
		"reload": (*sidecar).reload,
		"end":    func(s *sidecar) { s.end(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			sidecars := []*sidecar{w.start("a"), w.start("b"), w.start("c"), w.start("d")}
			grants := w.expired(sidecars...)
			w.tokenDelay(3 * time.Second)
			var wait sync.WaitGroup
			for i, s := range sidecars {
				leave := s.callAndLeave(grants[i])
				eventually(t, "the bank is asked", func() bool { return w.refreshes(grants[i]).Asked == 1 })
				leave() // then nobody waits for the answer
				wait.Go(func() { end(s) })
			}
			wait.Wait()
			w.tokenDelay(0)
			other := w.start("other")
			for _, grant := range grants {
				other.use(grant)
				if got := w.refreshes(grant); got.Asked != 1 {
					t.Errorf("refreshes %+v, want one", got)
				}
			}
		})
	}
}

// callAndLeave is a call with a grant that the caller gives up.
func (s *sidecar) callAndLeave(grant string) (leave func()) {
	ctx, leave := context.WithCancel(s.w.t.Context())
	request, err := http.NewRequestWithContext(ctx, "GET", "http://sidecar/bpgo/accounts", nil)
	check(s.w.t, err)
	request.Header.Set("Sidecar-Grant", grant)
	go func() {
		if response, err := s.app.Do(request); err == nil {
			response.Body.Close()
		}
	}()
	return leave
}

// reload gives the sidecar another configuration, and waits until the former one
// is gone.
func (s *sidecar) reload() {
	text := read(s.w.t, s.w.caddyfile(s.name, "grace_period 40s", "grace_period 39s"))
	request, err := http.NewRequest("POST", "http://sidecar/load", strings.NewReader(text))
	check(s.w.t, err)
	request.Header.Set("Content-Type", "text/caddyfile")
	response, err := s.admin.Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		s.w.t.Errorf("%s does not load its configuration: %v, %v", s.name, response, err)
		return
	}
	response.Body.Close()
}
