package tokens

import (
	"context"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// defaultSize is used when CacheOptions.Size is not positive.
	defaultSize = 100_000

	// failFast is how long a failed fetch answers for its key. It keeps a
	// crowd of waiting requests off a bank that has just refused or failed,
	// and is too short to be noticed once the bank is back.
	failFast = time.Second
	// maxFailures bounds the failures remembered at a time.
	maxFailures = 1024
)

// Source provides access tokens. [Cache] is one.
type Source interface {
	// Token gives a usable token for key, fetched from ep if need be.
	Token(ctx context.Context, key Key, ep *Endpoint) (*Token, error)
	// Drop forgets a token that the bank no longer accepts.
	Drop(key Key, t *Token)
}

var _ Source = (*Cache)(nil)

// CacheOptions configure a [Cache]. The zero value is ready for use.
type CacheOptions struct {
	// Size is the number of tokens kept; the least recently used go first.
	// Default 100,000.
	Size int
	// Now is the clock. Default [time.Now].
	Now func() time.Time
	// OnFetch is told of every fetch after it ended, from the goroutine that
	// ran it: for metrics, and for logging renewals that no request waits for.
	// It must be safe for concurrent use and must not call Close.
	OnFetch func(FetchEvent)
}

// Cache keeps tokens in memory and coordinates fetching them. It is safe for
// concurrent use and outlives the requests it serves; Close ends it.
type Cache struct {
	now     func() time.Time
	onFetch func(FetchEvent)
	fetch   fetchFunc
	tokens  *memory

	// mu guards what follows, and every change to tokens.
	mu       sync.Mutex
	flights  map[Key]*flight
	failures *lru.Cache[Key, failure]
	renewing int
	closed   bool
	// running counts the goroutines that fetch.
	running sync.WaitGroup
}

// failure is a fetch that failed a moment ago.
type failure struct {
	err   error
	until time.Time
}

// NewCache makes an empty cache. It starts no goroutine until a token is asked for.
func NewCache(opts CacheOptions) *Cache {
	if opts.Size <= 0 {
		opts.Size = defaultSize
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.OnFetch == nil {
		opts.OnFetch = func(FetchEvent) {}
	}
	return &Cache{
		now:      opts.Now,
		onFetch:  opts.OnFetch,
		fetch:    fetcher{now: opts.Now}.fetch,
		tokens:   newMemory(opts.Size),
		flights:  make(map[Key]*flight),
		failures: newLRU[failure](maxFailures),
	}
}

// Token gives a token for key that is good for now: from memory without
// allocating, or else fetched from ep.
//
// However many callers wait, one fetch per key runs, under ep's timeout and not
// under any caller's context: a caller that gives up returns at once and takes
// nothing from the others. A token is used until [Spec.ExpiryMargin] before its
// end; after about 80 % of that time the next call starts a renewal in the
// background and still gets the old token at once. A renewal that fails leaves
// the old token in place until its own end.
//
// Errors are [*RefusedError], [ErrUnavailable], [ErrMalformed],
// [ErrRedirected], [ErrUndelivered], [ErrSpec], [ErrClosed], or ctx's own. For one second after a
// failed fetch the same error is returned for the same key without asking
// the bank again.
func (c *Cache) Token(ctx context.Context, key Key, ep *Endpoint) (*Token, error) {
	now := c.now()
	e, ok := c.tokens.get(key)
	if !ok || !e.usable(now) {
		return c.await(ctx, key, ep)
	}
	c.use(&key, ep, e, now)
	return e.token, nil
}

// use notes that an entry is used, and starts its renewal if that is due.
func (c *Cache) use(key *Key, ep *Endpoint, e *entry, now time.Time) {
	at := now.UnixNano()
	if at-e.touched.Load() >= int64(touchEvery) {
		c.tokens.touch(*key, e, at)
	}
	if due := e.renewAt.Load(); at >= due {
		c.renew(*key, ep, e, due, now)
	}
}

// Drop forgets t, which the bank has answered 401 to, so that the next call of
// Token fetches. If the key's token is another one by now, a concurrent caller
// has seen to it already and Drop does nothing.
func (c *Cache) Drop(key Key, t *Token) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens.remove(key, t)
}

// DropAll forgets all tokens and failures of an ASPSP, and keeps what is being
// fetched at the moment from being kept. It returns the number of tokens dropped.
func (c *Cache) DropAll(aspsp string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.flights {
		if key.ASPSP == aspsp {
			delete(c.flights, key)
		}
	}
	for _, key := range c.failures.Keys() {
		if key.ASPSP == aspsp {
			c.failures.Remove(key)
		}
	}
	return c.tokens.removeAll(aspsp)
}

// State describes a kept token without its value.
type State struct {
	Key
	// ObtainedAt is when the token was asked for.
	ObtainedAt time.Time `json:"obtained_at"`
	// Expiry is when it ends according to the bank.
	Expiry time.Time `json:"expiry"`
	// UsableUntil is when the cache stops using it.
	UsableUntil time.Time `json:"usable_until"`
	// RenewAt is when a request will start its renewal.
	RenewAt time.Time `json:"renew_at"`
}

// Snapshot describes the tokens that are usable now, the least recently used
// first.
func (c *Cache) Snapshot() []State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tokens.states(c.now())
}

// Close forgets all tokens and waits for running fetches, which their timeouts
// bound; they are not cut off, so that their callers get what they wait for.
// Afterwards Token returns ErrClosed. Close may be called more than once.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	c.tokens.entries.Purge()
	c.mu.Unlock()
	c.running.Wait()
}

// await returns the result of a fetch: of the one that runs, or of a new one.
func (c *Cache) await(ctx context.Context, key Key, ep *Endpoint) (*Token, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("waiting for a token: %w", err)
	}
	token, f, err := c.join(key, ep)
	if f == nil {
		return token, err
	}
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a token: %w", ctx.Err())
	}
}

// join gives the flight to wait for, or the answer if none is needed. It looks
// at everything under one lock, so that a caller which missed the token by a
// moment does not fetch it again.
func (c *Cache) join(key Key, ep *Endpoint) (*Token, *flight, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, ErrClosed
	}
	now := c.now()
	if e, ok := c.tokens.get(key); ok {
		if e.usable(now) {
			return e.token, nil, nil
		}
		c.tokens.remove(key, e.token)
	}
	if f, ok := c.flights[key]; ok {
		return nil, f, nil
	}
	if failed, ok := c.failures.Get(key); ok && now.Before(failed.until) {
		return nil, nil, failed.err
	}
	return nil, c.start(key, ep, false), nil
}
