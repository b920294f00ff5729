package grants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

const (
	// watchEvery is how often a record is looked at whose request is open
	// elsewhere, or whose lock is another's.
	watchEvery = 200 * time.Millisecond
	// momentary is how long a token without a lifetime serves those who waited for it.
	momentary = 2 * time.Second
	// refreshRounds bounds how often one flight goes back to the record.
	refreshRounds = 8
)

// errand is what a flight is to do.
type errand struct {
	id     ID
	client *Client
	// stale is an access token that must not be used any more, with forced
	// whatever token is found first.
	stale      string
	forced     bool
	background bool
	// fallback is a token that still serves if the storage does not.
	fallback *tokens.Token
	// epoch is the record's when the errand began.
	epoch string
}

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
	case st.settled() && st.outcome != outcomeGranted:
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
	return s.refresh(ctx, e)
}

// refresh gets a new access token under the storage's lock, unless somebody
// else has done so.
func (s *Store) refresh(ctx context.Context, e *errand) (result, error) {
	if err := s.breakers.of(e.client).hold(e.id, s.now()); err != nil && !s.needsSettling(ctx, e) {
		return result{}, err
	}
	h, seen, err := s.holdOrSee(ctx, e)
	if err != nil || h == nil {
		return seen, err
	}
	defer h.release()
	job := refreshing{held: h, errand: e}
	defer job.finish()
	for range refreshRounds {
		got, done, err := job.round(ctx)
		if done || err != nil {
			return got, err
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

// refreshing is one refresh under the lock.
type refreshing struct {
	*held
	errand *errand
	pass   *pass
	// watched is the open request of another process, and since when.
	watched string
	since   time.Time
}

// finish gives back what a failure has left.
func (j *refreshing) finish() {
	if j.pass != nil {
		j.pass.abandon()
	}
}

// patience reports whether an open request was watched for as long as it may
// take. The clock of the machine that wrote it may be wrong.
func (j *refreshing) patience(p *pending) bool {
	if j.watched != p.ID {
		j.watched, j.since = p.ID, time.Now()
	}
	return time.Since(j.since) >= p.Deadline.Sub(p.Started)
}

// round looks at the record and does the next thing.
func (j *refreshing) round(ctx context.Context) (got result, done bool, err error) {
	s, e := j.store, j.errand
	r, st, err := j.awaitOpen(ctx)
	now := s.now()
	if err != nil {
		return result{}, true, err
	}
	got = result{record: r, known: true}
	if err := r.refusal(e.client, now); err != nil {
		return got, true, err
	}
	if t := e.serves(&r, now); t != nil {
		got.token = t
		return got, true, nil
	}
	switch {
	case r.Refresh == "":
		return got, true, ErrNoRefreshToken
	case st.outcome == outcomeFailed && j.pass == nil && now.Sub(st.request.Started).Abs() < holdMax:
		return got, true, st.err // another process has just tried twice
	case j.pass == nil:
		if j.pass, err = s.breakers.of(e.client).enter(ctx, e.id, s.now); err != nil {
			return got, true, err
		}
	}
	return j.send(ctx, r)
}

// awaitOpen reads the record until no request is open.
func (j *refreshing) awaitOpen(ctx context.Context) (record, settlement, error) {
	for {
		r, st, err := j.load(ctx, j.patience)
		if err != nil || r.Pending == nil {
			return r, st, err
		}
		timer := time.NewTimer(watchEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return r, st, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
		}
	}
}

// send announces the refresh, asks and settles.
func (j *refreshing) send(ctx context.Context, r record) (got result, done bool, err error) {
	s, e := j.store, j.errand
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
