package sidecar

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// Results of deliveries, for a metric's label.
const (
	deliveryTaken      = "taken"
	deliveryUnexpected = "unexpected"
	deliveryRepeated   = "repeated"
	deliveryMalformed  = "malformed"
	deliveryTooLong    = "too_long"
)

// deliveryRefusals gives code and result of each reason why a delivered token is
// not taken.
var deliveryRefusals = []struct {
	err    error
	code   Code
	result string
}{
	{tokens.ErrDeliveryUnexpected, CodeDeliveryUnexpected, deliveryUnexpected},
	{tokens.ErrDeliveryRepeated, CodeDeliveryRepeated, deliveryRepeated},
	{tokens.ErrDeliveryTooLong, CodeDeliveryTooLong, deliveryTooLong},
	{tokens.ErrDeliveryMalformed, CodeDeliveryMalformed, deliveryMalformed},
}

// CheckInbox tells why no token can be delivered for this ASPSP, nil if one can.
func (a *ASPSP) CheckInbox() error {
	if a.inbox == nil {
		return fmt.Errorf("its token grant is not %q: no bank delivers tokens for it", tokens.GrantDelivered)
	}
	return nil
}

// Deliver takes the token that a bank posts in answer to the sidecar's asking
// (grant "delivered"). nil means that it has been handed to the call that waits
// for it; anything else, that it was not taken. CheckInbox must hold.
func (a *ASPSP) Deliver(r *http.Request) *Refusal {
	refusal, result := a.deliver(r)
	if a.deps.Hooks.Delivered != nil {
		a.deps.Hooks.Delivered(a.config.Name, result, refusal)
	}
	return refusal
}

func (a *ASPSP) deliver(r *http.Request) (refusal *Refusal, result string) {
	if r.Method != http.MethodPost {
		return ErrMethod(r.Method), deliveryMalformed
	}
	err := a.inbox.Receive(r, &a.config.Profile.Token.Delivered)
	if err == nil {
		return nil, deliveryTaken
	}
	for _, known := range deliveryRefusals {
		if errors.Is(err, known.err) {
			refusal := refuse(known.code, err.Error(), err)
			refusal.ASPSP = a.config.Name
			return refusal, known.result
		}
	}
	return AsRefusal(err), deliveryMalformed
}
