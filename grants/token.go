package grants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault"
)

// slowRounds bounds how often a caller waits for flights that were not its own.
const slowRounds = 4

// Token gives the grant's access token, good for now: from memory without
// allocating, or from the record, or refreshed at the bank. A caller that gives
// up takes nothing from others who wait.
//
// What is in memory is read again from the record when it is older than
// [Options.Recheck]; if the storage fails then, a token that is still good is
// served all the same. A token is never sent after its end, less
// [tokens.Spec.ExpiryMargin], after the end of the consent, or when the grant is
// not active.
//
// A token that was fetched under another certificate is replaced, unless
// [tokens.Spec.Unbound], but at most once a minute for each grant: processes with
// different certificates, as in a roll-out, would otherwise refresh against each
// other without end. Meanwhile the others get an [*OtherCertificateError].
//
// Errors: ErrName, ErrNoClient, ErrUnknown, ErrConsentExpired, ErrRevoked, ErrRefused,
// ErrQuarantined, ErrElsewhere, ErrNoRefreshToken, ErrBusy, the
// vault's, those of the tokens package (perhaps in a [HeldError]), or ctx's own.
// A failure answers for its grant for a second.
func (s *Store) Token(ctx context.Context, id ID, c *Client) (*tokens.Token, error) {
	now := s.now()
	e, ok := s.hot.get(id)
	if !ok || !e.serves(c, now, s.recheck) {
		return s.await(ctx, errand{id: id, client: c})
	}
	if e.usage.Load() != used && e.use() {
		s.renewSoon(e)
	}
	return e.token, nil
}

// Refresh fetches a new access token, whatever the present one is good for.
// Errors are those of Token, and ErrClosed.
func (s *Store) Refresh(ctx context.Context, id ID, c *Client) error {
	_, err := s.await(ctx, errand{id: id, client: c, forced: true})
	return err
}

// Drop is told of a token that the bank answered 401 to. If it is still the
// grant's, the next call of Token refreshes. Without a refresh token Token answers
// ErrNoRefreshToken for ten seconds; then the token is tried again, for the bank
// may have erred.
func (s *Store) Drop(id ID, t *tokens.Token) {
	value := t.Value()
	if value == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.hot.get(id)
	if ok && (e.token == nil || e.token.Value() != value) {
		return
	}
	// What is being found out at the moment may be this very token.
	delete(s.flights, id)
	dropped := &entry{id: id, stale: value}
	s.hot.put(dropped)
}

// await gives what a flight gives: one that runs already, or a new one.
func (s *Store) await(ctx context.Context, e errand) (*tokens.Token, error) {
	if err := e.id.Check(); err != nil {
		return nil, err
	}
	if err := e.client.check(); err != nil {
		return nil, err
	}
	for range slowRounds {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("waiting for a token: %w", err)
		}
		f, token, err := s.join(e)
		if f == nil {
			return token, err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for a token: %w", ctx.Err())
		}
		if f.answers(&e) {
			return f.token, f.err
		}
	}
	return nil, fmt.Errorf("%w: through another certificate", ErrBusy)
}

// flight is one errand under way, and its result once done is closed.
type flight struct {
	errand errand
	done   chan struct{}
	token  *tokens.Token
	err    error
}

// answers reports whether the flight's result is one for the errand as well.
func (f *flight) answers(e *errand) bool {
	switch {
	case f.errand.client != e.client, e.forced && !f.errand.forced:
		return false
	case e.forced || !f.errand.ahead():
		return true
	}
	// That there can be no new token says nothing of the one that there is.
	return !errors.Is(f.err, ErrNoRefreshToken)
}

// join gives the flight to wait for, or the answer if none is needed.
func (s *Store) join(e errand) (*flight, *tokens.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending() && e.forced {
		return nil, nil, ErrClosed
	}
	now := s.now()
	known, hot := s.hot.get(e.id)
	if f, ok := s.flights[e.id]; ok {
		if f.errand.ahead() && hot && !e.forced && known.token != nil && known.good(e.client, now, now.UnixNano()) {
			return nil, known.token, nil // nobody waits for a refresh that is not needed yet
		}
		return f, nil, nil
	}
	if hot {
		switch {
		case e.forced:
		case known.token != nil && known.serves(e.client, now, s.recheck):
			if known.use() {
				s.enqueue(known)
			}
			return nil, known.token, nil
		case known.err != nil && known.client == e.client && known.younger(known.errFor, now.UnixNano()):
			return nil, nil, known.err
		case known.token != nil && known.good(e.client, now, now.UnixNano()):
			e.fallback = known.token
		}
		e.stale, e.dropped = known.stale, known.stale
	}
	return s.launch(e), nil, nil
}

// launch starts a flight. s.mu must be held.
func (s *Store) launch(e errand) *flight {
	f := &flight{errand: e, done: make(chan struct{})}
	s.flights[e.id] = f
	s.running.begin()
	go s.fly(f)
	return f
}

// flightTimeout bounds a flight apart from its own calls of the bank: another
// process may use up two calls, and one more that has vanished has to be
// waited for.
func flightTimeout(c *Client) time.Duration { return 3*(c.timeout()+answerGrace) + storageTimeout }

func (s *Store) fly(f *flight) {
	defer s.running.end()
	ctx, cancel := context.WithTimeout(context.Background(), flightTimeout(f.errand.client))
	defer cancel()
	e := f.errand
	got, err := s.obtainSafely(ctx, &e)
	if e.fallback != nil && errors.Is(err, vault.ErrUnavailable) && e.fallback.Usable(s.now()) {
		s.event(e.id, Event{Kind: EventStorageUnavailable, Err: err})
		s.land(f, &e, result{token: e.fallback}, nil)
		return
	}
	if errors.Is(err, vault.ErrDamaged) {
		s.event(e.id, Event{Kind: EventDamaged, Err: err})
	}
	s.land(f, &e, got, err)
}

// obtainSafely turns a panic into an error. Its value is not told, for it might
// hold anything.
func (s *Store) obtainSafely(ctx context.Context, e *errand) (got result, err error) {
	defer func() {
		if v := recover(); v != nil {
			got, err = result{}, fmt.Errorf("%w: the refresh panicked (%T)", tokens.ErrUnavailable, v)
		}
	}()
	return s.obtain(ctx, e)
}

// land publishes the result and wakes those who wait. A flight that was cut
// loose serves them, and nobody else.
func (s *Store) land(f *flight, e *errand, got result, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flights[e.id] == f {
		delete(s.flights, e.id)
		switch {
		case s.closed:
		case err == nil && !got.known:
			// From memory, for want of the storage: not asked again for a while.
			if known, ok := s.hot.get(e.id); ok && known.token == got.token {
				known.read.Store(s.now().UnixNano())
			}
		default:
			got.token = s.publish(e, got, err)
		}
	}
	f.token, f.err = got.token, err
	close(f.done)
}

// lasting reports whether an error is about the grant itself, and will be the
// same until its record changes.
func lasting(err error) bool {
	for _, about := range []error{ErrUnknown, ErrRevoked, ErrRefused, ErrQuarantined, ErrConsentExpired, ErrElsewhere, ErrNoRefreshToken} {
		if errors.Is(err, about) {
			return true
		}
	}
	return false
}
