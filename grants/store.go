package grants

import (
	"context"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault"
)

// Options configure a [Store].
type Options struct {
	// Vault keeps the records. Required.
	Vault *vault.Vault
	// Now is the clock. Default [time.Now].
	Now func() time.Time
	// Hot is how many grants are held in memory; the least recently used go
	// first, and are read again when needed. Default 100,000.
	Hot int
	// Recheck is how old what is in memory may be before the record is read
	// again: within this time a revocation reaches every process. Default 5s.
	Recheck time.Duration
	// Parallel bounds the refreshes that run ahead of a token's end, without a
	// caller that waits. Default 16.
	Parallel int
	// OnEvent is told what happens, from the goroutine where it does. It must be
	// safe for concurrent use, quick, and must not call the Store.
	OnEvent func(Event)
}

// Store keeps grants. It is safe for concurrent use; Close ends it. Stores on
// one storage, in one process or many, work together.
type Store struct{}

// New makes a Store. It does no I/O and starts no goroutine.
func New(o Options) *Store { panic("soon") }

// Close stops what runs in the background and waits for calls in flight, which
// their timeouts bound; they are not cut off. Answers that could not be stored
// are tried for a while longer. It may be called more than once.
func (s *Store) Close() {}

// Token gives the grant's access token, good for now: from memory without
// allocating, or from the record, or refreshed at the bank. A caller that gives
// up takes nothing from others who wait. Errors: ErrName, ErrUnknown,
// ErrConsentExpired, ErrRevoked, ErrRefused, ErrQuarantined, ErrElsewhere,
// ErrNoRefreshToken, ErrBusy, ErrClosed, the vault's, those of the tokens
// package, or ctx's own.
func (s *Store) Token(ctx context.Context, id ID, c *Client) (*tokens.Token, error) { panic("soon") }

// Drop is told of a token that the bank answered 401 to. If it is still the
// grant's, the next call of Token refreshes.
func (s *Store) Drop(id ID, t *tokens.Token) {}

// Refresh fetches a new access token, whatever the present one is good for.
func (s *Store) Refresh(ctx context.Context, id ID, c *Client) error { panic("soon") }

// Code is an authorization code, from the bank's redirect of the PSU.
type Code struct {
	// Code is used once, and sent once.
	Code string
	// RedirectURI is that of the authorization request.
	RedirectURI string
	// Verifier is PKCE's code_verifier (RFC 7636), "" without PKCE.
	Verifier string
	// Scope is that of the authorization request; default [Client.Scope].
	Scope string
	// Nonce is what the id_token must repeat, "" if none was sent.
	Nonce string
}

// Exchange sends an authorization code to the bank and keeps the tokens under
// the grant. A grant of that name goes on with its old tokens until the bank has
// answered with new ones. The answer is the bank's own, tokens included, and is
// there whenever the bank answered, also together with an error: a
// [*tokens.RefusedError] leaves what was before; ErrQuarantined means that there
// is a grant now that is not to be used.
func (s *Store) Exchange(ctx context.Context, id ID, c *Client, code Code) (*tokens.Answer, error) {
	panic("soon")
}

// Import is a grant that another system has kept so far.
type Import struct {
	RefreshToken string
	// AccessToken is optional, and only used together with AccessExpiry.
	AccessToken  string
	AccessExpiry time.Time
	// Scope defaults to [Client.Scope].
	Scope string
	// AuthorizedAt is the PSU's strong authentication. ConsentUntil is its end;
	// default AuthorizedAt and [tokens.Spec.ConsentDays]. One of them is needed.
	AuthorizedAt, ConsentUntil time.Time
	// Replace overwrites a grant of that name.
	Replace bool
}

// Import makes a grant of tokens from elsewhere. The bank is not asked. Errors:
// ErrName, ErrImport, ErrExists, ErrBusy, the vault's.
func (s *Store) Import(ctx context.Context, id ID, c *Client, i Import) error { panic("soon") }

// Release lets a quarantined or refused grant be tried once more. Errors:
// ErrUnknown, ErrNotHeld, ErrNoRefreshToken, ErrConsentExpired, the vault's.
func (s *Store) Release(ctx context.Context, id ID) error { panic("soon") }

// Revoke ends a grant here, then at the bank if it offers that (RFC 7009).
// atBank tells whether the bank has confirmed. With an error of the bank the
// grant is revoked here nevertheless, which reaches all processes within
// [Options.Recheck], and Revoke may be repeated for the bank's sake. c may be
// nil: then the bank is not told.
func (s *Store) Revoke(ctx context.Context, id ID, c *Client) (atBank bool, err error) {
	panic("soon")
}

// Forget deletes the record of a grant that is not active. Errors: ErrUnknown,
// ErrActive, ErrBusy, the vault's.
func (s *Store) Forget(ctx context.Context, id ID) error { panic("soon") }

// Get describes a grant. Errors: ErrName, ErrUnknown, the vault's.
func (s *Store) Get(ctx context.Context, id ID) (State, error) { panic("soon") }

// List describes grants of an ASPSP, limit at a time (default 100, at most
// 1,000), in an order that does not change. after is "" first, then the next of
// the page before; "" as next means that there are no more. A record that cannot
// be read is listed as damaged.
func (s *Store) List(ctx context.Context, aspsp, after string, limit int) (states []State, next string, err error) {
	panic("soon")
}

// Sweep tells of consents that end within 14, 7 and 1 days and marks those that
// have ended. Run does it hourly.
func (s *Store) Sweep(ctx context.Context) error { panic("soon") }

// Run sweeps once an hour until ctx ends, one process at a time.
func (s *Store) Run(ctx context.Context) { panic("soon") }
