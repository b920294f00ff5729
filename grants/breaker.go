package grants

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// holdMin and holdMax bound how long a token endpoint is left alone after a
	// failure: doubling from the one to the other.
	holdMin = time.Second
	holdMax = time.Minute
	// holdAsked bounds what an endpoint may ask for (Retry-After).
	holdAsked = 5 * time.Minute

	// maxAsking bounds the requests that wait for one token endpoint at a time. An
	// endpoint that takes requests and answers none costs no more grants than that,
	// before its failure is known.
	maxAsking = 32
	// maxSuspects is how many grants may fail for themselves at a time. More are
	// the endpoint's matter.
	maxSuspects = 8
)

// HeldError means that the bank was not asked, because its token endpoint has
// just failed. In its chain is what the last call came to: [tokens.ErrUnavailable]
// or, if the bank refuses this TPP or its certificate, [*tokens.RefusedError].
type HeldError struct {
	// Until is when the next attempt may be made.
	Until time.Time
	cause error
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("not asked again before %s: %v", e.Until.UTC().Format(time.TimeOnly), e.cause)
}

// Unwrap gives what the last call came to.
func (e *HeldError) Unwrap() error { return e.cause }

// endpointKey tells apart what can fail by itself: an endpoint, and how the TPP
// shows itself there.
type endpointKey struct{ endpoint, thumbprint, clientID string }

// breaker keeps refreshes off a token endpoint that fails, so that an outage
// does not make a whole stock of grants ambiguous.
type breaker struct {
	slots chan struct{}

	mu       sync.Mutex
	failures int
	until    time.Time
	cause    error
	probing  bool
	// suspects have failed at no cost for them, perhaps each for itself: a bank that
	// answers 500 to the refresh of one PSU must not keep all others from theirs.
	// They are held alone, until others fail as well.
	suspects map[ID]suspect
}

// suspect is a grant that has failed a number of times in a row.
type suspect struct {
	failures int
	until    time.Time
	cause    error
}

// failure is why an endpoint is to be left alone, for how long it asked for, and
// whether it may be the matter of one grant.
type failure struct {
	cause error
	asked time.Duration
	own   bool
}

func newBreaker() *breaker {
	return &breaker{slots: make(chan struct{}, maxAsking), suspects: make(map[ID]suspect)}
}

// breakers has one breaker for each endpoint that was ever asked.
type breakers struct {
	mu sync.Mutex
	by map[endpointKey]*breaker
}

func (b *breakers) of(c *Client) *breaker {
	key := endpointKey{c.endpoint(), c.Thumbprint, c.ClientID}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.by == nil {
		b.by = make(map[endpointKey]*breaker)
	}
	found, ok := b.by[key]
	if !ok {
		found = newBreaker()
		b.by[key] = found
	}
	return found
}

// pass is the permission to ask once, or once more.
type pass struct {
	breaker *breaker
	id      ID
	probe   bool
}

// enter waits for a free place and gives a pass, or the HeldError.
func (b *breaker) enter(ctx context.Context, id ID, now func() time.Time) (*pass, error) {
	if err := b.hold(id, now()); err != nil {
		return nil, err // at once, not after waiting for those that hang
	}
	select {
	case b.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: too many requests wait for the token endpoint: %w", ErrBusy, ctx.Err())
	}
	p, err := b.admit(id, now())
	if err != nil {
		<-b.slots
	}
	return p, err
}

// hold is the reason not to ask about a grant now.
func (b *breaker) hold(id ID, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held(id, now)
}

// held is hold with b.mu locked.
func (b *breaker) held(id ID, now time.Time) error {
	known := b.suspects[id]
	switch {
	case now.Before(known.until):
		return &HeldError{Until: known.until, cause: known.cause}
	case b.failures == 0:
		return nil
	case now.Before(b.until):
		return &HeldError{Until: b.until, cause: b.cause}
	case b.probing:
		return &HeldError{Until: now.Add(holdMin), cause: b.cause}
	default:
		return nil
	}
}

func (b *breaker) admit(id ID, now time.Time) (*pass, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.held(id, now); err != nil {
		return nil, err
	}
	p := &pass{breaker: b, id: id, probe: b.failures > 0}
	b.probing = b.probing || p.probe
	return p, nil
}

// leave gives the pass back, with what the call says against the endpoint, nil
// if it works.
func (p *pass) leave(now time.Time, f *failure) {
	b := p.breaker
	<-b.slots
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.probe {
		b.probing = false
	}
	switch {
	case f == nil:
		b.failures, b.cause = 0, nil
		delete(b.suspects, p.id) // one that works says nothing of the others
		return
	case f.own && b.suspect(p.id, now, f):
		return
	case b.failures == 0 || p.probe: // calls that were under way together count as one failure
		b.failures++
	}
	b.cause, b.until = f.cause, now.Add(f.hold(b.failures))
}

// suspect holds a grant that has failed at no cost. It reports whether that is
// the grant's own matter: it is the only one, or was known already. What a known
// one fails does not keep the next probe from the others.
func (b *breaker) suspect(id ID, now time.Time, f *failure) (alone bool) {
	for other, s := range b.suspects {
		if other != id && now.Sub(s.until) > holdMax {
			delete(b.suspects, other)
		}
	}
	s, known := b.suspects[id]
	if !known && len(b.suspects) >= maxSuspects {
		return false
	}
	s.failures++
	s.cause, s.until = f.cause, now.Add(f.hold(s.failures))
	b.suspects[id] = s
	return known || len(b.suspects) == 1 && b.failures == 0
}

// hold is for how long to ask no more after so many failures.
func (f *failure) hold(failures int) time.Duration {
	hold := holdMax
	if failures < 7 {
		hold = holdMin << (failures - 1)
	}
	return max(min(hold, holdMax), min(f.asked, holdAsked))
}

// abandon gives the pass back without having asked.
func (p *pass) abandon() {
	b := p.breaker
	<-b.slots
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.probe {
		b.probing = false
	}
}
