package authorize

import (
	"context"
	"time"

	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault"
)

const (
	defaultLifetime = 10 * time.Minute
	// maxLifetime keeps slots of the day that are in use apart from those that
	// Sweep empties.
	maxLifetime = 12 * time.Hour
	// deleteTimeout bounds the one step of a consumption that is not broken off.
	deleteTimeout = 10 * time.Second
)

// Options configure a [Flow].
type Options struct {
	// Vault keeps the flows under way. Required.
	Vault *vault.Vault
	// Grants exchanges the codes. Required.
	Grants *grants.Store
	// Now is the clock. Default [time.Now].
	Now func() time.Time
	// Lifetime is how long a PSU may take at the bank. Default 10 minutes, at
	// most 12 hours.
	Lifetime time.Duration
	// Code gives the problem code that the app is told of an error of
	// [Flow.Finish], in sidecar_error. It is only passed on if it is made of
	// letters, digits, "-", "_" and ".". Default: one code per sentinel error.
	Code func(error) string
	// OnEvent is told what happens, from the goroutine where it does. It must be
	// safe for concurrent use and quick.
	OnEvent func(Event)
}

// Flow sends PSUs to banks and takes the answers. It is safe for concurrent
// use, and any number of Flows on one storage, in one process or many, work
// together.
type Flow struct {
	vault    *vault.Vault
	exchange func(context.Context, grants.ID, *grants.Client, grants.Code) (*tokens.Answer, error)
	now      func() time.Time
	lifetime time.Duration
	code     func(error) string
	onEvent  func(Event)
	sweeping sweeper
}

// New makes a Flow. It does no I/O and starts no goroutine.
func New(o Options) *Flow {
	f := &Flow{vault: o.Vault, now: o.Now, lifetime: o.Lifetime, code: o.Code, onEvent: o.OnEvent}
	if o.Grants != nil {
		f.exchange = o.Grants.Exchange
	}
	if f.now == nil {
		f.now = time.Now
	}
	if f.lifetime <= 0 {
		f.lifetime = defaultLifetime
	}
	f.lifetime = min(f.lifetime, maxLifetime)
	if f.code == nil {
		f.code = codeOf
	}
	if f.onEvent == nil {
		f.onEvent = func(Event) {}
	}
	return f
}

// EventKind says what happened to a flow. It is fit for a metric's label.
type EventKind string

// All kinds of events.
const (
	// EventBegun: a PSU is on the way to the bank.
	EventBegun EventKind = "begun"
	// EventNotBegun: a flow could not begin; Err says why.
	EventNotBegun EventKind = "not_begun"
	// EventEnded: a flow has ended, with Result; Code and Err say why.
	EventEnded EventKind = "ended"
	// EventRejected: an answer belonged to no flow, or the storage failed; Err
	// says which. A flow that the answer was for may still be under way.
	EventRejected EventKind = "rejected"
)

// Event tells of a flow. All of it is safe to log.
type Event struct {
	Kind EventKind
	// ASPSP is the bank's configured name, "" if it is not known.
	ASPSP string
	// Grant is [grants.ID.Fingerprint], "" if it is not known.
	Grant string
	// Result and Code are those of the [Outcome].
	Result Result
	Code   string
	// Err is what went wrong; its text is safe to log.
	Err error
}
