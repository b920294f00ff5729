package tokens

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestOneFetchForAllCallers(t *testing.T) {
	b := &bank{lifetime: 3600, latency: 20 * time.Millisecond}
	c := newTestCache(t, CacheOptions{})
	got := crowd(200, func() *Token { return mustToken(t, c, testKey, b.endpoint()) })
	if len(got) != 1 || b.count() != 1 {
		t.Errorf("%d fetches, %d different tokens", b.count(), len(got))
	}
}

// The bank answers 401 to a hundred requests that all carried the same token.
func TestOneFetchAfterAStormOf401(t *testing.T) {
	b := &bank{lifetime: 3600, latency: time.Millisecond}
	c := newTestCache(t, CacheOptions{})
	old := mustToken(t, c, testKey, b.endpoint())
	got := crowd(100, func() *Token {
		c.Drop(testKey, old)
		return mustToken(t, c, testKey, b.endpoint())
	})
	if len(got) != 1 || got[old] || b.count() != 2 {
		t.Errorf("%d fetches, %d different tokens, the old one among them: %v", b.count(), len(got), got[old])
	}
	c.Drop(testKey, old) // a straggler
	if got := mustToken(t, c, testKey, b.endpoint()); got.Value() != "token-2" {
		t.Errorf("a late Drop of the old token dropped the new one")
	}
}

// crowd runs f n times at once and gives the set of its results.
func crowd(n int, f func() *Token) map[*Token]bool {
	var (
		mu     sync.Mutex
		got    = map[*Token]bool{}
		ready  = make(chan struct{})
		runner sync.WaitGroup
	)
	for range n {
		runner.Go(func() {
			<-ready
			token := f()
			mu.Lock()
			defer mu.Unlock()
			got[token] = true
		})
	}
	close(ready)
	runner.Wait()
	return got
}

// Everything at once, for the race detector; and nobody ever gets a token that
// has ended.
func TestConcurrentUse(t *testing.T) {
	b := &bank{lifetime: 1}
	c := NewCache(CacheOptions{Size: 8})
	var users sync.WaitGroup
	stop := time.Now().Add(1500 * time.Millisecond)
	for range 16 {
		users.Go(func() {
			for time.Now().Before(stop) {
				useCache(t, c, b)
			}
		})
	}
	users.Wait()
	c.Close()
	if b.count() < 16 {
		t.Errorf("only %d fetches", b.count())
	}
}

func useCache(t *testing.T, c *Cache, b *bank) {
	key := testKey
	key.Scope = strconv.Itoa(rand.IntN(16))
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(3))*time.Millisecond)
	defer cancel()
	asked := time.Now()
	token, err := c.Token(ctx, key, b.endpoint())
	if err != nil {
		if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		return
	}
	if !asked.Before(token.Expiry()) {
		t.Error("got an ended token")
	}
	switch rand.IntN(200) {
	case 0:
		c.DropAll(key.ASPSP)
	case 1:
		c.Snapshot()
	case 2:
		b.set(func(b *bank) { b.status = http.StatusBadGateway })
	case 3, 4, 5:
		b.set(func(b *bank) { b.status = 0 })
	case 6, 7, 8, 9, 10:
		c.Drop(key, token)
	}
}
