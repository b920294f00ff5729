package tokens

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// When the background renewal of a token begins: at this share of the time it
// is usable for, give or take the jitter, so that tokens fetched together are
// not renewed together.
const (
	renewShare  = 0.80
	renewJitter = 0.05
)

// touchEvery is how precisely the order of use is kept. A look-up moves its
// entry to the front only if it has not done so for as long: moving takes the
// exclusive lock and touches memory all over the list, which would make up half
// the cost of a look-up.
const touchEvery = time.Second

// entry is a kept token, until when it is good, when to renew it and when it was
// last used. What a look-up reads is here and not behind the token, and fills
// one cache line: among many tokens, waiting for memory is what takes the time.
type entry struct {
	token *Token
	// until and from are the token's, until by either clock.
	until time.Time
	from  int64
	// untilWall is zero once the entry is no longer kept. All from here are in
	// Unix nanoseconds.
	untilWall atomic.Int64
	renewAt   atomic.Int64
	touched   atomic.Int64
}

func newEntry(token *Token) *entry {
	usable := token.usableUntil.Sub(token.obtained)
	share := renewShare + renewJitter*(2*rand.Float64()-1)
	e := &entry{token: token, until: token.usableUntil, from: token.usableFromWall}
	e.untilWall.Store(token.usableUntilWall)
	e.renewAt.Store(token.obtained.Add(time.Duration(share * float64(usable))).UnixNano())
	e.touched.Store(token.obtained.UnixNano())
	return e
}

// usable reports whether the entry is still kept and its token usable, as
// Token.usable does.
func (e *entry) usable(now time.Time) bool {
	at := now.UnixNano()
	return at < e.untilWall.Load() && at >= e.from && now.Before(e.until)
}

// retire tells those who hold the entry that it is no longer kept.
func (e *entry) retire() { e.untilWall.Store(0) }

// postponeRenewal claims the renewal that is due for the caller, and puts the
// next one off to wait. It is false if someone else has claimed it.
func (e *entry) postponeRenewal(due int64, now time.Time, wait time.Duration) bool {
	return e.renewAt.CompareAndSwap(due, now.Add(wait).UnixNano())
}

// memory keeps the most recently used tokens. get and touch may be called at
// any time; everything else only under the coordinator's lock, which is what
// makes "remove it if it is still this one" hold.
type memory struct {
	entries *lru.Cache[Key, *entry]
}

func newMemory(size int) *memory {
	entries, err := lru.NewWithEvict(size, func(_ Key, e *entry) { e.retire() })
	if err != nil {
		panic(err) // as in newLRU
	}
	return &memory{entries: entries}
}

func (m *memory) get(key Key) (*entry, bool) { return m.entries.Peek(key) }

// touch notes that the entry was used at a time in Unix nanoseconds.
func (m *memory) touch(key Key, e *entry, at int64) {
	e.touched.Store(at)
	m.entries.Get(key)
}

func (m *memory) put(key Key, token *Token) {
	if old, ok := m.entries.Peek(key); ok {
		defer old.retire() // once the new one is there
	}
	m.entries.Add(key, newEntry(token))
}

// remove forgets the key's token if it is this one.
func (m *memory) remove(key Key, token *Token) {
	if e, ok := m.entries.Peek(key); ok && e.token == token {
		m.entries.Remove(key)
	}
}

// removeAll forgets all tokens of a bank and counts them.
func (m *memory) removeAll(aspsp string) (removed int) {
	for _, key := range m.entries.Keys() {
		if key.ASPSP == aspsp && m.entries.Remove(key) {
			removed++
		}
	}
	return removed
}

// states describes what is usable, the least recently used first.
func (m *memory) states(now time.Time) []State {
	states := []State{}
	for _, key := range m.entries.Keys() {
		if e, ok := m.entries.Peek(key); ok && e.usable(now) {
			states = append(states, State{
				Key:         key,
				ObtainedAt:  e.token.obtained,
				Expiry:      e.token.expiry,
				UsableUntil: e.token.usableUntil,
				RenewAt:     time.Unix(0, e.renewAt.Load()),
			})
		}
	}
	return states
}

// newLRU is lru.New for a size that is known to be positive, the only thing
// that it can fail for.
func newLRU[V any](size int) *lru.Cache[Key, V] {
	cache, err := lru.New[Key, V](size)
	if err != nil {
		panic(err)
	}
	return cache
}
