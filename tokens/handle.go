package tokens

import (
	"context"
	"sync/atomic"
)

// Handle is a [Key] of a [Cache] that knows its token: who asks under the same
// key again and again saves the search for it, which costs more than all the
// rest. It is safe for concurrent use. It keeps at most its last token alive.
type Handle struct {
	cache *Cache
	entry atomic.Pointer[entry]
	key   Key
}

// Handle gives a handle for a key. Handles are to be kept: making one for each
// request gains nothing.
func (c *Cache) Handle(key Key) *Handle { return &Handle{cache: c, key: key} }

// Key is the key that the handle was made for.
func (h *Handle) Key() Key { return h.key }

// Token is [Cache.Token] for the handle's key.
func (h *Handle) Token(ctx context.Context, ep *Endpoint) (*Token, error) {
	now := h.cache.now()
	if e := h.entry.Load(); e != nil && e.usable(now) {
		h.cache.use(&h.key, ep, e, now)
		return e.token, nil
	}
	return h.search(ctx, ep)
}

// search is Token by way of the key. Entries that the cache gave up are retired,
// so that one which is remembered here too late does no harm.
func (h *Handle) search(ctx context.Context, ep *Endpoint) (*Token, error) {
	token, err := h.cache.Token(ctx, h.key, ep)
	if e, ok := h.cache.tokens.get(h.key); ok {
		h.entry.Store(e)
	} else {
		h.entry.Store(nil)
	}
	return token, err
}

// Drop is [Cache.Drop] for the handle's key.
func (h *Handle) Drop(t *Token) { h.cache.Drop(h.key, t) }
