package grants

import (
	"context"
	"fmt"
	"time"
)

// Adopt binds a grant to c's token endpoint and client_id, where ErrElsewhere
// keeps its tokens from being sent: for a bank that has moved and honours what it
// gave before, which only an operator can know. The bank is not asked. The refresh
// token is kept; the access token is dropped, for the next one comes from there.
// The status stays as it is: a grant that is quarantined or refused needs Release
// as well. A grant that is bound so already is left alone.
//
// Errors: ErrName, ErrNoClient, ErrUnknown, ErrRevoked, ErrNoRefreshToken, ErrBusy,
// ErrClosed, the vault's.
func (s *Store) Adopt(ctx context.Context, id ID, c *Client) error {
	if err := c.check(); err != nil {
		return err
	}
	return s.change(ctx, id, c, func(_ *held, r *record, err error) error {
		switch {
		case err != nil:
			return err
		case r.Pending != nil:
			return ErrBusy
		case r.Status == StatusAuthorizing:
			return ErrUnknown
		case r.Status == StatusRevoked:
			return ErrRevoked
		case !r.elsewhere(c):
			return nil
		case r.Refresh == "":
			return fmt.Errorf("%w: the PSU has to authorize anew", ErrNoRefreshToken)
		}
		r.adopt(c)
		if err := s.put(ctx, r); err != nil {
			return err
		}
		s.event(id, Event{Kind: EventAdopted})
		return nil
	})
}

// adopt binds the record to another endpoint. Its epoch stays, for an answer that
// was given up may still bring the newest refresh token.
func (r *record) adopt(c *Client) {
	r.Endpoint, r.ClientID, r.Thumbprint = c.endpoint(), c.ClientID, c.Thumbprint
	r.Access, r.AccessClientID = "", ""
	r.Obtained, r.Expiry = time.Time{}, time.Time{}
}
