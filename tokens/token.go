package tokens

import (
	"log/slog"
	"time"
)

// scheme precedes the token in an Authorization header (RFC 6750 section 2.1).
const scheme = "Bearer "

// redacted is what every printed form of a token shows in its place.
const redacted = "[redacted token]"

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

// usable reports whether the token may still be handed out. Both clocks must
// agree: the monotonic one stands still while a machine sleeps, the wall clock
// can be set back.
func (t *Token) usable(now time.Time) bool {
	return now.Before(t.usableUntil) && now.UnixNano() < t.usableUntilWall
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
