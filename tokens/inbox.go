package tokens

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
)

// Why a delivered token was not taken. The texts are safe to log and to show.
var (
	// ErrDeliveryUnexpected means that nobody waits for a token.
	ErrDeliveryUnexpected = errors.New("no token is awaited")
	// ErrDeliveryRepeated means that a token was taken already: this one, or
	// another one for the same asking.
	ErrDeliveryRepeated = errors.New("a token has been delivered already")
	// ErrDeliveryMalformed means that no token can be read from the delivery.
	ErrDeliveryMalformed = errors.New("the delivery holds no usable token")
	// ErrDeliveryTooLong means that the token, or the whole delivery, is too long.
	ErrDeliveryTooLong = errors.New("the delivery is too long")
)

// Inbox takes the tokens that a bank delivers for one ASPSP. A delivery says
// nothing of what it answers, so that one asking is under way at a time, and a
// delivery is taken only then, once. It holds nothing of a configuration, and is
// safe for concurrent use.
type Inbox struct {
	turn chan struct{} // holds a value while an asking is under way

	mu   sync.Mutex
	open *asking           // nil: nobody waits
	last [sha256.Size]byte // hash of the token taken last
	took bool              // there is a last one
}

// asking is a request for a token that is to be delivered.
type asking struct {
	inbox *Inbox
	token chan string // of capacity 1
	taken bool
}

// NewInbox makes an inbox. It starts no goroutine.
func NewInbox() *Inbox { return &Inbox{turn: make(chan struct{}, 1)} }

// Take takes a token for the asking that is under way. Without an error it has
// been handed over; the errors are [ErrDeliveryUnexpected] and
// [ErrDeliveryRepeated].
func (in *Inbox) Take(token string) error {
	hash := sha256.Sum256([]byte(token))
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case in.open != nil && !in.open.taken:
		in.open.token <- token // there is room for one
		in.open.taken, in.last, in.took = true, hash, true
		return nil
	case in.open != nil, in.took && hash == in.last:
		return ErrDeliveryRepeated
	}
	return ErrDeliveryUnexpected
}

// begin waits for the end of the asking that is under way, and begins the next:
// from now on a delivery is taken. Unless it fails, end must follow.
func (in *Inbox) begin(ctx context.Context) (*asking, error) {
	select {
	case in.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, unavailable(ctx, ctx.Err())
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.open = &asking{inbox: in, token: make(chan string, 1)}
	return in.open, nil
}

// end ends the asking: what is delivered afterwards comes too late. It gives the
// token of a delivery that came at the last moment. It may be called again.
func (a *asking) end() (token string, ok bool) {
	a.inbox.mu.Lock()
	defer a.inbox.mu.Unlock()
	if a.inbox.open == a {
		a.inbox.open = nil
		<-a.inbox.turn
	}
	select {
	case token = <-a.token:
		return token, true
	default:
		return "", false
	}
}

// inboxKey names an inbox. A configuration that moves an ASPSP to another
// endpoint must not take the deliveries of the former.
type inboxKey struct{ aspsp, endpoint string }

// Inboxes are the inboxes of all ASPSPs. They outlive a configuration, so that
// what one has asked for is taken while the next one answers. The zero value is
// ready for use.
type Inboxes struct {
	mu sync.Mutex
	of map[inboxKey]*Inbox
}

// For gives the inbox of an ASPSP that asks at an endpoint; the same one each time.
func (s *Inboxes) For(aspsp, endpoint string) *Inbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := inboxKey{aspsp, endpoint}
	if s.of == nil {
		s.of = make(map[inboxKey]*Inbox)
	}
	if s.of[key] == nil {
		s.of[key] = NewInbox()
	}
	return s.of[key]
}
