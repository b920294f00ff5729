package grants

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

const (
	// failFast is how long a failure answers for its grant, so that a crowd of
	// requests does not ask the storage and the bank over and over.
	failFast = time.Second
	// renewJitter spreads the renewals of tokens that were fetched together, as a
	// share of the time that a token is usable for.
	renewJitter = 0.05
	// dropLasts is how long a token that the bank answered 401 to is withheld where
	// there is no way to another: the bank may have erred, and the PSU would have to
	// authorize anew for nothing.
	dropLasts = 10 * time.Second
	// renewRetry is the least time between two renewals of a token.
	renewRetry = time.Second
	// renewRetryShare is the share of a token's remaining time after which a
	// failed renewal is tried again.
	renewRetryShare = 8
)

// What has happened to an entry's token.
const (
	unused int32 = iota
	used         // handed out
	due          // to be renewed when it is handed out next
)

// entry is a grant in memory: a token, or why there is none. What it says does
// not change; another entry takes its place.
type entry struct {
	// First what each call looks at, in one cache line.
	client *Client
	token  *tokens.Token
	// consentUntil is the end of the consent in Unix nanoseconds, 0 if unknown.
	consentUntil int64
	// read is when the record was read last, in Unix nanoseconds.
	read atomic.Int64
	// usage is unused, used or due.
	usage atomic.Int32

	id ID
	// err is the answer for a while, if there is no token.
	err    error
	errFor time.Duration
	// stale is an access token that the bank no longer takes.
	stale string
	// final means that there is no refresh token to renew it with.
	final bool
	// timer starts the renewal. Guarded by Store.mu.
	timer *time.Timer
}

// serves reports whether the token may be handed out without looking at the
// record.
func (e *entry) serves(c *Client, now time.Time, recheck time.Duration) bool {
	at := now.UnixNano()
	return e.younger(recheck, at) && e.good(c, now, at)
}

// younger reports whether the record was read less than d ago. A clock that was
// set back tells nothing.
func (e *entry) younger(d time.Duration, at int64) bool {
	age := at - e.read.Load()
	return age >= 0 && age < int64(d)
}

// good reports whether the token may be sent.
func (e *entry) good(c *Client, now time.Time, at int64) bool {
	return e.client == c && e.token.Usable(now) && (e.consentUntil == 0 || at < e.consentUntil)
}

// same reports whether both say the same.
func (e *entry) same(other *entry) bool {
	return e.token != nil && e.client == other.client && e.final == other.final && e.consentUntil == other.consentUntil &&
		e.token.Value() == other.token.Value()
}

// use notes that the token was handed out. It reports whether its renewal is
// overdue, to one caller only.
func (e *entry) use() (overdue bool) {
	return e.usage.Swap(used) == due
}

// hot is the grants in memory. Entries are added and removed under Store.mu.
type hot struct {
	entries *lru.Cache[ID, *entry]
}

func newHot(size int) hot {
	entries, err := lru.NewWithEvict(size, func(_ ID, e *entry) { e.stop() })
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return hot{entries}
}

func (h hot) get(id ID) (*entry, bool) { return h.entries.Peek(id) }

// touch moves the grant to the front.
func (h hot) touch(id ID) { h.entries.Get(id) }

// put replaces the grant's entry.
func (h hot) put(e *entry) {
	if old, ok := h.entries.Peek(e.id); ok {
		old.stop()
	}
	h.entries.Add(e.id, e)
}

func (e *entry) stop() {
	if e.timer != nil {
		e.timer.Stop()
	}
}

// renewIn is how long from now the token's renewal is due.
func renewIn(t *tokens.Token, now time.Time) time.Duration {
	at := t.RenewAt()
	usable := at.Sub(t.ObtainedAt()) * 10 / 8
	jitter := time.Duration(renewJitter * (2*rand.Float64() - 1) * float64(usable))
	return max(at.Add(jitter).Sub(now), 0)
}

// publish makes the record's token, or what is in its way, the answer of the
// next calls. It gives the token that is served from now on.
func (s *Store) publish(e *errand, got result, err error) *tokens.Token {
	now := s.now()
	next := &entry{id: e.id, client: e.client, token: got.token, err: err, final: got.record.Refresh == ""}
	next.read.Store(now.UnixNano())
	if u := got.record.ConsentUntil; got.known && !u.IsZero() {
		next.consentUntil = u.UnixNano()
	}
	if err != nil {
		s.publishFailure(e, next, &got, now)
		return nil
	}
	if old, ok := s.hot.get(e.id); ok && old.same(next) && old.good(e.client, now, now.UnixNano()) {
		old.read.Store(now.UnixNano())
		s.hot.touch(e.id)
		if !e.background && old.use() {
			s.enqueue(old)
		}
		return old.token
	}
	if !next.good(e.client, now, now.UnixNano()) {
		s.hot.entries.Remove(e.id) // it serves those who waited
		return next.token
	}
	if !e.background {
		next.usage.Store(used)
	}
	s.hot.put(next)
	if next.final {
		return next.token
	}
	next.timer = time.AfterFunc(renewIn(next.token, now), func() { s.renewalDue(next) })
	return next.token
}

// publishFailure remembers for a moment why there is no token. A token that is
// still good stays, unless the record has another.
func (s *Store) publishFailure(e *errand, next *entry, got *result, now time.Time) {
	next.errFor, next.stale = failFast, e.dropped
	old, hot := s.hot.get(e.id)
	switch {
	case errors.Is(next.err, ErrNoRefreshToken) && e.ahead():
		return // it says nothing of the token that there is
	case errors.Is(next.err, ErrNoRefreshToken) && e.dropped != "":
		next.errFor, next.stale = dropLasts, ""
	case lasting(next.err):
		next.errFor = s.recheck
		if !got.known {
			s.hot.entries.Remove(e.id) // no such grant: names are free to invent
			return
		}
	case hot && old.token != nil && old.good(e.client, now, now.UnixNano()) &&
		(!got.known || got.record.Access == old.token.Value()):
		old.read.Store(now.UnixNano())
		return
	}
	s.hot.put(next)
}

// cut makes the store forget what it knows of a grant that was changed: also
// what is being found out at the moment.
func (s *Store) cut(id ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.flights, id)
	s.hot.entries.Remove(id)
}
