package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestTokenIsUsedUntilItsMargin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bank{lifetime: 3600}
		c := newTestCache(t, CacheOptions{})
		// Other work postponed, so that only expiry can cause a fetch.
		first := mustToken(t, c, testKey, b.endpoint())
		e, _ := c.tokens.get(testKey)
		e.renewAt.Store(time.Now().Add(24 * time.Hour).UnixNano())

		time.Sleep(time.Hour - 30*time.Second - time.Nanosecond)
		if mustToken(t, c, testKey, b.endpoint()) != first {
			t.Error("fetched though the token is usable")
		}
		time.Sleep(time.Nanosecond)
		if got := mustToken(t, c, testKey, b.endpoint()).Value(); got != "token-2" {
			t.Errorf("got %q within the margin", got)
		}
		if b.count() != 2 {
			t.Errorf("%d fetches", b.count())
		}
	})
}

func TestLifetimeCountsFromTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bank{lifetime: 100, latency: 5 * time.Second}
		c := newTestCache(t, CacheOptions{})
		asked := time.Now()
		token := mustToken(t, c, testKey, b.endpoint())
		if !token.Expiry().Equal(asked.Add(100 * time.Second)) {
			t.Errorf("ends %v after the request", token.Expiry().Sub(asked))
		}
	})
}

func TestFailureAnswersForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bank{status: http.StatusUnauthorized, body: `{"error":"invalid_client"}`}
		c := newTestCache(t, CacheOptions{})
		_, first := c.Token(t.Context(), testKey, b.endpoint())
		var refused *RefusedError
		if !errors.As(first, &refused) || refused.OAuthError != "invalid_client" || refused.Status != 401 {
			t.Fatalf("got %v", first)
		}
		time.Sleep(failFast - time.Nanosecond)
		for range 100 {
			if _, err := c.Token(t.Context(), testKey, b.endpoint()); err != first {
				t.Fatalf("another error: %v", err)
			}
		}
		other := testKey
		other.Scope = "aisp"
		_, _ = c.Token(t.Context(), other, b.endpoint()) // has failures of its own
		if b.count() != 2 {
			t.Errorf("%d fetches, want one for each key", b.count())
		}
		time.Sleep(time.Nanosecond)
		b.set(func(b *bank) { b.status, b.body, b.lifetime = 0, "", 60 })
		mustToken(t, c, testKey, b.endpoint())
	})
}

func TestTokenWithoutLifetimeServesThoseWhoWait(t *testing.T) {
	for _, lifetime := range []int{0, -5} {
		synctest.Test(t, func(t *testing.T) {
			b := &bank{lifetime: lifetime, latency: time.Second}
			c := newTestCache(t, CacheOptions{})
			var waiting sync.WaitGroup
			for range 10 {
				waiting.Go(func() {
					if got := mustToken(t, c, testKey, b.endpoint()).Value(); got != "token-1" {
						t.Errorf("got %q", got)
					}
				})
			}
			waiting.Wait()
			if len(c.Snapshot()) != 0 {
				t.Error("it was kept")
			}
			if got := mustToken(t, c, testKey, b.endpoint()).Value(); got != "token-2" {
				t.Errorf("later: %q", got)
			}
		})
	}
}

// The caller that started the fetch gives up; the others still get the token.
func TestCancelledCallerTakesNothingFromTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bank{lifetime: 60, latency: 2 * time.Second}
		c := newTestCache(t, CacheOptions{})
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var waiting sync.WaitGroup
		waiting.Go(func() {
			start := time.Now()
			_, err := c.Token(impatient, testKey, b.endpoint())
			if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnavailable) {
				t.Errorf("impatient caller got %v", err)
			}
			if time.Since(start) != time.Second {
				t.Errorf("it waited %v", time.Since(start))
			}
		})
		synctest.Wait()
		for range 20 {
			waiting.Go(func() { mustToken(t, c, testKey, b.endpoint()) })
		}
		waiting.Wait()
		if b.count() != 1 {
			t.Errorf("%d fetches", b.count())
		}
	})
}

func TestCancelledCallerStartsNothing(t *testing.T) {
	b := &bank{lifetime: 60}
	c := newTestCache(t, CacheOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Token(ctx, testKey, b.endpoint()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	c.Close() // waits for what may have been started
	if b.count() != 0 {
		t.Error("it fetched")
	}
}

func TestDropAllCutsRunningFetchesLoose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bank{lifetime: 3600}
		c := newTestCache(t, CacheOptions{})
		other := testKey
		other.ASPSP = "cebp"
		mustToken(t, c, testKey, b.endpoint())
		kept := mustToken(t, c, other, b.endpoint())
		scope := testKey
		scope.Scope = "aisp"
		b.set(func(b *bank) { b.latency = time.Second })
		var waiting sync.WaitGroup
		waiting.Go(func() { mustToken(t, c, scope, b.endpoint()) }) // token-3
		synctest.Wait()

		if got := c.DropAll("bpgo"); got != 1 {
			t.Errorf("dropped %d", got)
		}
		waiting.Wait()
		if states := c.Snapshot(); len(states) != 1 || states[0].Key != other {
			t.Errorf("kept: %+v", states)
		}
		if mustToken(t, c, other, b.endpoint()) != kept {
			t.Error("another bank's token is gone")
		}
		if got := mustToken(t, c, scope, b.endpoint()).Value(); got != "token-4" {
			t.Errorf("got %q", got)
		}
	})
}

func TestDropAllForgetsFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bank{status: 500, body: "{}"}
		c := newTestCache(t, CacheOptions{})
		_, _ = c.Token(t.Context(), testKey, b.endpoint()) // fails, as it should
		b.set(func(b *bank) { b.status, b.body, b.lifetime = 0, "", 60 })
		c.DropAll("bpgo")
		mustToken(t, c, testKey, b.endpoint())
	})
}

func TestLeastRecentlyUsedGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bank{lifetime: 3600}
		c := newTestCache(t, CacheOptions{Size: 2})
		key := func(scope string) Key { k := testKey; k.Scope = scope; return k }
		for _, scope := range []string{"a", "b", "a", "c", "a"} {
			mustToken(t, c, key(scope), b.endpoint())
			time.Sleep(touchEvery)
		}
		if b.count() != 3 {
			t.Errorf("%d fetches, want 3", b.count())
		}
		mustToken(t, c, key("b"), b.endpoint())
		if b.count() != 4 {
			t.Error("b was not evicted")
		}
	})
}

// Each part of the key makes another token: above all the certificate that it
// is bound to (RFC 8705 section 3).
func TestEveryPartOfTheKeyCounts(t *testing.T) {
	b := &bank{lifetime: 3600}
	c := newTestCache(t, CacheOptions{})
	keys := []Key{testKey}
	for i := range 6 {
		k := testKey
		*[]*string{&k.ASPSP, &k.Identity, &k.Thumbprint, &k.ClientID, &k.Scope, &k.Grant}[i] = "other"
		keys = append(keys, k)
	}
	for range 2 {
		for _, k := range keys {
			mustToken(t, c, k, b.endpoint())
		}
	}
	if b.count() != len(keys) {
		t.Errorf("%d fetches for %d keys", b.count(), len(keys))
	}
}

func TestSnapshotShowsNoValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bank{lifetime: 3600}
		c := newTestCache(t, CacheOptions{})
		token := mustToken(t, c, testKey, b.endpoint())
		states := c.Snapshot()
		if len(states) != 1 {
			t.Fatalf("%d states", len(states))
		}
		s := states[0]
		if s.Key != testKey || !s.Expiry.Equal(token.Expiry()) || !s.ObtainedAt.Equal(time.Now()) ||
			!s.UsableUntil.Equal(s.Expiry.Add(-30*time.Second)) || !s.RenewAt.Before(s.UsableUntil) {
			t.Errorf("%+v", s)
		}
		asJSON, err := json.Marshal(states)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(fmt.Sprintf("%+v%s", states, asJSON), token.Value()) {
			t.Error("the value is shown")
		}
		if !strings.Contains(string(asJSON), `"aspsp":"bpgo"`) {
			t.Errorf("no ASPSP in %s", asJSON)
		}
		time.Sleep(time.Hour)
		if len(c.Snapshot()) != 0 {
			t.Error("an ended token is shown")
		}
	})
}

func TestCloseWaitsAndRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bank{lifetime: 3600, latency: 3 * time.Second}
		c := NewCache(CacheOptions{})
		var waiting sync.WaitGroup
		waiting.Go(func() { mustToken(t, c, testKey, b.endpoint()) })
		synctest.Wait()
		start := time.Now()
		c.Close()
		if time.Since(start) != 3*time.Second {
			t.Errorf("Close took %v", time.Since(start))
		}
		waiting.Wait()
		if _, err := c.Token(t.Context(), testKey, b.endpoint()); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		if len(c.Snapshot()) != 0 {
			t.Error("tokens are left")
		}
		c.Close()
	})
}

func TestPanicInTheFetchIsAnError(t *testing.T) {
	c := newTestCache(t, CacheOptions{})
	ep := (&bank{}).endpoint()
	ep.Do = func(*http.Request) (*http.Response, error) { panic(secret) }
	_, err := c.Token(t.Context(), testKey, ep)
	if !errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v", err)
	}
}
