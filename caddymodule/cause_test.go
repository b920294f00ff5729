package caddymodule_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// lineOf waits for the log line of a call with an outcome.
func (r *rig) lineOf(outcome sidecar.Code) (entry map[string]any) {
	r.t.Helper()
	r.eventually(func() bool {
		for line := range strings.Lines(r.log()) {
			if strings.Contains(line, `"msg":"call"`) && strings.Contains(line, `"outcome":"`+string(outcome)+`"`) {
				entry = nil
				return json.Unmarshal([]byte(line), &entry) == nil
			}
		}
		return false
	})
	return entry
}

// TestLogTellsTheCause holds that a failure can be told from its line, where the
// app is told no more than what happened.
func TestLogTellsTheCause(t *testing.T) {
	r := newRig(t)
	r.bankURL = "https://" + freeAddress(t)
	r.load(parts{aspsp: "token {\ngrant none\n}", site: mainSite})
	r.refused(r.funds("Authorization", "Bearer x"), sidecar.CodeAuthorizationRefused, 400)
	if line := r.lineOf(sidecar.CodeAuthorizationRefused); line["cause"] != nil {
		t.Errorf("a cause of nothing: %v", line)
	}
	r.refused(r.funds("PSU-IP-Address", "192.168.1.7"), sidecar.CodePSUInvalid, 400)
	if line := r.lineOf(sidecar.CodePSUInvalid); line["cause"] != nil {
		t.Errorf("the detail is said twice: %v", line)
	}
	r.load(parts{aspsp: "token {\nfrom_app on\n}", site: mainSite})
	a := r.funds("Authorization", "Bearer letmein")
	r.refused(a, sidecar.CodeBankUnreachable, 502)
	address := strings.TrimPrefix(r.bankURL, "https://")
	if cause, _ := r.lineOf(sidecar.CodeBankUnreachable)["cause"].(string); !strings.Contains(cause, "dial tcp "+address) {
		t.Errorf("cause %q", cause)
	}
	if strings.Contains(a.body, address) {
		t.Errorf("the app is told an address: %s", a.body)
	}
}

// TestInternalErrorIsLogged holds that what the remedy of internal-error sends
// to the log for is there, at a level that is on.
func TestInternalErrorIsLogged(t *testing.T) {
	r := newRig(t)
	r.load(parts{site: "tpp_proxy /bpgo/* bpgo {\nstrip_prefix /bpgo\nhandle_response {\nerror \"the handler behind failed\" 418\n}\n}"})
	a := r.funds("PSU-IP-Address", publicIP)
	r.refused(a, sidecar.CodeInternal, 500)
	line := r.lineOf(sidecar.CodeInternal)
	cause, _ := line["cause"].(string)
	if line["level"] != "error" || !strings.Contains(cause, "HTTP 418: the handler behind failed") || line["request_id"] != a.header.Get("X-Request-ID") {
		t.Errorf("%v", line)
	}
}

// TestCauseQuotesNoAnswer holds that no part of an answer that is not HTTP gets
// into the log: it may be an account.
func TestCauseQuotesNoAnswer(t *testing.T) {
	for name, answer := range map[string]string{
		"status line": "HTTP/9 " + iban + "\r\n\r\n",
		"status code": "HTTP/1.1 " + iban + " OK\r\n\r\n",
		"header line": "HTTP/1.1 200 OK\r\nX-Account: 1\r\n" + iban + "\r\n\r\n",
		"first line":  "HTTP/1.1 200 OK\r\n " + iban + ": 1\r\n\r\n",
		"length":      "HTTP/1.1 200 OK\r\nContent-Length: " + iban + "\r\n\r\n",
		"coding":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + iban + "\r\n\r\n",
		"two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: " + iban + "\r\n\r\n",
		"name":        "HTTP/1.1 200 OK\r\n" + iban + " \t: \"" + iban + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := rawRig(t, func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					panic(err)
				}
				defer conn.Close()
				_, _ = conn.Write([]byte(answer))
			})
			r.funds("PSU-IP-Address", publicIP)
			r.eventually(func() bool { return strings.Contains(r.ownLog(), `"msg":"call"`) })
			if log := r.ownLog(); !strings.Contains(log, `"cause":`) {
				t.Errorf("no cause: the test shows nothing: %s", log)
			}
			r.nothingOf(r.ownLog(), []string{iban})
		})
	}
}

// TestLogTellsTheCauseOfNoToken holds that the failure of a fetch is told to its
// bottom, on the line of the fetch and on that of the call.
func TestLogTellsTheCauseOfNoToken(t *testing.T) {
	r := newRig(t)
	r.load(parts{})
	r.check(r.bank.Faults().SetToken(sandbox.Fault{Reset: sandbox.ResetAfter, Next: 5}))
	r.refused(r.funds("PSU-IP-Address", publicIP), sidecar.CodeTokenUnavailable, 502)
	r.lineOf(sidecar.CodeTokenUnavailable)
	// The fetch is told of after those who wait for it have been.
	r.eventually(func() bool { return strings.Contains(r.ownLog(), "no token from the bank") })
	for line := range strings.Lines(r.ownLog()) {
		isCall, isFetch := strings.Contains(line, `"msg":"call"`), strings.Contains(line, `"msg":"no token from the bank"`)
		if (isCall || isFetch) && !strings.Contains(line, `"cause":"read tcp `) {
			t.Errorf("no cause in %s", line)
		}
	}
}
