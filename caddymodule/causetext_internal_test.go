package caddymodule

import (
	"errors"
	"net/http"
	"testing"

	"go.uber.org/zap"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

func TestCauseText(t *testing.T) {
	for text, want := range map[string]string{
		"dial tcp 192.0.2.1:443: connect: connection refused":  "dial tcp 192.0.2.1:443: connect: connection refused",
		`malformed HTTP response "FR76"`:                       "malformed HTTP",
		"net/http: broken: malformed MIME header line: FR76 x": "net/http: broken: malformed MIME header",
		`bad Content-Length "FR76"`:                            "bad Content-Length …",
		`a "FR76 \" FR76" b "FR76"`:                            "a … b …",
		`open "FR76`:                                           "open …",
		`debug="FR76\\"; x "\"FR76`:                            "debug=…; x …",
		`Post "https://bank.example/accounts/FR76": EOF`:       "Post …: EOF",
		"": "",
		"too many transfer encodings: [\"FR76\" \"FR76\"]; stopped": "too many transfer encodings: [… …]; stopped",
	} {
		if got := causeText(errors.New(text)); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestOwnFailuresAreErrors holds that what the sidecar's operator has to mend is
// logged at a level that is on.
func TestOwnFailuresAreErrors(t *testing.T) {
	for _, problem := range sidecar.Problems() {
		if level := levelOf(string(problem.Code)); problem.Status == http.StatusInternalServerError && level != zap.ErrorLevel {
			t.Errorf("%s is logged at %s, and its remedy is: %s", problem.Code, level, problem.Remedy)
		}
	}
	if level := levelOf("5xx"); level != zap.DebugLevel {
		t.Errorf("the bank's own failure is logged at %s", level)
	}
}
