package tokens

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"testing"
	"time"
)

func TestNothingOfARequestOrAnswerIsPrinted(t *testing.T) {
	request := Request{
		GrantType: GrantAuthorizationCode, Code: secret, RedirectURI: secret, CodeVerifier: secret,
		RefreshToken: secret, Scope: secret, ClientID: secret,
	}
	pair := Pair{Access: newToken(secret, time.Now(), time.Hour, 0).WithClientID(secret), Refresh: secret, IDToken: secret, Scope: secret}
	answer := Answer{Status: 200, Body: []byte(secret), ContentType: secret}
	type outer struct {
		Request Request
		Pair    Pair
		Answer  Answer
	}
	type hidden struct {
		request *Request
		pair    *Pair
		answer  *Answer
	}
	all := outer{request, pair, answer}
	values := map[string]any{
		"request": request, "pointer to request": &request, "pair": pair, "pointer to pair": &pair,
		"answer": answer, "pointer to answer": &answer, "slice": []any{request, &pair, answer}, "map": map[string]Answer{"a": answer},
		"struct": all, "pointer to struct": &all, "token": pair.Access, "token by value": *pair.Access,
	}
	for name, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10.3v", "%c"} {
			assertRedacted(t, name+" "+verb, fmt.Sprintf(verb, value))
		}
		assertRedacted(t, name+" Sprint", fmt.Sprint(value))
		var logged bytes.Buffer
		slog.New(slog.NewTextHandler(&logged, nil)).Info("asked", "value", value)
		assertRedacted(t, name+" slog", logged.String())
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%d"} {
		assertRedacted(t, "hidden "+verb, fmt.Sprintf(verb, hidden{&request, &pair, &answer}))
	}
	for name, value := range map[string]any{"request": request, "pair": &pair, "answer": &answer} {
		var logged bytes.Buffer
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("asked", "value", value)
		assertRedacted(t, name+" slog JSON", logged.String())
		asXML, err := xml.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		assertRedacted(t, name+" xml", string(asXML))
	}
	for name, value := range map[string]any{"request": request, "pair": []Pair{pair}} {
		asJSON, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		assertRedacted(t, name+" json", string(asJSON))
	}
	if got := answer.String(); got != "[redacted answer, HTTP 200]" {
		t.Errorf("String() = %q", got)
	}
	if got := request.String() + pair.String(); got != redactedRequest+redactedPair {
		t.Errorf("String() = %q", got)
	}
}
