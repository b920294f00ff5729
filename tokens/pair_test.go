package tokens

import (
	"encoding/json"
	"net/http"
	"testing"
)

// A scope is kept and shown if it can be one.
func TestPairScope(t *testing.T) {
	for scope, want := range map[string]string{
		"":                       "",
		"aisp":                   "aisp",
		"openid aisp:read !#[]~": "openid aisp:read !#[]~",
		"\x1b]0;root\a":          "",
		"aisp\nactive":           "",
		"aisp\tpisp":             "",
		`aisp" x="`:              "",
		`a\b`:                    "",
		"aisp\x7f":               "",
		"Zahlungsauslösung":      "",
		"aisp\u202e":             "",
	} {
		body, err := json.Marshal(map[string]string{"access_token": access, "scope": scope})
		if err != nil {
			t.Fatal(err)
		}
		a := &Answer{Status: http.StatusOK, Body: body}
		_, pair, err := a.Judge(&Spec{})
		if err != nil || pair.Scope != want || pair.Access.Value() != access {
			t.Errorf("scope %q: kept %q, %v", scope, pair.Scope, err)
		}
	}
}
