package grants

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// checkIDToken validates the id_token that came with a code's tokens, which are
// stored by now. Where it is enforced the grant is quarantined until it holds.
func (h *held) checkIDToken(ctx context.Context, r *record, st *settlement, nonce string) error {
	s, check := h.store, h.client.spec().IDToken.Check
	if check != idTokenReport && check != idTokenEnforce {
		return nil
	}
	err := s.validateIDToken(ctx, h.client, r, st.pair, nonce)
	if errors.Is(err, tokens.ErrIDToken) { // not where the bank's keys are not to be had
		s.event(h.id, Event{Kind: EventIDTokenInvalid, Err: err})
	}
	if check != idTokenEnforce || r.Status != StatusQuarantined || r.Reason != ReasonIDTokenUnchecked {
		return nil
	}
	switch {
	case err == nil:
		r.turn(StatusActive, "", s.now())
	case errors.Is(err, tokens.ErrIDToken):
		r.turn(StatusQuarantined, ReasonIDTokenInvalid, s.now())
	default:
		err = fmt.Errorf("%w: %w", ErrUnchecked, err)
	}
	if stored := h.amend(ctx, r); stored != nil && err == nil {
		return fmt.Errorf("the id_token is valid, but the grant stays quarantined until released: %w", stored)
	}
	if err != nil {
		s.event(h.id, Event{Kind: EventQuarantined, Reason: r.Reason, Err: err})
		return fmt.Errorf("%w: %w", &QuarantinedError{Reason: r.Reason, Since: r.Since}, err)
	}
	return nil
}

// validateIDToken validates the id_token of an answer. Without "openid" in the
// scope there need not be one.
func (s *Store) validateIDToken(ctx context.Context, c *Client, r *record, pair *tokens.Pair, nonce string) error {
	if pair.IDToken == "" {
		for scope := range strings.FieldsSeq(r.Scope) {
			if scope == "openid" {
				return fmt.Errorf("%w: there is none, although the scope has openid", tokens.ErrIDToken)
			}
		}
		return nil
	}
	ctx, cancel := bounded(ctx, c.timeout())
	defer cancel()
	audience, err := c.audience(ctx)
	if err != nil {
		return err
	}
	return tokens.ValidateIDToken(ctx, c.Endpoint, pair.IDToken, tokens.Expect{
		ClientID: audience, Nonce: nonce, AccessToken: pair.Access.Value(),
	})
}

// audience is the client_id that codes are exchanged under: the one that came with
// the application token, where the bank gives one there
// ([tokens.Spec.ClientIDFromAnswer]).
func (c *Client) audience(ctx context.Context) (string, error) {
	if !c.spec().ApplicationToken || !c.spec().ClientIDFromAnswer || c.Endpoint.Application == nil {
		return c.ClientID, nil
	}
	application, err := c.Endpoint.Application(ctx)
	if err != nil {
		return "", fmt.Errorf("the client_id that the id_token is for: %w", err)
	}
	if named := application.ClientID(); named != "" {
		return named, nil
	}
	return c.ClientID, nil
}

// amend stores the record if nobody has changed it meanwhile.
func (h *held) amend(ctx context.Context, r *record) error {
	reading, cancel := bounded(ctx, storageTimeout)
	defer cancel()
	stored, err := h.store.load(reading, h.id)
	if err != nil {
		return err
	}
	if stored.Revision != r.Revision {
		return ErrBusy
	}
	err = h.store.put(ctx, r)
	if err != nil {
		h.restore(stored)
	}
	return err
}
