package sidecar

import (
	"time"

	"github.com/caddy-tpp/caddy-tpp/answers"
)

// Hooks are told what happens to calls. Every field may be nil. No value of a
// PSU header, token or body is ever handed to a hook.
type Hooks struct {
	// Signed is called after each signature with the time it took.
	Signed func(aspsp, identity string, took time.Duration)
	// Done is called once for each exchange.
	Done func(Event)
	// Fallback is called before a request asks for the fallback interface.
	Fallback func(aspsp, operation, requestID, reason string)
	// Replayed is called when a request is repeated: after a 401 with a new
	// token ("token"), or on a new connection because the idle one had died
	// ("connection").
	Replayed func(aspsp, operation, cause string)
	// Verified is told the verdict on the signature of an answer.
	Verified func(aspsp, operation, requestID string, verdict answers.Verdict)
	// Relinked is told what became of the links in an answer, if there were any
	// or it is not known.
	Relinked func(aspsp string, outcome LinksOutcome)
	// Delivered is called when a token has come in, or was to come in (grant
	// "delivered"): result is "taken", "unexpected", "repeated", "malformed" or
	// "too_long"; refusal says why, nil with "taken".
	Delivered func(aspsp, result string, refusal *Refusal)
	// Unlinked is called when a new generation of certificates does not fit
	// the ASPSP, so that calls go on with the former one.
	Unlinked func(aspsp, identity string, err error)
}

// Event is how an exchange ended.
type Event struct {
	ASPSP, Identity, Operation, RequestID string
	// Outcome is the class of the bank's answer ("2xx" … "5xx"), the code of a
	// refusal, or "canceled" when the app went away.
	Outcome string
	// Status is the status the app saw, 0 if none.
	Status int
	// Attended tells whether PSU context went along.
	Attended bool
	// Attempts is how many times a request appeared on the wire.
	Attempts int
	// Dropped is how many of the app's headers were not passed on.
	Dropped int
	// Took is the time from the app's request to the end of the answer.
	Took time.Duration
	// Err is the cause of a refusal, for logs.
	Err error
}
