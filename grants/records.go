package grants

import (
	"context"
	"errors"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

const (
	// storageTimeout bounds one operation of the storage.
	storageTimeout = 10 * time.Second
	// recheckTimeout bounds reading a record again while there is a token to
	// serve from memory.
	recheckTimeout = 2 * time.Second
	// takeover is how long a lock takes that may have been taken over from a
	// holder that seemed to have vanished.
	takeover = 2 * time.Second
	// trusted is how long a lock is surely held: less than the ten seconds after
	// which CertMagic's FileStorage gives a lock without a sign of life to another.
	trusted = 5 * time.Second
)

const grantsFolder = "grants"

// recordName is where the vault keeps the grant.
func recordName(id ID) string { return recordPath(id.ASPSP, id.digest()) }

func recordPath(aspsp, digest string) string {
	return grantsFolder + "/" + aspsp + "/" + digest[:2] + "/" + digest
}

// bounded is a context for one operation of the storage, which goes on when the
// caller has gone.
func bounded(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	base, ok := ctx.Value(limit{}).(context.Context)
	if !ok {
		base = context.WithoutCancel(ctx)
	}
	return context.WithTimeout(base, timeout)
}

// limit is the key of a context that bounds even what goes on without its caller.
type limit struct{}

// limited makes ctx end also what is bounded.
func limited(ctx context.Context) context.Context { return context.WithValue(ctx, limit{}, ctx) }

// load reads the record as it is stored.
func (s *Store) load(ctx context.Context, id ID) (record, error) {
	plaintext, err := s.vault.Get(ctx, recordName(id))
	switch {
	case errors.Is(err, vault.ErrNotFound):
		return record{}, ErrUnknown
	case err != nil:
		return record{}, err
	}
	return decodeRecord(id, plaintext)
}

// read gives the record as this process knows it: with an answer that could not
// be stored yet, and whole where it was torn by the attempt.
func (s *Store) read(ctx context.Context, id ID) (record, error) {
	r, err := s.load(ctx, id)
	u, ok := s.unsaved.of(id)
	switch {
	case !ok:
		return r, err
	case errors.Is(err, vault.ErrUnavailable), torn(err) && u.base.Revision > 0:
		return u.record(), nil
	case err != nil:
		return r, err
	}
	if u.request.relevanceFor(&r, s.now()) == timely && (r.Pending == nil || r.Pending.ID == u.request.ID) {
		r = r.absorb(u.request)
	}
	return r, nil
}

// put stores the record with the next revision.
func (s *Store) put(ctx context.Context, r *record) error {
	next := *r
	next.Revision++
	plaintext, err := next.encode()
	if err != nil {
		return err
	}
	ctx, cancel := bounded(ctx, storageTimeout)
	defer cancel()
	if err := s.vault.Put(ctx, recordName(r.id()), plaintext); err != nil {
		return err
	}
	r.Revision = next.Revision
	return nil
}

func (s *Store) remove(ctx context.Context, id ID) error {
	ctx, cancel := bounded(ctx, storageTimeout)
	defer cancel()
	return s.vault.Delete(ctx, recordName(id))
}

// held is a grant under the storage's lock.
type held struct {
	store *Store
	id    ID
	// client says how to settle; nil where nobody knows.
	client *Client
	lock   *vault.Lock
	pulse  *pulse
}

// hold takes the grant's lock.
func (s *Store) hold(ctx context.Context, id ID, c *Client) (*held, error) {
	lock, err := s.vault.Lock(ctx, recordName(id))
	if err != nil {
		return nil, err
	}
	return &held{store: s, id: id, client: c, lock: lock, pulse: newPulse()}, nil
}

// release gives the lock back. If the storage does not take it, the lock ends by
// itself.
func (h *held) release() {
	h.pulse.end()
	_ = h.lock.Unlock()
}

// suspect reports whether somebody else may believe to hold the lock.
func (h *held) suspect() bool { return h.lock.Waited > takeover || h.lock.Age() > trusted }

// load reads the record and brings it up to date: what has ended is settled and
// stored, an answer that could not be stored before too. The settlement is that
// of the last request settled. patience is how long one open request was
// watched without an answer.
func (h *held) load(ctx context.Context, patience func(*pending) bool) (record, settlement, error) {
	s := h.store
	reading, cancel := bounded(ctx, storageTimeout)
	r, err := s.load(reading, h.id)
	cancel()
	u, unsaved := s.unsaved.of(h.id)
	switch {
	case torn(err) && unsaved:
		return h.heal(ctx, u, err)
	case errors.Is(err, ErrUnknown):
		s.unsaved.drop(h.id, "") // forgotten meanwhile
		return record{}, settlement{}, err
	case err != nil:
		return record{}, settlement{}, err
	}
	r, st, err := h.settle(ctx, r, patience)
	if err != nil {
		return r, st, err
	}
	if u, unsaved = s.unsaved.of(h.id); !unsaved {
		return r, st, nil
	}
	return h.save(ctx, r, st, u)
}

// settle settles the record's own request and stores what comes of it.
func (h *held) settle(ctx context.Context, r record, patience func(*pending) bool) (record, settlement, error) {
	if h.client == nil || r.Pending == nil {
		return r, settlement{}, nil
	}
	s, now := h.store, h.store.now()
	at := now
	if u, ok := s.unsaved.of(h.id); ok && u.request.ID == r.Pending.ID {
		return r, settlement{}, nil // save completes it
	}
	if patience != nil && r.Pending.open(now) && patience(r.Pending) {
		at = r.Pending.Deadline
	}
	before := r
	r, st := r.settle(h.client.spec(), at)
	if !st.settled() {
		return r, st, nil
	}
	err := h.store.keep(ctx, &r, &st)
	if err != nil {
		h.restore(before)
	}
	s.tell(&before, &r, &st, report{background: true})
	if st.remove {
		return r, st, ErrUnknown
	}
	return r, st, err
}

// keep stores the record of a settlement, or removes it.
func (s *Store) keep(ctx context.Context, r *record, st *settlement) error {
	if st.remove {
		return s.remove(ctx, r.id())
	}
	if st.outcome == outcomeGranted && st.request.Kind == kindCode {
		// Written before the code was sent; a second time does no harm.
		_ = s.mark(ctx, r)
	}
	return s.put(ctx, r)
}
