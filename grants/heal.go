package grants

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

// restore puts the record back if the write that has just failed has torn it.
func (h *held) restore(before record) {
	if _, ok := h.store.unsaved.of(h.id); ok {
		return // that one does as well
	}
	h.store.remember(unsavedItem{base: before, request: &pending{ID: uuid.NewString()}, client: h.client})
}

// save settles an outcome that could not be stored before into the record as it
// is now.
func (h *held) save(ctx context.Context, r record, st settlement, u unsavedItem) (record, settlement, error) {
	s := h.store
	switch u.request.relevanceFor(&r, s.now()) {
	case late:
		s.unsaved.drop(h.id, u.request.ID)
		return r, st, nil
	case early:
		return r, st, nil
	}
	if r.Pending != nil && r.Pending.ID != u.request.ID {
		return r, st, nil // first things first
	}
	return h.complete(ctx, r, u)
}

// heal writes the whole record again that was torn by a write which failed: what
// it was before is in memory, and so is what the bank has said since.
func (h *held) heal(ctx context.Context, u unsavedItem, torn error) (record, settlement, error) {
	s := h.store
	if u.base.Revision == 0 {
		// There never was a record, only the announcement of the first code.
		s.unsaved.drop(h.id, u.request.ID)
		return record{}, settlement{}, torn
	}
	if u.restores() {
		r := u.base
		if err := s.put(ctx, &r); err != nil {
			return u.base, settlement{}, err
		}
		s.unsaved.drop(h.id, u.request.ID)
		return r, settlement{}, nil
	}
	if u.stored {
		u.stored = false
		s.remember(u)
	}
	return h.complete(ctx, u.base, u)
}

// torn reports whether a record is damaged in a way that a write which failed may
// be the cause of. A record that a later version of this program has written is
// none.
func torn(err error) bool {
	_, ok := errors.AsType[*vault.DamagedError](err)
	return ok
}

// complete settles the outcome into the record and stores it.
func (h *held) complete(ctx context.Context, before record, u unsavedItem) (record, settlement, error) {
	s := h.store
	r, st := before.absorb(u.request).settle(u.client.spec(), s.now())
	if err := s.keep(ctx, &r, &st); err != nil {
		return before, settlement{}, err
	}
	s.unsaved.drop(h.id, u.request.ID)
	if u.only() {
		s.event(h.id, Event{Kind: EventSaved})
	}
	s.tell(&before, &r, &st, report{background: true})
	if st.remove {
		return r, st, ErrUnknown
	}
	return r, st, nil
}
