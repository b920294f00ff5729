package sidecar

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// stubbornTime is how long an operation that was refused with a new token
	// too is not tried twice again: its trouble is not the token's age, and
	// fetching one for each call would only burden the bank.
	stubbornTime = 10 * time.Second
	// maxStubborn bounds what is remembered at a time.
	maxStubborn = 4096
)

// stubbornCall is an operation, of one grant or with the TPP's own token: what
// one customer's authorization does not cover says nothing about the others.
type stubbornCall struct{ operation, grant string }

// stubborn remembers until when a 401 is passed on at once.
type stubborn struct {
	until *lru.Cache[stubbornCall, time.Time]
}

func newStubborn() stubborn {
	until, err := lru.New[stubbornCall, time.Time](maxStubborn)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return stubborn{until}
}

func (s stubborn) note(call stubbornCall, now time.Time) { s.until.Add(call, now.Add(stubbornTime)) }

func (s stubborn) holds(call stubbornCall, now time.Time) bool {
	until, ok := s.until.Get(call)
	return ok && now.Before(until)
}
