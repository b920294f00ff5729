package tokens

import (
	"log/slog"
	"time"
)

// scheme precedes the token in an Authorization header (RFC 6750 section 2.1).
const scheme = "Bearer "

// redacted is what every printed form of a token shows in its place.
const redacted = "[redacted token]"

// clockSkew is how far the clocks of machines that share tokens may differ.
const clockSkew = time.Minute

// Token is one access token. It never changes and is safe for concurrent use.
// Whatever way it is printed, logged or marshalled, its value does not appear;
// only [Token.Value] and [Token.AuthorizationHeader] give it away.
type Token struct {
	// header is a pointer because fmt does not call methods for every verb, nor
	// on unexported fields of other structs: it then prints an address.
	header *string

	obtained    time.Time
	expiry      time.Time
	usableUntil time.Time
	// usableUntilWall is usableUntil in Unix nanoseconds: the wall clock alone.
	usableUntilWall int64
	// usableFromWall is obtained less clockSkew, likewise.
	usableFromWall int64
	// clientID is a pointer for the same reason as header.
	clientID *string
}

// NewToken makes a token from what was kept of it: its value, when it was asked
// for and how long it lives. s gives the margin. It panics for nothing: a
// lifetime of zero or less makes a token that is not usable.
func NewToken(value string, askedAt time.Time, lifetime time.Duration, s *Spec) *Token {
	return newToken(value, askedAt, lifetime, s.margin(lifetime))
}

// WithClientID gives a copy of the token that holds the client_id of the
// answer it came with ([Spec.ClientIDFromAnswer]).
func (t *Token) WithClientID(clientID string) *Token {
	named := *t
	named.clientID = &clientID
	return &named
}

// ClientID is the client_id that came with the token, or "".
func (t *Token) ClientID() string {
	if t == nil || t.clientID == nil {
		return ""
	}
	return *t.clientID
}

// newToken makes a token that was asked for at obtained and is used until
// lifetime less margin has passed.
func newToken(value string, obtained time.Time, lifetime, margin time.Duration) *Token {
	header := scheme + value
	usableUntil := obtained.Add(lifetime - margin)
	return &Token{
		header:          &header,
		obtained:        obtained,
		expiry:          obtained.Add(lifetime),
		usableUntil:     usableUntil,
		usableUntilWall: usableUntil.UnixNano(),
		usableFromWall:  obtained.Add(-clockSkew).UnixNano(),
	}
}

// Value is the access token itself. Never log it.
func (t *Token) Value() string {
	if header := t.AuthorizationHeader(); header != "" {
		return header[len(scheme):]
	}
	return ""
}

// AuthorizationHeader is the value for the Authorization header, made once:
// "Bearer " and the token. It holds no control characters and no further
// space. Never log it.
func (t *Token) AuthorizationHeader() string {
	if t == nil || t.header == nil {
		return ""
	}
	return *t.header
}

// Expiry is when the token ends according to the bank, counted from when it
// was asked for and bounded by [Spec.MaxLifetime]. The cache stops using a
// token [Spec.ExpiryMargin] earlier.
func (t *Token) Expiry() time.Time { return t.expiry }

// ObtainedAt is when the token was asked for, from which its lifetime counts.
func (t *Token) ObtainedAt() time.Time { return t.obtained }

// RenewAt is when a renewal ahead of the end is due: at 80 % of the time that
// the token is usable for, without any jitter.
func (t *Token) RenewAt() time.Time {
	usable := t.usableUntil.Sub(t.obtained)
	return t.obtained.Add(time.Duration(renewShare * float64(usable)))
}

// Usable reports whether the token may still be sent: [Spec.ExpiryMargin]
// before its end it no longer is, nor if it was obtained more than a minute after
// now. Both clocks must agree.
func (t *Token) Usable(now time.Time) bool { return t != nil && t.usable(now) }

// usable reports whether the token may still be handed out. Both clocks must
// agree: the monotonic one stands still while a machine sleeps, the wall clock
// can be set back. A token from the future was obtained before that happened,
// or on a machine whose clock is wrong: when it ends is anyone's guess.
func (t *Token) usable(now time.Time) bool {
	at := now.UnixNano()
	return now.Before(t.usableUntil) && at < t.usableUntilWall && at >= t.usableFromWall
}

// String implements fmt.Stringer without the value.
func (Token) String() string { return redacted }

// GoString implements fmt.GoStringer without the value.
func (Token) GoString() string { return redacted }

// LogValue implements [slog.LogValuer] without the value.
func (Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON implements [encoding/json.Marshaler] without the value.
func (Token) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText implements [encoding.TextMarshaler] without the value.
func (Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }
