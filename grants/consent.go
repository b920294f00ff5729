package grants

import (
	"context"
	"encoding/json"
	"errors"
	"path"
	"strings"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

const (
	clockFolder = "clock"
	// clockState is the record of the sweeps themselves.
	clockState = "clock/state"

	// sweepEvery is how often the consents are looked through.
	sweepEvery = time.Hour
	// lookBack bounds how many days of missed sweeps are made up for, and
	// lookBackBlind how many where no sweep is known of: a new storage, most
	// likely, in which each day that is not there takes a moment to find missing.
	lookBack      = 400
	lookBackBlind = 30

	day = 24 * time.Hour
)

// warnings are the days before the end of a consent at which it is announced.
var warnings = []int{14, 7, 1}

// sweeps is what is kept of the sweeps.
type sweeps struct {
	// At is when the last one began.
	At time.Time `json:"at"`
	// Clear is the first day that may hold markers.
	Clear time.Time `json:"clear"`
}

// mark puts the grant on the clock: under the day that its consent ends.
func (s *Store) mark(ctx context.Context, r *record) error {
	if r.ConsentUntil.IsZero() {
		return nil
	}
	ctx, cancel := bounded(ctx, storageTimeout)
	defer cancel()
	return s.vault.Put(ctx, markerName(r.ConsentUntil, r.ASPSP, r.id().digest()), []byte("{}"))
}

func markerName(until time.Time, aspsp, digest string) string {
	return dayFolder(until) + "/" + aspsp + "/" + digest
}

func dayFolder(at time.Time) string { return clockFolder + "/" + at.UTC().Format(time.DateOnly) }

// sweepDue reports whether the last sweep of any process is an hour ago.
func (s *Store) sweepDue(ctx context.Context) bool {
	last, err := s.loadSweeps(ctx)
	return err != nil || last.overdue(s.now())
}

// overdue reports whether the last sweep is an hour ago, more or less.
func (l sweeps) overdue(now time.Time) bool {
	age := now.Sub(l.At)
	return age < 0 || age >= sweepEvery*9/10
}

func (s *Store) loadSweeps(ctx context.Context) (sweeps, error) {
	var last sweeps
	plaintext, err := s.vault.Get(ctx, clockState)
	switch {
	case errors.Is(err, vault.ErrNotFound), damaged(err):
		return sweeps{}, nil // only how far to look back is lost
	case err != nil:
		return sweeps{}, err
	}
	_ = json.Unmarshal(plaintext, &last)
	return last, nil
}

// Sweep announces consents that end within 14, 7 and 1 days, each once whichever
// process does it, and marks those that have ended. It reads only the grants
// whose consent ends within 14 days. What could not be done is done by the next
// sweep; the error is of the first.
func (s *Store) Sweep(ctx context.Context) error {
	return s.sweep(ctx, func(sweeps) bool { return true })
}

// sweep is Sweep if, under the lock, it is still due: processes that start
// together wait for each other there.
func (s *Store) sweep(ctx context.Context, due func(last sweeps) bool) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	lock, err := s.vault.Lock(ctx, clockState)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Unlock() }()
	last, err := s.loadSweeps(ctx)
	if err != nil || !due(last) {
		return err
	}
	now := s.now()
	today := now.UTC().Truncate(day)
	first := today.Add(-lookBack * day)
	if last.Clear.IsZero() {
		first = today.Add(-lookBackBlind * day)
	}
	if last.Clear.After(first) && last.Clear.Before(today) {
		first = last.Clear
	}
	next := sweeps{At: now, Clear: today}
	var failed error
	for at := first; !at.After(today.Add(time.Duration(warnings[0]+1) * day)); at = at.Add(day) {
		if err := s.sweepDay(ctx, at); err != nil {
			failed = errors.Join(failed, err)
			if at.Before(next.Clear) {
				next.Clear = at
			}
		}
		if ctx.Err() != nil {
			return errors.Join(failed, ctx.Err())
		}
	}
	plaintext, err := json.Marshal(next)
	if err == nil {
		err = s.vault.Put(ctx, clockState, plaintext)
	}
	return errors.Join(failed, err)
}

// sweepDay looks at the grants whose consent ends on a day.
func (s *Store) sweepDay(ctx context.Context, at time.Time) error {
	names, err := s.vault.List(ctx, dayFolder(at))
	if err != nil {
		return err
	}
	var failed error
	for _, name := range names {
		if err := s.sweepMarker(ctx, name, at); err != nil && failed == nil {
			failed = err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return failed
}

// sweepMarker looks at the grant of a marker, and deletes the marker when it has
// served.
func (s *Store) sweepMarker(ctx context.Context, name string, at time.Time) error {
	digest := path.Base(name)
	aspsp := path.Base(path.Dir(name))
	if len(digest) != 64 || strings.Count(name, "/") != 3 {
		return nil // not a marker
	}
	plaintext, err := s.vault.Get(ctx, recordPath(aspsp, digest))
	switch {
	case errors.Is(err, vault.ErrNotFound):
		return s.vault.Delete(ctx, name)
	case damaged(err):
		return nil // told by whoever needs it
	case err != nil:
		return err
	}
	r, err := decodeRecord(ID{ASPSP: aspsp}, plaintext)
	if err != nil {
		return nil
	}
	if r.Pending != nil && r.Pending.Kind == kindCode {
		return nil // the marker may be the coming grant's
	}
	if dayFolder(r.ConsentUntil) != dayFolder(at) || r.Status == StatusRevoked || r.Status == StatusExpired && r.consentEnded(s.now()) {
		return s.vault.Delete(ctx, name)
	}
	if !r.ripe(s.now()) {
		return nil
	}
	return s.warn(ctx, r.id(), name)
}

// ripe reports whether there is something to announce. Of a grant that the bank
// has ended nobody has to know when its consent would end.
func (r *record) ripe(now time.Time) bool {
	days, due := r.warning(now)
	return r.consentEnded(now) || due && r.Status != StatusRefused && (r.Warned == 0 || days < r.Warned)
}

// warning is the announcement that the time is for.
func (r *record) warning(now time.Time) (days int, due bool) {
	for _, d := range warnings {
		if !now.Before(r.ConsentUntil.Add(-time.Duration(d) * day)) {
			days, due = d, true
		}
	}
	return days, due
}

// warn announces what is due for the grant, once.
func (s *Store) warn(ctx context.Context, id ID, marker string) error {
	h, err := s.hold(ctx, id, nil)
	if err != nil {
		return err
	}
	defer h.release()
	r, _, err := h.load(ctx, nil)
	now := s.now()
	if err != nil || !r.ripe(now) {
		return err
	}
	before := r
	if !r.consentEnded(now) {
		r.Warned, _ = r.warning(now)
		if err := s.put(ctx, &r); err != nil {
			h.restore(before)
			return err
		}
		left := int((r.ConsentUntil.Sub(now) + day - 1) / day)
		s.event(id, Event{Kind: EventConsentExpiring, Days: left, Reason: r.Reason})
		return nil
	}
	if r.Status == StatusActive {
		r.turn(StatusExpired, "", now)
		if err := s.put(ctx, &r); err != nil {
			h.restore(before)
			return err
		}
	}
	s.event(id, Event{Kind: EventConsentExpired, Reason: r.Reason})
	return s.vault.Delete(ctx, marker)
}
