package grants

import (
	"context"
	"errors"
	"fmt"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

// change runs f under the grant's lock, with the record as it is, or why there
// is none. It goes on when the caller has gone, once it has the lock.
func (s *Store) change(ctx context.Context, id ID, c *Client, f func(h *held, r *record, err error) error) error {
	if err := id.Check(); err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	return s.changeWithin(ctx, id, c, f)
}

// changeWithin is change for what has begun already.
func (s *Store) changeWithin(ctx context.Context, id ID, c *Client, f func(h *held, r *record, err error) error) error {
	h, err := s.hold(ctx, id, c)
	if err != nil {
		return err
	}
	defer h.release()
	defer s.cut(id)
	r, _, err := h.load(ctx, nil)
	before := r
	changed := f(h, &r, err)
	if err == nil && errors.Is(changed, vault.ErrUnavailable) {
		h.restore(before)
	}
	return changed
}

// Release lets a quarantined or refused grant be tried once more: its tokens
// are used again, and if the next refresh is ambiguous too, it is quarantined
// again. Errors: ErrName, ErrUnknown, ErrNotHeld, ErrBusy, ErrNoRefreshToken,
// ErrConsentExpired, ErrClosed, the vault's.
func (s *Store) Release(ctx context.Context, id ID) error {
	return s.change(ctx, id, nil, func(h *held, r *record, err error) error {
		now := s.now()
		switch {
		case err != nil:
			return err
		case r.Status != StatusQuarantined && r.Status != StatusRefused:
			return ErrNotHeld
		case r.Pending.open(now):
			return ErrBusy
		case r.consentEnded(now):
			return &ExpiredError{Until: r.ConsentUntil}
		case r.Refresh == "" && (r.Access == "" || !now.Before(r.Expiry)):
			return fmt.Errorf("%w: the PSU has to authorize anew", ErrNoRefreshToken)
		}
		r.turn(StatusActive, ReasonReleased, now)
		r.Unclear = 0
		if err := s.put(ctx, r); err != nil {
			return err
		}
		s.event(id, Event{Kind: EventReleased})
		return nil
	})
}

// Forget deletes the record of a grant that is not active, and that the bank does
// not still have to be told of. Errors: ErrName, ErrUnknown, ErrActive,
// ErrRevocationPending, ErrBusy, ErrClosed, the vault's; a damaged record can be
// forgotten.
func (s *Store) Forget(ctx context.Context, id ID) error { return s.forget(ctx, id, false) }

// ForgetUnconfirmed is Forget also for a grant whose revocation the bank has not
// confirmed, and now never will be asked to: the ASPSP is gone, or refuses for good.
func (s *Store) ForgetUnconfirmed(ctx context.Context, id ID) error { return s.forget(ctx, id, true) }

func (s *Store) forget(ctx context.Context, id ID, unconfirmed bool) error {
	return s.change(ctx, id, nil, func(h *held, r *record, err error) error {
		switch {
		case err != nil && !damaged(err):
			return err
		case err == nil && r.Pending.open(s.now()):
			return ErrBusy
		case err == nil && r.Status == StatusActive:
			return ErrActive
		case err == nil && r.BankRevocation == BankRevocationPending && !unconfirmed:
			return ErrRevocationPending
		}
		if err := s.remove(ctx, id); err != nil {
			return err
		}
		s.unsaved.drop(id, "")
		s.event(id, Event{Kind: EventForgotten})
		return nil
	})
}
