package grants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

const (
	// momentary is how long a token without a lifetime serves those who waited for it.
	momentary = 2 * time.Second
	// rebindEvery is the least time between two refreshes of a grant only because
	// its token belongs to another certificate.
	rebindEvery = time.Minute
	// refreshRounds bounds how often one flight goes back to the record.
	refreshRounds = 8
)

// errand is what a flight is to do.
type errand struct {
	id     ID
	client *Client
	// stale is an access token that must not be used any more, with forced
	// whatever token is found first; dropped is one that the bank answered 401 to.
	stale      string
	dropped    string
	forced     bool
	background bool
	// fallback is a token that still serves if the storage does not.
	fallback *tokens.Token
	// epoch is the record's when the errand began.
	epoch string
}

// ahead reports whether a new token is fetched although there is a good one.
func (e *errand) ahead() bool { return e.forced || e.background }

// serves gives the record's token if it does for the errand. One that was
// fetched while the errand waited does so even if it ends at once.
func (e *errand) serves(r *record, now time.Time) *tokens.Token {
	if r.Access == "" || r.Access == e.stale {
		return nil
	}
	t := r.token(e.client, now)
	if t == nil && r.Epoch != e.epoch && r.Thumbprint == e.client.Thumbprint &&
		!r.Expiry.After(r.Obtained) && now.Sub(r.Obtained).Abs() < momentary {
		t = tokens.NewToken(r.Access, r.Obtained, 0, e.client.spec()).WithClientID(r.AccessClientID)
	}
	return t
}

// contested reports that the token is good, but for another certificate, which
// has only just replaced this one's or a third one's.
func (e *errand) contested(r *record, now time.Time) error {
	free := r.Rebound.Add(rebindEvery)
	if e.forced || e.client.spec().Unbound || r.Thumbprint == e.client.Thumbprint ||
		r.Access == "" || !now.Before(r.Expiry) || !now.Before(free) || now.Before(r.Rebound.Add(-rebindEvery)) {
		return nil
	}
	return &OtherCertificateError{Until: free}
}

// result is a token, and the record that it came with.
type result struct {
	token  *tokens.Token
	record record
	known  bool // record is valid
}

// obtain gives a token: the record's, or a new one.
func (s *Store) obtain(ctx context.Context, e *errand) (result, error) {
	timeout := storageTimeout
	if e.fallback != nil {
		timeout = recheckTimeout
	}
	reading, cancel := bounded(ctx, timeout)
	stored, err := s.read(reading, e.id)
	cancel()
	if err != nil {
		return result{}, err
	}
	now := s.now()
	if stored.elsewhere(e.client) {
		// What is pending there is not to be judged by another bank's rules.
		return result{record: stored, known: true}, stored.refusal(e.client, now)
	}
	r, st := stored.settle(e.client.spec(), now)
	e.epoch = stored.Epoch
	if e.forced {
		e.stale = r.Access
	}
	switch {
	case st.settled() && st.outcome != outcomeGranted && !s.isRetired():
		return s.refresh(ctx, e) // it has to be stored
	case st.outcome == outcomeOpen && r.Status == StatusAuthorizing:
		return s.refresh(ctx, e) // the first tokens are on their way
	}
	if err := r.refusal(e.client, now); err != nil {
		return result{record: r, known: true}, err
	}
	if t := e.serves(&r, now); t != nil {
		return result{token: t, record: r, known: true}, nil
	}
	if err := e.contested(&r, now); err != nil {
		return result{record: r, known: true}, err
	}
	return s.refresh(ctx, e)
}

// refresh gets a new access token, unless somebody else has done so.
func (s *Store) refresh(ctx context.Context, e *errand) (result, error) {
	var other watch
	for range refreshRounds {
		if s.isRetired() {
			return result{}, ErrClosed
		}
		job := refreshing{store: s, errand: e, other: &other}
		got, done, err := job.run(ctx)
		switch {
		case done || err != nil:
			return got, err
		case job.open != nil:
			if err := other.await(ctx, s, e.id, job.open); err != nil {
				return result{}, err
			}
		}
	}
	return result{}, fmt.Errorf("%w: the record changes all the time", ErrBusy)
}

// needsSettling reports whether the record was left in the middle, which is put
// right even while the bank is not asked.
func (s *Store) needsSettling(ctx context.Context, e *errand) bool {
	reading, cancel := bounded(ctx, storageTimeout)
	defer cancel()
	r, err := s.read(reading, e.id)
	return err == nil && r.Pending != nil
}

// refreshing is one refresh, from when the lock is taken until it is given back.
type refreshing struct {
	*held
	store  *Store
	errand *errand
	// pass is the place among those who ask the bank. It is waited for before the
	// lock, for what is read under the lock must not become old. heldBack says why
	// there is none.
	pass     *pass
	heldBack error
	// asked is set once the bank was asked.
	asked bool
	// other is what is known of another process's request, and open one that is
	// to be waited for without the lock.
	other *watch
	open  *pending
}

// run takes a place and the lock, and does what there is to do. Without an error
// it is done, or has to be tried anew, after the open request has ended.
func (j *refreshing) run(ctx context.Context) (got result, done bool, err error) {
	s, e := j.store, j.errand
	j.pass, j.heldBack = s.breakers.of(e.client).enter(ctx, e.id, s.now)
	defer j.finish()
	if j.heldBack != nil && (ctx.Err() != nil || !s.needsSettling(ctx, e)) {
		return result{}, true, j.heldBack
	}
	h, seen, err := s.holdOrSee(ctx, e)
	if err != nil || h == nil {
		return seen, true, err
	}
	defer h.release()
	j.held = h
	for range refreshRounds {
		got, done, err = j.round(ctx)
		if done || err != nil || j.open != nil || j.pass == nil && j.heldBack == nil {
			return got, done, err
		}
	}
	return got, false, nil
}

// finish gives back what a failure has left.
func (j *refreshing) finish() {
	if j.pass != nil {
		j.pass.abandon()
	}
}

// round looks at the record and does the next thing.
func (j *refreshing) round(ctx context.Context) (got result, done bool, err error) {
	e := j.errand
	r, st, err := j.load(ctx, j.other.patience)
	now := j.store.now()
	if err != nil {
		return result{}, true, err
	}
	if r.Pending != nil {
		j.open = r.Pending
		return result{}, false, nil
	}
	got = result{record: r, known: true}
	if err := r.refusal(e.client, now); err != nil {
		return got, true, err
	}
	if t := e.serves(&r, now); t != nil {
		got.token = t
		return got, true, nil
	}
	if err := e.contested(&r, now); err != nil {
		return got, true, err
	}
	switch {
	case r.Refresh == "":
		return got, true, ErrNoRefreshToken
	case st.outcome == outcomeFailed && !j.asked && now.Sub(st.request.Started).Abs() < holdMax:
		return got, true, st.err // another process has just tried twice
	case j.heldBack != nil:
		return got, true, j.heldBack
	}
	return j.send(ctx, r)
}

// send announces the refresh, asks and settles.
func (j *refreshing) send(ctx context.Context, r record) (got result, done bool, err error) {
	s, e := j.store, j.errand
	if err := s.call(); err != nil {
		return got, true, err
	}
	defer s.calls.end()
	woken := r.wake(s.now())
	p := newPending(kindRefresh, &r, e.client, s.now())
	p.Attempt = r.Unclear + 1
	if p, err = j.announce(ctx, &r, p); err != nil {
		if errors.Is(err, errOvertaken) {
			return got, false, nil
		}
		return got, true, err
	}
	if woken {
		_ = s.mark(ctx, &r)
		s.event(e.id, Event{Kind: EventHealed, Background: e.background})
	}
	j.asked = true
	reply := s.ask(ctx, e.client, p, tokens.Request{
		GrantType: tokens.GrantRefreshToken, RefreshToken: r.Refresh, Scope: r.Scope, ClientID: e.client.ClientID,
	})
	after, st := j.conclude(ctx, r, p, reply)
	s.tell(&r, &after, &st, report{background: e.background, took: reply.took})
	if st.outcome == outcomeRepeat {
		return result{}, false, nil
	}
	j.pass.learn(s.now(), &st)
	j.pass = nil
	return j.outcome(after, &st)
}

// outcome is what callers get.
func (j *refreshing) outcome(r record, st *settlement) (got result, done bool, err error) {
	now := j.store.now()
	got = result{record: r, known: true}
	if err := r.refusal(j.errand.client, now); err != nil {
		return got, true, err
	}
	switch st.outcome {
	case outcomeGranted:
		if got.token = st.pair.Access; got.token == nil {
			return got, false, nil
		}
		return got, true, nil
	case outcomeNothing:
		return got, false, nil // too late: others have gone on
	default:
		return got, true, st.err
	}
}

// wake makes a grant active again that a clock which was ahead has marked as
// expired.
func (r *record) wake(now time.Time) bool {
	if r.Status != StatusExpired || r.consentEnded(now) {
		return false
	}
	r.Warned = 0
	r.turn(StatusActive, "", now)
	return true
}
