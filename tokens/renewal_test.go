package tokens

import (
	"errors"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestRenewalRunsInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bank{lifetime: 3600}
		c := newTestCache(t, CacheOptions{})
		first := mustToken(t, c, testKey, b.endpoint())
		b.set(func(b *bank) { b.latency = 3 * time.Second })

		time.Sleep(70 * time.Hour / 100)
		mustToken(t, c, testKey, b.endpoint())
		synctest.Wait()
		if b.count() != 1 {
			t.Fatal("renewed too early")
		}
		time.Sleep(17 * time.Hour / 100) // 87 %
		before := time.Now()
		for range 50 {
			if mustToken(t, c, testKey, b.endpoint()) != first {
				t.Fatal("a caller got another token than the old one")
			}
		}
		if waited := time.Since(before); waited != 0 {
			t.Errorf("callers waited %v", waited)
		}
		time.Sleep(4 * time.Second)
		if got := mustToken(t, c, testKey, b.endpoint()).Value(); got != "token-2" {
			t.Errorf("got %q after the renewal", got)
		}
		if b.count() != 2 {
			t.Errorf("%d fetches", b.count())
		}
	})
}

func TestFailedRenewalKeepsTheOldTokenUntilItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []FetchEvent // OnFetch runs in one goroutine at a time here
		b := &bank{lifetime: 3600}
		c := newTestCache(t, CacheOptions{OnFetch: func(e FetchEvent) { events = append(events, e) }})
		start := time.Now()
		first := mustToken(t, c, testKey, b.endpoint())
		b.set(func(b *bank) { b.status = http.StatusServiceUnavailable })

		for time.Since(start) < time.Hour-30*time.Second {
			if mustToken(t, c, testKey, b.endpoint()) != first {
				t.Fatal("the old token was given up early")
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		tries := b.count() - 1
		if tries < 5 || tries > 60 {
			t.Errorf("%d renewals tried in 12 minutes", tries)
		}
		time.Sleep(2 * time.Second)
		if _, err := c.Token(t.Context(), testKey, b.endpoint()); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("a stale token or another error: %v", err)
		}
		synctest.Wait()
		if len(events) != b.count() {
			t.Fatalf("%d events for %d fetches", len(events), b.count())
		}
		for i, e := range events[1 : len(events)-1] {
			if !e.Renewal || e.Outcome != OutcomeUnavailable || !errors.Is(e.Err, ErrUnavailable) {
				t.Errorf("event %d: %+v", i+1, e)
			}
		}
		b.set(func(b *bank) { b.status = 0 })
		time.Sleep(failFast)
		mustToken(t, c, testKey, b.endpoint())
	})
}

func TestRenewalsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bank{lifetime: 3600}
		c := newTestCache(t, CacheOptions{})
		keys := make([]Key, 3*maxRenewals)
		for i := range keys {
			keys[i] = testKey
			keys[i].Scope = strconv.Itoa(i)
			mustToken(t, c, keys[i], b.endpoint())
		}
		fetched := b.count()
		b.set(func(b *bank) { b.latency = 5 * time.Second })
		time.Sleep(87 * time.Hour / 100)
		for _, key := range keys {
			mustToken(t, c, key, b.endpoint())
		}
		synctest.Wait()
		if got := b.count() - fetched; got != maxRenewals {
			t.Errorf("%d renewals at a time, want %d", got, maxRenewals)
		}
		// The others get their turn.
		for range 4 {
			time.Sleep(6 * time.Second)
			for _, key := range keys {
				mustToken(t, c, key, b.endpoint())
			}
			synctest.Wait()
		}
		if got := b.count() - fetched; got != len(keys) {
			t.Errorf("%d of %d renewed", got, len(keys))
		}
	})
}
