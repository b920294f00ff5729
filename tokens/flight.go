package tokens

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// maxRenewals bounds the background renewals that run at a time. Requests
	// that wait are not bounded by it.
	maxRenewals = 32

	// renewRetryShare is the share of a token's remaining time after which a
	// failed renewal is tried again: often enough to succeed before the end,
	// and seldom enough not to hammer a bank that is down for hours.
	renewRetryShare = 8
	// renewRetryMin is the least time between two renewals of a token.
	renewRetryMin = time.Second
)

// flight is a fetch that runs, and its result once done is closed.
//
// This is singleflight, made here and not taken from golang.org/x/sync: keys
// are structs, and whether to fly, to wait, to fail fast or to keep the result
// has to be decided under the same lock as Drop and Close.
type flight struct {
	renewal bool
	done    chan struct{}
	token   *Token
	err     error
}

// FetchEvent says how a fetch went.
type FetchEvent struct {
	// ASPSP and Identity are those of the key.
	ASPSP, Identity string
	// Renewal is true if it was started ahead of the old token's end, without
	// a request that waits for it.
	Renewal bool
	// Outcome is fit for a metric's label.
	Outcome Outcome
	// Duration is how long the fetch took.
	Duration time.Duration
	// Err is what callers got, nil if it is a token. It is safe to log.
	Err error
}

// Outcome is the result of a fetch in one word.
type Outcome string

// All outcomes; each error is named after its sentinel or type.
const (
	OutcomeOK          Outcome = "ok"
	OutcomeRefused     Outcome = "refused"
	OutcomeUnavailable Outcome = "unavailable"
	OutcomeMalformed   Outcome = "malformed"
	OutcomeRedirected  Outcome = "redirected"
	OutcomeUndelivered Outcome = "undelivered"
	OutcomeInvalid     Outcome = "invalid" // ErrSpec
)

func outcomeOf(err error) Outcome {
	var refused *RefusedError
	switch {
	case err == nil:
		return OutcomeOK
	case errors.As(err, &refused):
		return OutcomeRefused
	case errors.Is(err, ErrMalformed):
		return OutcomeMalformed
	case errors.Is(err, ErrUndelivered):
		return OutcomeUndelivered
	case errors.Is(err, ErrRedirected):
		return OutcomeRedirected
	case errors.Is(err, ErrSpec):
		return OutcomeInvalid
	default:
		return OutcomeUnavailable
	}
}

// renew starts the background renewal of e's token, if the caller is the first
// to find it due and there is room.
func (c *Cache) renew(key Key, ep *Endpoint, e *entry, due int64, now time.Time) {
	wait := max(renewRetryMin, e.token.usableUntil.Sub(now)/renewRetryShare)
	if !e.postponeRenewal(due, now, wait) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed || c.flights[key] != nil:
	case c.renewing >= maxRenewals:
		e.renewAt.Store(now.Add(renewRetryMin).UnixNano())
	default:
		c.start(key, ep, true)
	}
}

// start launches a fetch. c.mu must be held.
func (c *Cache) start(key Key, ep *Endpoint, renewal bool) *flight {
	f := &flight{renewal: renewal, done: make(chan struct{})}
	c.flights[key] = f
	if renewal {
		c.renewing++
	}
	c.running.Go(func() { c.run(key, ep, f) })
	return f
}

// run fetches and publishes the result. The context is no caller's, not even
// for its values: a request's context may hold trace hooks that write to the
// app's response, and other callers and renewals outlive that request.
func (c *Cache) run(key Key, ep *Endpoint, f *flight) {
	started := c.now()
	f.token, f.err = c.fetchSafely(key, ep)
	c.land(key, f)
	c.onFetch(FetchEvent{
		ASPSP:    key.ASPSP,
		Identity: key.Identity,
		Renewal:  f.renewal,
		Outcome:  outcomeOf(f.err),
		Duration: c.now().Sub(started),
		Err:      f.err,
	})
}

// fetchSafely runs the fetch step. A panic in it must not take down the
// process and every other bank with it, nor leave callers waiting; of its value
// only the type is told, for it might hold anything.
func (c *Cache) fetchSafely(key Key, ep *Endpoint) (token *Token, err error) {
	defer func() {
		if v := recover(); v != nil {
			token, err = nil, fmt.Errorf("%w: the fetch panicked (%T)", ErrUnavailable, v)
		}
	}()
	timeout := defaultTimeout
	if ep != nil {
		timeout = ep.fetchTimeout()
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return c.fetch(ctx, key, ep)
}

// land keeps the result and wakes those who wait for it. A flight that is no
// longer the key's own was cut loose by DropAll: its callers get the token,
// but it is not kept.
func (c *Cache) land(key Key, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.renewal {
		c.renewing--
	}
	if c.flights[key] == f {
		delete(c.flights, key)
		c.keep(key, f)
	}
	close(f.done)
}

// keep stores a token that can serve later calls, or a failure. c.mu must be held.
func (c *Cache) keep(key Key, f *flight) {
	now := c.now()
	switch {
	case f.err != nil:
		c.failures.Add(key, failure{err: f.err, until: now.Add(failFast)})
	case c.closed:
	case f.token.usable(now):
		c.tokens.put(key, f.token)
	}
}
