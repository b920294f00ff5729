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

// Fault is a misbehaviour of the bank. The zero Fault is none. All checks run
// and are recorded whatever the fault; Status, Hang and ResetBefore keep the
// bank from acting on the request.
type Fault struct {
	// Next is the number of requests it hits; 0 means all, until changed.
	Next int `json:"next,omitempty"`
	// Delay is waited before the bank acts.
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
	// RetryAfter is sent as Retry-After, in seconds, if above 0.
	RetryAfter int `json:"retry_after,omitempty"`
	// HTML answers Status with a page of HTML, as gateways before banks do.
	HTML bool `json:"html,omitempty"`
	// ExpireTokens ends all access tokens when the fault hits, before the
	// checks, so that an API call is answered with 401.
	ExpireTokens bool `json:"expire_tokens,omitempty"`
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
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return errors.New("status must be between 200 and 599")
	}
	if f.Next < 0 || f.Delay < 0 || f.CloseAfter < 0 || f.RetryAfter < 0 {
		return errors.New("next, delay, close_after and retry_after must not be negative")
	}
	return nil
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
func (f *Faults) SetAPI(fault Fault) error { return f.set(&f.api, fault) }

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
	if err := errors.Join(next.Token.validate(), next.API.validate()); err != nil {
		return fmt.Errorf("sandbox: fault: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.token, f.api = next.Token, next.API
	return nil
}

// take returns the fault that hits this request and counts it down.
func (f *Faults) take(token bool) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	where := &f.api
	if token {
		where = &f.token
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
