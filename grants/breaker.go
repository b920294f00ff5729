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
	// alone is set while all failures are of one grant, the culprit, and cost it
	// nothing: then only that one is held. A bank that answers 500 to the refresh
	// of one PSU must not keep all others from theirs.
	alone   bool
	culprit ID
}

// failure is why an endpoint is to be left alone, for how long it asked for, and
// whether it may be the matter of one grant.
type failure struct {
	cause error
	asked time.Duration
	own   bool
}

func newBreaker() *breaker { return &breaker{slots: make(chan struct{}, maxAsking)} }

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
	switch {
	case b.failures == 0 || b.alone && b.culprit != id:
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
	p := &pass{breaker: b, id: id, probe: b.failures > 0 && (!b.alone || b.culprit == id)}
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
	other := b.alone && b.culprit != p.id
	if f == nil {
		if !other { // one that works says nothing of the culprit
			b.failures, b.cause, b.alone = 0, nil, false
		}
		return
	}
	switch {
	case b.failures == 0:
		b.alone, b.culprit = f.own, p.id
		b.failures = 1
	case other:
		b.alone = false // it is not one grant's matter after all
	case p.probe: // calls that were under way together count as one failure
		b.failures++
		b.alone = b.alone && f.own
	default:
		b.alone = b.alone && f.own
	}
	hold := holdMax
	if b.failures < 7 {
		hold = holdMin << (b.failures - 1)
	}
	b.cause = f.cause
	b.until = now.Add(max(min(hold, holdMax), min(f.asked, holdAsked)))
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
