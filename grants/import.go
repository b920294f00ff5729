package grants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

const (
	// maxConsent bounds what an import may claim of a consent, into the past and
	// the future.
	maxConsent = 10 * 366 * 24 * time.Hour
	// defaultMaxLifetime is that of [tokens.Spec.MaxLifetime].
	defaultMaxLifetime = 24 * time.Hour
)

// Import is a grant that another system has kept so far. Whatever way it is
// printed, its tokens do not appear.
type Import struct {
	// RefreshToken is the newest there is. Without it the grant ends with the
	// access token.
	RefreshToken string
	// AccessToken is optional, and needs AccessExpiry.
	AccessToken string
	// AccessExpiry is the end of AccessToken, bounded by [tokens.Spec.MaxLifetime]
	// from now.
	AccessExpiry time.Time
	// Scope defaults to [Client.Scope].
	Scope string
	// AuthorizedAt is the PSU's strong authentication: at most ten years ago, and
	// needed if ConsentUntil is not known.
	AuthorizedAt time.Time
	// ConsentUntil is the end of the consent, within ten years. Default:
	// AuthorizedAt and [tokens.Spec.ConsentDays].
	ConsentUntil time.Time
	// Replace overwrites a grant of that name.
	Replace bool
}

// String hides the values from fmt.
func (Import) String() string { return redacted }

// GoString hides the values from %#v.
func (Import) GoString() string { return redacted }

// MarshalText hides the values from encoders and slog.
func (Import) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Import makes a grant of tokens from elsewhere, as if they had been fetched
// through c. The bank is not asked. Errors: ErrName, ErrNoClient, ErrImport, ErrExists,
// ErrBusy, ErrClosed, the vault's.
func (s *Store) Import(ctx context.Context, id ID, c *Client, i Import) error {
	if err := id.Check(); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	if err := i.complete(c, s.now()); err != nil {
		return err
	}
	return s.change(ctx, id, c, func(h *held, r *record, err error) error {
		switch {
		case err == nil && !i.Replace, errors.Is(err, vault.ErrDamaged) && !i.Replace:
			return ErrExists
		case err != nil && !errors.Is(err, ErrUnknown) && !errors.Is(err, vault.ErrDamaged):
			return err
		case r.Pending.open(s.now()):
			return ErrBusy
		}
		imported := newRecord(id, s.now())
		imported.Revision = r.Revision
		i.into(&imported, c, s.now())
		// First, so that no grant goes without a clock.
		if err := s.mark(ctx, &imported); err != nil {
			return err
		}
		if err := s.put(ctx, &imported); err != nil {
			return err
		}
		s.unsaved.drop(id, "")
		s.event(id, Event{Kind: EventCreated})
		return nil
	})
}

// complete fills in what is missing and refuses what cannot be a grant.
func (i *Import) complete(c *Client, now time.Time) error {
	if i.AccessToken != "" && i.AccessExpiry.IsZero() {
		return fmt.Errorf("%w: the end of the access token is missing", ErrImport)
	}
	if i.AccessExpiry.IsZero() || !i.AccessExpiry.After(now) {
		i.AccessToken, i.AccessExpiry = "", time.Time{}
	} else if latest := now.Add(maxLifetime(c)); i.AccessExpiry.After(latest) {
		i.AccessExpiry = latest
	}
	if i.Scope == "" {
		i.Scope = c.Scope
	}
	if i.ConsentUntil.IsZero() && !i.AuthorizedAt.IsZero() {
		i.ConsentUntil = consentEnd(i.AuthorizedAt, c.spec())
	}
	switch {
	case i.RefreshToken == "" && i.AccessToken == "":
		return fmt.Errorf("%w: a refresh token is missing, or an access token that has not expired", ErrImport)
	case !visible(i.RefreshToken) || !visible(i.AccessToken):
		return fmt.Errorf("%w: a token has characters other than visible ASCII", ErrImport)
	case i.ConsentUntil.IsZero():
		return fmt.Errorf("%w: the time of the PSU's strong authentication is missing, or the end of the consent", ErrImport)
	case i.AuthorizedAt.After(now.Add(time.Hour)):
		return fmt.Errorf("%w: the PSU's strong authentication is in the future", ErrImport)
	case !i.AuthorizedAt.IsZero() && now.Sub(i.AuthorizedAt) > maxConsent:
		return fmt.Errorf("%w: the PSU's strong authentication is more than ten years ago", ErrImport)
	case !i.ConsentUntil.After(now):
		return fmt.Errorf("%w: %w", ErrImport, &ExpiredError{Until: i.ConsentUntil})
	case i.ConsentUntil.Sub(now) > maxConsent:
		return fmt.Errorf("%w: the consent ends in more than ten years", ErrImport)
	}
	return nil
}

// maxLifetime bounds what may be claimed of an access token.
func maxLifetime(c *Client) time.Duration {
	if longest := time.Duration(c.spec().MaxLifetime); longest > 0 {
		return longest
	}
	return defaultMaxLifetime
}

// into makes the record of it.
func (i *Import) into(r *record, c *Client, now time.Time) {
	r.Endpoint, r.ClientID, r.Thumbprint, r.Scope = c.endpoint(), c.ClientID, c.Thumbprint, i.Scope
	r.Refresh = i.RefreshToken
	if i.AccessToken != "" {
		r.Access, r.Obtained, r.Expiry = i.AccessToken, now, i.AccessExpiry
	}
	r.AuthorizedAt, r.ConsentUntil = i.AuthorizedAt, i.ConsentUntil
	r.turn(StatusActive, "", now)
}

// visible reports whether all characters are visible ASCII.
func visible(token string) bool {
	for i := range len(token) {
		if token[i] <= ' ' || token[i] >= 0x7f {
			return false
		}
	}
	return true
}
