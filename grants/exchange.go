package grants

import (
	"context"
	"errors"
	"fmt"

	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault"
)

// Code is an authorization code, from the bank's redirect of the PSU. Whatever
// way it is printed, its values do not appear.
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

// String hides the values from fmt.
func (Code) String() string { return redacted }

// GoString hides the values from %#v.
func (Code) GoString() string { return redacted }

// MarshalText hides the values from encoders and slog.
func (Code) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Exchange sends an authorization code to the bank and keeps the tokens under
// the grant. A grant of that name goes on with its old tokens until the bank has
// answered with new ones. The caller's disconnect does not end the exchange.
//
// The answer is the bank's own, tokens included, and is there whenever the bank
// answered, also together with an error. A [*tokens.RefusedError] leaves what was
// before. Another error of the tokens package means that nothing is known, or
// nothing was sent; a grant that was there before goes on, and says so in its
// reason; if there was none, it is quarantined (ErrQuarantined too). With an
// id_token that has to be valid and is not, the tokens are stored and the grant
// is quarantined. Further errors: ErrName, ErrNoClient, ErrCode, ErrBusy,
// ErrClosed after Retire, the vault's.
func (s *Store) Exchange(ctx context.Context, id ID, c *Client, code Code) (*tokens.Answer, error) {
	if err := id.Check(); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if code.Code == "" {
		return nil, fmt.Errorf("%w: it is empty", ErrCode)
	}
	if code.Scope == "" {
		code.Scope = c.Scope
	}
	if s.isRetired() {
		return nil, ErrClosed
	}
	s.running.begin()
	type ended struct {
		answer *tokens.Answer
		err    error
	}
	done := make(chan ended, 1)
	go func() {
		defer s.running.end()
		ctx, cancel := context.WithTimeout(context.Background(), flightTimeout(c))
		defer cancel()
		answer, err := s.exchangeSafely(ctx, id, c, code)
		s.cut(id)
		done <- ended{answer, err}
	}()
	select {
	case e := <-done:
		return e.answer, e.err
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the code's exchange: %w", ctx.Err())
	}
}

// exchangeSafely turns a panic into an error. Its value is not told, for it might
// hold anything.
func (s *Store) exchangeSafely(ctx context.Context, id ID, c *Client, code Code) (answer *tokens.Answer, err error) {
	defer func() {
		if v := recover(); v != nil {
			answer, err = nil, fmt.Errorf("%w: the exchange panicked (%T)", tokens.ErrUnavailable, v)
		}
	}()
	return s.exchange(ctx, id, c, code)
}

func (s *Store) exchange(ctx context.Context, id ID, c *Client, code Code) (*tokens.Answer, error) {
	var other watch
	for range refreshRounds {
		answer, open, err := s.exchangeHolding(ctx, id, c, code, &other)
		switch {
		case open != nil:
			if err := other.await(ctx, s, id, open); err != nil {
				return nil, err
			}
		case !errors.Is(err, errOvertaken):
			return answer, err
		}
	}
	return nil, fmt.Errorf("%w: the record changes all the time", ErrBusy)
}

// exchangeHolding sends the code under the lock, unless another request is open.
func (s *Store) exchangeHolding(ctx context.Context, id ID, c *Client, code Code, other *watch) (*tokens.Answer, *pending, error) {
	h, err := s.hold(ctx, id, c)
	if err != nil {
		return nil, nil, err
	}
	defer h.release()
	r, _, err := h.load(ctx, other.patience)
	switch {
	case errors.Is(err, ErrUnknown), errors.Is(err, vault.ErrDamaged):
		// A damaged record was kept aside; the PSU authorizes anew.
		r = newRecord(h.id, s.now())
	case err != nil:
		return nil, nil, err
	case r.Pending != nil:
		return nil, r.Pending, nil
	case r.UsedCode == codeDigest(code.Code):
		return nil, nil, fmt.Errorf("%w: it was sent before", ErrCode)
	}
	answer, err := h.sendCode(ctx, r, code)
	return answer, nil, err
}

func (h *held) sendCode(ctx context.Context, r record, code Code) (*tokens.Answer, error) {
	s, c := h.store, h.client
	if err := s.call(); err != nil {
		return nil, err
	}
	defer s.calls.end()
	p := newPending(kindCode, &r, c, s.now())
	p.Scope, p.Code = code.Scope, codeDigest(code.Code)
	// For the consent clock, if it comes to a grant. The sweep overlooks it else.
	marked := r
	marked.ConsentUntil = consentEnd(p.Started, c.spec())
	if err := s.mark(ctx, &marked); err != nil {
		return nil, err
	}
	p, err := h.announce(ctx, &r, p)
	if err != nil {
		return nil, err
	}
	reply := s.ask(ctx, c, p, tokens.Request{
		GrantType: tokens.GrantAuthorizationCode, Code: code.Code, RedirectURI: code.RedirectURI,
		CodeVerifier: code.Verifier, Scope: code.Scope, ClientID: c.ClientID,
	})
	after, st := h.conclude(ctx, r, p, reply)
	s.tell(&r, &after, &st, report{took: reply.took})
	if st.outcome != outcomeGranted {
		return reply.answer, codeError(&after, &st)
	}
	return reply.answer, h.checkIDToken(ctx, &after, &st, code.Nonce)
}

// codeError says why there are no tokens.
func codeError(r *record, st *settlement) error {
	if st.outcome == outcomeAmbiguous {
		return fmt.Errorf("%w: %w", &QuarantinedError{Reason: r.Reason, Since: r.Since}, st.err)
	}
	if st.err == nil {
		return fmt.Errorf("%w: the grant was changed meanwhile", ErrBusy)
	}
	return st.err
}
