package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Values of Fault.Reset.
const (
	// ResetBefore cuts the connection before the bank acted on the request.
	ResetBefore = "before"
	// ResetAfter cuts it after the bank acted, instead of the answer.
	ResetAfter = "after"
	// ResetMidway cuts it after half of the answer's body.
	ResetMidway = "midway"
)

// Values of Fault.Truncate.
const (
	// TruncateBroken promises the whole body in Content-Length and closes the
	// connection too early.
	TruncateBroken = "broken"
	// TruncateClean ends the answer in order, with part of the body.
	TruncateClean = "clean"
)

// Fault is a misbehaviour of the bank. The zero Fault is none. All checks run
// and are recorded whatever the fault; ResetBefore, and Status and Hang unless
// Processed, keep the bank from acting on the request.
type Fault struct {
	// Next is the number of requests it hits; 0 means all, until changed.
	Next int `json:"next,omitempty"`
	// GrantType confines a fault of the token endpoint to requests with this
	// grant_type. Next counts only those.
	GrantType string `json:"grant_type,omitempty"`
	// Processed makes the bank act first; Delay, Hang or Status then stand
	// between its answer and the client. Default false: they come first.
	Processed bool `json:"processed,omitempty"`
	// Delay is waited before the bank acts, or if Processed before it answers.
	Delay Wait `json:"delay,omitzero"`
	// Hang never answers: until the client goes or the bank closes.
	Hang bool `json:"hang,omitempty"`
	// Reset cuts the TCP connection: ResetBefore, ResetAfter or ResetMidway.
	Reset string `json:"reset,omitempty"`
	// CloseAfter closes a connection without notice after that many answers.
	CloseAfter int `json:"close_after,omitempty"`
	// Status answers with that status instead: 429, 500, 503 and so on.
	Status int `json:"status,omitempty"`
	// Code is the error code of that answer. Default INTE, or TMRQ for 429.
	Code string `json:"code,omitempty"`
	// Description is the text of that answer instead of the sandbox's own.
	Description string `json:"description,omitempty"`
	// RetryAfter is sent as Retry-After, in seconds, if above 0.
	RetryAfter int `json:"retry_after,omitempty"`
	// HTML answers Status with a page of HTML, as gateways before banks do.
	HTML bool `json:"html,omitempty"`
	// Truncate cuts the body short: TruncateBroken or TruncateClean.
	Truncate string `json:"truncate,omitempty"`
	// TruncateAt is the number of bytes left then, or if below 0 the number left
	// out. Default half.
	TruncateAt int `json:"truncate_at,omitempty"`
	// DripBytes sends the body in portions of that many bytes, with a pause of
	// DripEvery before each.
	DripBytes int  `json:"drip_bytes,omitempty"`
	DripEvery Wait `json:"drip_every,omitzero"`
	// ExpireTokens ends all access tokens when the fault hits, before the
	// checks, so that an API call is answered with 401.
	ExpireTokens bool `json:"expire_tokens,omitempty"`
	// Delivery is what is wrong with the delivery of a token of Carat:
	// DeliveryEarly, DeliveryTwice, DeliveryNever or DeliveryMalformed.
	Delivery string `json:"delivery,omitempty"`
	// DeliveryDelay is waited before it.
	DeliveryDelay Wait `json:"delivery_delay,omitzero"`
	// DeliverTo is the URL that gets it instead of the merchant's.
	DeliverTo string `json:"deliver_to,omitempty"`
}

// Wait is a duration written as text ("250ms") in JSON.
type Wait time.Duration

// MarshalText implements encoding.TextMarshaler.
func (w Wait) MarshalText() ([]byte, error) { return []byte(time.Duration(w).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (w *Wait) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*w = Wait(d)
	return err
}

func (f Fault) validate() error {
	switch f.Reset {
	case "", ResetBefore, ResetAfter, ResetMidway:
	default:
		return fmt.Errorf("reset must be %s, %s or %s", ResetBefore, ResetAfter, ResetMidway)
	}
	switch f.Truncate {
	case "", TruncateBroken, TruncateClean:
	default:
		return fmt.Errorf("truncate must be %s or %s", TruncateBroken, TruncateClean)
	}
	switch f.Delivery {
	case "", DeliveryEarly, DeliveryTwice, DeliveryNever, DeliveryMalformed:
	default:
		return fmt.Errorf("delivery must be %s, %s, %s or %s", DeliveryEarly, DeliveryTwice, DeliveryNever, DeliveryMalformed)
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return errors.New("status must be between 200 and 599")
	}
	if f.Next < 0 || f.Delay < 0 || f.CloseAfter < 0 || f.RetryAfter < 0 || f.DripBytes < 0 || f.DripEvery < 0 || f.DeliveryDelay < 0 {
		return errors.New("next, delay, close_after, retry_after, drip_bytes, drip_every and delivery_delay must not be negative")
	}
	return nil
}

func (f Fault) validateAPI() error {
	if f.GrantType != "" {
		return errors.New("grant_type is for the token endpoint only")
	}
	if f.Delivery != "" || f.DeliveryDelay != 0 || f.DeliverTo != "" {
		return errors.New("delivery, delivery_delay and deliver_to are for the token endpoint only")
	}
	return f.validate()
}

// Faults are the bank's present misbehaviours, one for the token endpoint and
// one for everything else. They may be changed at any time.
type Faults struct {
	mu         sync.Mutex
	token, api Fault
}

// SetToken replaces the fault of the token endpoint.
func (f *Faults) SetToken(fault Fault) error { return f.set(&f.token, fault) }

// SetAPI replaces the fault of all other endpoints.
func (f *Faults) SetAPI(fault Fault) error {
	if err := fault.validateAPI(); err != nil {
		return fmt.Errorf("sandbox: fault: %w", err)
	}
	return f.set(&f.api, fault)
}

// Clear ends all faults.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.token, f.api = Fault{}, Fault{}
}

func (f *Faults) set(where *Fault, fault Fault) error {
	if err := fault.validate(); err != nil {
		return fmt.Errorf("sandbox: fault: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	*where = fault
	return nil
}

// replace sets both, or neither if one is wrong.
func (f *Faults) replace(next faultsJSON) error {
	if err := errors.Join(next.Token.validate(), next.API.validateAPI()); err != nil {
		return fmt.Errorf("sandbox: fault: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.token, f.api = next.Token, next.API
	return nil
}

// take returns the fault that hits this request, of that grant_type if it is
// one to the token endpoint, and counts it down.
func (f *Faults) take(token bool, grantType string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	where := &f.api
	if token {
		where = &f.token
		if where.GrantType != "" && where.GrantType != grantType {
			return Fault{}
		}
	}
	fault := *where
	if where.Next == 1 {
		*where = Fault{}
	} else if where.Next > 1 {
		where.Next--
	}
	return fault
}

// faultsJSON is the form of Faults on the control plane.
type faultsJSON struct {
	Token Fault `json:"token"`
	API   Fault `json:"api"`
}

// MarshalJSON implements json.Marshaler.
func (f *Faults) MarshalJSON() ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return json.Marshal(faultsJSON{f.token, f.api})
}
