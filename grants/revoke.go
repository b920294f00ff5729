package grants

import (
	"context"
	"errors"
	"fmt"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// Revoke ends a grant here, then at the bank if it offers that (RFC 7009).
// atBank tells whether the bank has confirmed, now or before. With an error of
// the bank the grant is revoked here nevertheless, which reaches all processes
// within [Options.Recheck], and Revoke may be repeated for the bank's sake. c may
// be nil: then the bank is not told, and can be later.
//
// A refresh that is under way is waited for, as long as its lock lasts. Tokens
// that it brings in spite of the revocation are kept to be revoked, and
// not used: as long as they may come the answer is ErrBusy, the grant revoked
// here, and Revoke to be repeated. The tokens are deleted once the bank has
// confirmed, or has no revocation. Errors: ErrName, ErrUnknown, ErrElsewhere,
// ErrBusy, ErrClosed, the vault's; of the bank: those of
// [tokens.Endpoint.Revoke].
func (s *Store) Revoke(ctx context.Context, id ID, c *Client) (atBank bool, err error) {
	if err := id.Check(); err != nil {
		return false, err
	}
	if err := s.begin(); err != nil {
		return false, err
	}
	defer s.end()
	var revoked record
	err = s.changeWithin(ctx, id, c, func(h *held, r *record, err error) error {
		if err != nil {
			return err
		}
		err = s.revokeHere(ctx, r)
		revoked = *r
		return err
	})
	switch {
	case err != nil || revoked.BankRevocation != BankRevocationPending:
		return err == nil && revoked.BankRevocation == BankRevocationDone, err
	case c == nil:
		return false, nil
	case revoked.Endpoint != c.endpoint() || revoked.ClientID != c.ClientID:
		return false, ErrElsewhere
	}
	return s.revokeThere(ctx, c, &revoked)
}

// revokeHere makes the record a tombstone.
func (s *Store) revokeHere(ctx context.Context, r *record) error {
	if r.Status == StatusRevoked {
		return nil
	}
	r.turn(StatusRevoked, "", s.now())
	r.RevokedAt = r.Revision + 1
	r.BankRevocation = BankRevocationPending
	if r.Refresh == "" && r.Access == "" && r.Pending == nil {
		r.BankRevocation = BankRevocationNone
	}
	if err := s.put(ctx, r); err != nil {
		return err
	}
	s.event(r.id(), Event{Kind: EventRevoked, Reason: r.BankRevocation})
	return nil
}

// revokeThere tells the bank, and deletes the tokens.
func (s *Store) revokeThere(ctx context.Context, c *Client, revoked *record) (atBank bool, err error) {
	token, hint := revoked.Refresh, "refresh_token"
	if token == "" {
		token, hint = revoked.Access, "access_token"
	}
	result := BankRevocationNone
	if token != "" {
		asking, cancel := bounded(ctx, c.timeout())
		err = c.Endpoint.Revoke(asking, token, hint, c.ClientID)
		cancel()
		switch {
		case err == nil:
			result = BankRevocationDone
		case !errors.Is(err, tokens.ErrNoRevocation):
			return false, err
		}
	}
	stored := s.changeWithin(ctx, revoked.id(), c, func(h *held, r *record, err error) error {
		switch {
		case err != nil:
			return err
		case r.Status != StatusRevoked || r.Epoch != revoked.Epoch || r.Pending != nil:
			return fmt.Errorf("%w: there are newer tokens to revoke, or may be", ErrBusy)
		}
		r.wipe()
		r.BankRevocation = result
		if err := s.put(ctx, r); err != nil {
			return err
		}
		s.event(r.id(), Event{Kind: EventRevoked, Reason: result})
		return nil
	})
	return result == BankRevocationDone && !errors.Is(stored, ErrBusy), stored
}

// wipe deletes the tokens.
func (r *record) wipe() {
	r.Access, r.AccessClientID, r.Refresh = "", "", ""
}
