package tokens

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

const secret = "SlAV32hkKG-secret"

func TestTokenIsNeverPrinted(t *testing.T) {
	token := newToken(secret, time.Now(), time.Hour, time.Minute)
	type outer struct {
		Exported   *Token
		ByValue    Token
		unexported *Token
		hidden     Token
	}
	values := map[string]any{
		"pointer":           token,
		"value":             *token,
		"slice":             []*Token{token},
		"map":               map[string]Token{"a": *token},
		"struct":            outer{token, *token, token, *token},
		"pointer to struct": &outer{token, *token, token, *token},
	}
	for name, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10.3v"} {
			assertRedacted(t, name+" "+verb, fmt.Sprintf(verb, value))
		}
		assertRedacted(t, name+" Sprint", fmt.Sprint(value))

		asJSON, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		assertRedacted(t, name+" json", string(asJSON))

		var logged bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
			slog.New(handler).Info("fetched", "token", value)
		}
		assertRedacted(t, name+" slog", logged.String())
	}
	asXML, err := xml.Marshal(token)
	if err != nil {
		t.Fatal(err)
	}
	assertRedacted(t, "xml", string(asXML))

	if got := token.String(); got != redacted {
		t.Errorf("String() = %q", got)
	}
	if got := token.GoString(); got != redacted {
		t.Errorf("GoString() = %q", got)
	}
}

func assertRedacted(t *testing.T, how, printed string) {
	t.Helper()
	hex := fmt.Sprintf("%x", secret)
	if strings.Contains(printed, secret) || strings.Contains(strings.ToLower(printed), hex) {
		t.Errorf("%s shows the token: %s", how, printed)
	}
}

func TestTokenGivesItsValueWhenAsked(t *testing.T) {
	obtained := time.Now()
	token := newToken(secret, obtained, time.Hour, time.Minute)
	if got := token.Value(); got != secret {
		t.Errorf("Value() = %q", got)
	}
	if got := token.AuthorizationHeader(); got != "Bearer "+secret {
		t.Errorf("AuthorizationHeader() = %q", got)
	}
	if !token.Expiry().Equal(obtained.Add(time.Hour)) {
		t.Errorf("Expiry() = %v", token.Expiry())
	}
	for name, empty := range map[string]*Token{"nil": nil, "zero": {}} {
		if empty.Value() != "" || empty.AuthorizationHeader() != "" {
			t.Errorf("a %s token has a value", name)
		}
	}
}

// A sleeping machine stops the monotonic clock, a corrected clock sets the wall
// clock back: either alone must end the token.
func TestTokenEndsByEitherClock(t *testing.T) {
	now := time.Now()
	token := newToken(secret, now, time.Hour, time.Minute)
	if !token.usable(now.Add(59*time.Minute - time.Nanosecond)) {
		t.Error("not usable before its margin")
	}
	if token.usable(now.Add(59 * time.Minute)) {
		t.Error("usable at its margin")
	}
	slept := newToken(secret, now, time.Hour, time.Minute)
	slept.usableUntilWall = now.UnixNano()
	if slept.usable(now) {
		t.Error("usable though the wall clock is past its end")
	}
	setBack := newToken(secret, now, time.Hour, time.Minute)
	setBack.usableUntil = now
	if setBack.usable(now) {
		t.Error("usable though the monotonic clock is past its end")
	}
}

// A token that seems to come from the future was obtained before the clock was
// set back.
func TestTokenFromTheFutureIsNotUsed(t *testing.T) {
	obtained := time.Unix(1_800_000_000, 0)
	token := NewToken(secret, obtained, time.Hour, &Spec{})
	for ahead, want := range map[time.Duration]bool{0: true, clockSkew: true, clockSkew + time.Second: false, 24 * time.Hour: false} {
		now := obtained.Add(-ahead)
		if token.Usable(now) != want || newEntry(token).usable(now) != want {
			t.Errorf("%v ahead: usable %v", ahead, !want)
		}
	}
	if (*Token)(nil).Usable(obtained) || (&Token{}).Usable(obtained) {
		t.Error("no token is usable")
	}
	if got := token.RenewAt().Sub(obtained); got != (time.Hour-30*time.Second)*4/5 {
		t.Errorf("to be renewed after %v", got)
	}
	if named := token.WithClientID("c"); named.ClientID() != "c" || token.ClientID() != "" || named.Value() != secret || (*Token)(nil).ClientID() != "" {
		t.Errorf("client_id %q, %q", named.ClientID(), token.ClientID())
	}
}

func TestRenewalIsDueAtFourFifthsOfUse(t *testing.T) {
	obtained := time.Now()
	usable := time.Hour - 30*time.Second
	seen := map[int64]bool{}
	for range 200 {
		e := newEntry(newToken(secret, obtained, time.Hour, 30*time.Second))
		due := time.Unix(0, e.renewAt.Load()).Sub(obtained)
		if due < usable*75/100-time.Second || due > usable*85/100+time.Second {
			t.Fatalf("due after %v of %v", due, usable)
		}
		seen[e.renewAt.Load()] = true
	}
	if len(seen) < 150 {
		t.Errorf("only %d different times: tokens fetched together are renewed together", len(seen))
	}
}
