package sidecar_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

func TestAppThatGoesAwayHarmsNoOther(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		r := newRig(t, options{
			bank:   func(o *sandbox.Options) { o.HTTP2 = http2 },
			config: func(c *sidecar.Config) { c.HTTP2 = http2 },
		})
		r.accepted(r.funds(), 200)
		r.check(r.bank.Faults().SetAPI(sandbox.Fault{Delay: sandbox.Wait(400 * time.Millisecond)}))
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if i%2 == 0 {
					if a := r.funds(); a.status != 200 {
						t.Errorf("h2 %t: %d %s", http2, a.status, a.body)
					}
					return
				}
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
				req, err := http.NewRequestWithContext(ctx, "POST", r.app.URL+"/funds-confirmations", strings.NewReader(fundsBody))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Content-Type", "application/json")
				response, err := http.DefaultTransport.RoundTrip(req)
				if err == nil {
					response.Body.Close()
					t.Error("the call was not cut short")
				}
			})
		}
		wg.Wait()
		outcomes := r.awaitEvents()
		// On a slow machine, a few give up before the sidecar has seen their request.
		if outcomes["canceled"] == 0 || outcomes["2xx"] != 11 || outcomes["canceled"]+11 != r.begun {
			t.Errorf("h2 %t: outcomes %v of %d", http2, outcomes, r.begun)
		}
	}
}

func TestAppThatGoesAwayWhileTheTokenIsFetched(t *testing.T) {
	r := newRig(t, options{})
	r.check(r.bank.Faults().SetToken(sandbox.Fault{Delay: sandbox.Wait(200 * time.Millisecond)}))
	var wg sync.WaitGroup
	wg.Go(func() {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", r.app.URL+"/accounts", nil)
		if err != nil {
			t.Error(err)
			return
		}
		if response, err := http.DefaultTransport.RoundTrip(req); err == nil {
			response.Body.Close()
			t.Error("the call was not cut short")
		}
	})
	a := r.funds()
	wg.Wait()
	r.accepted(a, 200)
	if outcomes := r.awaitEvents(); outcomes["canceled"] != 1 || r.bank.TokenCalls() != 1 || len(r.calls()) != 1 {
		t.Errorf("outcomes %v, %d token calls, %d calls", outcomes, r.bank.TokenCalls(), len(r.calls()))
	}
}

// awaitEvents waits until all exchanges have ended and counts their outcomes.
func (r *rig) awaitEvents() map[string]int {
	r.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		r.mu.Lock()
		ended := len(r.events) == r.begun
		r.mu.Unlock()
		if ended {
			break
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	outcomes := map[string]int{}
	for _, event := range r.events {
		outcomes[event.Outcome]++
	}
	return outcomes
}
