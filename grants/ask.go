package grants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// reply is what asking came to.
type reply struct {
	answer *tokens.Answer
	ended  string
	err    error
	took   time.Duration
}

// ask sends the request once, within the time that was announced, and whatever
// becomes of ctx.
func (s *Store) ask(ctx context.Context, c *Client, p *pending, q tokens.Request) (result reply) {
	started := s.now()
	ctx, cancel := bounded(ctx, c.timeout()-started.Sub(p.Started))
	defer cancel()
	defer func() {
		result.took = s.now().Sub(started)
		if v := recover(); v != nil {
			// Its value is not told, for it might hold anything.
			result.ended, result.err = noAnswer, fmt.Errorf("%w: asking panicked (%T)", tokens.ErrUnavailable, v)
		}
	}()
	answer, err := c.Endpoint.Ask(ctx, q)
	if err == nil {
		return reply{answer: answer}
	}
	if unanswered, ok := errors.AsType[*tokens.UnansweredError](err); ok && !unanswered.NotSent {
		return reply{ended: noAnswer, err: err}
	}
	return reply{ended: notSent, err: err}
}

// conclude stores what asking came to: the raw answer first, then what it amounts
// to. Whatever the storage does, the answer is not lost as long as the process
// lives, and settled in memory.
func (h *held) conclude(ctx context.Context, announced record, p *pending, got reply) (record, settlement) {
	s, done := h.store, p.with(got.answer, got.ended)
	spec := h.client.spec()
	reading, cancel := bounded(ctx, storageTimeout)
	stored, err := s.load(reading, h.id)
	cancel()
	if err == nil {
		switch done.relevanceFor(&stored, s.now()) {
		case late:
			return stored, settlement{outcome: outcomeNothing, request: done, err: got.err}
		case early:
			err = ErrBusy
		}
	}
	if errors.Is(err, ErrUnknown) {
		// Forgotten meanwhile: nobody wants to know.
		return announced.absorb(done).settle(spec, s.now())
	}
	base := stored
	if err == nil && done.Answer != nil {
		raw := stored.absorb(done)
		err = s.put(ctx, &raw)
		stored = raw
	}
	if err != nil {
		if base.Version == 0 {
			base = announced
		}
		s.remember(unsavedItem{base: base, request: done, client: h.client})
		r, st := base.absorb(done).settle(spec, s.now())
		return r, *st.because(got.err)
	}
	before := stored
	r, st := stored.absorb(done).settle(spec, s.now())
	st.because(got.err)
	if err := s.keep(ctx, &r, &st); err != nil {
		// Others would take what was not sent for ambiguous, and the write that
		// failed may have torn what was there.
		s.remember(unsavedItem{base: before, request: done, client: h.client, stored: true})
	}
	return r, st
}

// because prefers the error of the call, which knows more than the record.
func (s *settlement) because(err error) *settlement {
	if err != nil && s.err != nil {
		s.err = err
	}
	return s
}

// learn gives the pass back, and tells the breaker what the call says of the
// endpoint.
func (p *pass) learn(now time.Time, st *settlement) {
	cause := endpointFailure(st)
	if cause == nil {
		p.leave(now, nil)
		return
	}
	f := &failure{cause: cause, own: st.harmless()}
	if st.request != nil && st.request.Answer != nil {
		f.asked = st.request.Answer.RetryAfter
	}
	p.leave(now, f)
}

// harmless reports whether a request was sent that has come to nothing and cost
// the grant nothing: another may be asked about without risk.
func (s *settlement) harmless() bool {
	return (s.outcome == outcomeFailed || s.outcome == outcomeUndone) && s.request.Ended != notSent
}

// endpointFailure is what a settlement says against the endpoint itself.
func endpointFailure(st *settlement) error {
	switch {
	case st.err == nil, st.outcome == outcomeGranted:
		return nil
	case st.outcome == outcomeRefused:
		return nil
	case st.outcome == outcomeRejected && !tokens.ClientRefused(st.err):
		return nil
	default:
		return st.err
	}
}
