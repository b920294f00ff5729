package grants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

const (
	// freshness is how long after it was announced a request may be sent. Later,
	// the lock may be another's, and the announcement overlooked.
	freshness = 3 * time.Second
	// readBack is how long another taker of a lock gets to announce its request.
	readBack = 250 * time.Millisecond
	// current is how old a lock may be before the record is read again: what was
	// read under it is surely still so before.
	current = time.Second
	// announcements bounds how often a request is announced anew.
	announcements = 3
)

// errOvertaken means that another process has announced a request meanwhile.
var errOvertaken = errors.New("another process asks the bank")

// errSlow means that the storage takes so long that nothing can be announced in
// time. It is ErrBusy and the vault's.
var errSlow = fmt.Errorf("%w: %w: it is too slow to announce a request to the bank", ErrBusy, vault.ErrUnavailable)

// errStopped means that this process has stood still while it had the lock, and
// may have it no longer.
var errStopped = fmt.Errorf("%w: this process or its machine stood still", ErrBusy)

// announce writes into the record that the bank is about to be asked. Nothing
// is asked if that fails. It returns errOvertaken if somebody else holds the same
// lock and announces as well; the later of both goes on.
//
// A process that has stood still does not ask. If it did so while it wrote, it may
// have written over another's new tokens: then the announcement stays, so that
// nobody asks with the former ones, and the grant is quarantined where that
// matters.
func (h *held) announce(ctx context.Context, r *record, p *pending) (*pending, error) {
	s := h.store
	for range announcements {
		if h.pulse.stopped() {
			return nil, errStopped
		}
		if h.lock.Age() > current {
			if err := h.unchanged(ctx, r); err != nil {
				return nil, err
			}
		}
		r.Pending = p
		before := h.lock.Age()
		if err := s.put(ctx, r); err != nil {
			// It may have been stored all the same.
			h.withdraw(*r, p)
			return nil, err
		}
		if h.pulse.stopped() {
			return nil, errStopped
		}
		if h.mayHide(h.lock.Age() - before) {
			return nil, h.giveWay(ctx, r, p)
		}
		if h.suspect() {
			if err := h.confirm(ctx, p); err != nil {
				return nil, err
			}
		}
		if late := s.now().Sub(p.Started); late >= 0 && late < freshness {
			return p, nil
		}
		renewed := newPending(p.Kind, r, h.client, s.now())
		renewed.Attempt, renewed.Scope, renewed.Code = p.Attempt, p.Scope, p.Code
		p = renewed
	}
	h.withdraw(*r, r.Pending)
	return nil, errSlow
}

// confirm gives another taker of the lock time to announce, and looks who was
// last.
func (h *held) confirm(ctx context.Context, p *pending) error {
	timer := time.NewTimer(readBack)
	defer timer.Stop()
	<-timer.C
	reading, cancel := bounded(ctx, storageTimeout)
	defer cancel()
	seen, err := h.store.load(reading, h.id)
	switch {
	case err != nil:
		h.withdraw(seen, p)
		return err
	case seen.Pending == nil || seen.Pending.ID != p.ID:
		return errOvertaken
	}
	return nil
}

// mayHide reports whether an announcement that took that long to write may have
// been written over another's.
func (h *held) mayHide(took time.Duration) bool {
	return took >= freshness && h.suspect() || took >= current && h.lock.Age() > trusted
}

// giveWay is for an announcement that took so long to write that somebody else may
// have got the lock and announced meanwhile: it has hidden theirs. Whoever that
// is gets the time to store the outcome; only then is ours withdrawn. It returns
// errOvertaken if there was somebody.
func (h *held) giveWay(ctx context.Context, r *record, p *pending) error {
	over := time.NewTimer(h.client.timeout() + answerGrace)
	defer over.Stop()
	look := time.NewTicker(watchEvery)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-over.C:
			h.withdraw(*r, p)
			return errSlow
		case <-ctx.Done():
			return errSlow // the announcement stays: nobody knows
		}
		reading, cancel := bounded(ctx, recheckTimeout)
		seen, err := h.store.load(reading, h.id)
		cancel()
		if err == nil && (seen.Epoch != r.Epoch || seen.Pending != nil && seen.Pending.ID != p.ID) {
			h.withdraw(*r, p) // for one who took it for vanished
			return errOvertaken
		}
	}
}

// unchanged looks whether the record is still what was read or written last. With
// a lock that somebody else has got meanwhile it is not, and theirs must not be
// written over.
func (h *held) unchanged(ctx context.Context, r *record) error {
	reading, cancel := bounded(ctx, storageTimeout)
	defer cancel()
	seen, err := h.store.load(reading, h.id)
	switch {
	case r.Revision == 0 && (errors.Is(err, ErrUnknown) || damaged(err)):
		return nil // there is nothing yet that counts
	case err == nil && seen.same(r):
		return nil
	}
	if r.Pending != nil {
		h.withdraw(*r, r.Pending)
	}
	if err != nil {
		return err
	}
	return errOvertaken
}

// same reports whether both are one state of the record. Two that have the same
// predecessor have the same revision.
func (r *record) same(other *record) bool {
	return r.Revision == other.Revision && r.Epoch == other.Epoch && r.Pending.id() == other.Pending.id()
}

// withdraw takes an announcement back, at once or as soon as the storage works.
func (h *held) withdraw(base record, p *pending) {
	if base.Version == 0 {
		base = newRecord(h.id, h.store.now())
	}
	h.store.remember(unsavedItem{base: base, request: p.with(nil, notSent), client: h.client})
}
