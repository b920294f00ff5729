package tokens

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
)

// What the printed forms of secrets show in their place.
const (
	redactedRequest = "[redacted token request]"
	redactedPair    = "[redacted tokens]"
)

// These methods are why a Request, a Pair or an Answer cannot get into a log by
// mistake. fmt calls no methods on unexported fields of other structs: keep
// such values there by pointer only, of which fmt then prints the address
// (except for a verb that is wrong for a pointer, which go vet finds).

// Format implements [fmt.Formatter] without the values, whatever the verb.
func (Request) Format(f fmt.State, _ rune) { writeText(f, redactedRequest) }

// String implements [fmt.Stringer] without the values.
func (Request) String() string { return redactedRequest }

// LogValue implements [slog.LogValuer] without the values.
func (Request) LogValue() slog.Value { return slog.StringValue(redactedRequest) }

// MarshalJSON implements [encoding/json.Marshaler] without the values.
func (Request) MarshalJSON() ([]byte, error) { return []byte(`"` + redactedRequest + `"`), nil }

// MarshalText implements [encoding.TextMarshaler] without the values.
func (Request) MarshalText() ([]byte, error) { return []byte(redactedRequest), nil }

// Format implements [fmt.Formatter] without the values, whatever the verb.
func (Pair) Format(f fmt.State, _ rune) { writeText(f, redactedPair) }

// String implements [fmt.Stringer] without the values.
func (Pair) String() string { return redactedPair }

// LogValue implements [slog.LogValuer] without the values.
func (Pair) LogValue() slog.Value { return slog.StringValue(redactedPair) }

// MarshalJSON implements [encoding/json.Marshaler] without the values.
func (Pair) MarshalJSON() ([]byte, error) { return []byte(`"` + redactedPair + `"`), nil }

// MarshalText implements [encoding.TextMarshaler] without the values.
func (Pair) MarshalText() ([]byte, error) { return []byte(redactedPair), nil }

// Format implements [fmt.Formatter] with the status only, whatever the verb.
func (a Answer) Format(f fmt.State, _ rune) { writeText(f, a.String()) }

// String implements [fmt.Stringer] with the status only.
func (a Answer) String() string { return "[redacted answer, HTTP " + strconv.Itoa(a.Status) + "]" }

// LogValue implements [slog.LogValuer] with the status only.
func (a Answer) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText implements [encoding.TextMarshaler] with the status only.
func (a Answer) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// writeText leaves an error to fmt, which has nowhere to put it either.
func writeText(f fmt.State, text string) { _, _ = io.WriteString(f, text) }
