package sidecar_test

import (
	"crypto/tls"
	"encoding/json"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// calls are the bank's records but those of the token endpoint.
func (r *rig) calls() (calls []sandbox.Record) {
	for _, record := range r.bank.Records() {
		if record.Operation != "token" {
			calls = append(calls, record)
		}
	}
	return calls
}

func TestManyCallersShareOneFetchAndNothingElse(t *testing.T) {
	r := newRig(t, options{})
	const callers = 50
	answers := make([]answer, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { answers[i] = r.funds("PSU-IP-Address", publicIP) })
	}
	wg.Wait()
	ids, signatures := map[string]bool{}, map[string]bool{}
	for i, a := range answers {
		if a.status != 200 {
			t.Fatalf("caller %d: %d %s", i, a.status, a.body)
		}
		ids[a.header.Get("X-Request-ID")] = true
	}
	for _, record := range r.calls() {
		signatures[record.Header.Get("Signature")] = true
		if len(record.Problems) > 0 {
			t.Errorf("the bank complains: %q", record.Problems)
		}
	}
	if len(ids) != callers || len(signatures) != callers {
		t.Errorf("%d different ids, %d signatures", len(ids), len(signatures))
	}
	if n := r.bank.TokenCalls(); n != 1 {
		t.Errorf("%d token calls", n)
	}
}

func TestExpiredTokenIsReplacedOnce(t *testing.T) {
	for _, own := range []string{"", "99391c7e-ad88-49ec-a2ad-99ddcb1f7731"} {
		r := newRig(t, options{})
		r.accepted(r.funds(), 200)
		r.bank.ExpireTokens()
		r.bank.Reset()
		a := r.funds("X-Request-ID", own)
		r.accepted(a, 200)
		calls := r.calls()
		if len(calls) != 2 || calls[0].Status != 401 || r.bank.TokenCalls() != 1 {
			t.Fatalf("%d calls, %d token calls", len(calls), r.bank.TokenCalls())
		}
		first, second := calls[0], calls[1]
		for _, name := range []string{"Signature", "Authorization"} {
			if first.Header.Get(name) == second.Header.Get(name) {
				t.Errorf("%s is the same in both", name)
			}
		}
		if string(second.Body) != fundsBody || string(first.Body) != fundsBody {
			t.Error("the body is not the same")
		}
		if id := second.Header.Get("X-Request-ID"); own == "" {
			if id == first.Header.Get("X-Request-ID") {
				t.Error("the same X-Request-ID twice")
			}
		} else if id != own || first.Header.Get("X-Request-ID") != own || first.Header.Get("Date") == second.Header.Get("Date") {
			t.Errorf("id %q, Date %q and %q", id, first.Header.Get("Date"), second.Header.Get("Date"))
		}
		if a.header.Get("X-Request-ID") != second.Header.Get("X-Request-ID") {
			t.Error("the app got another X-Request-ID than the last one")
		}
		if e := r.lastEvent(); e.Attempts != 2 || len(r.replays) != 1 || r.replays[0] != "token" {
			t.Errorf("attempts %d, replays %q", e.Attempts, r.replays)
		}
	}
}

func TestSecond401IsTheBanksAnswer(t *testing.T) {
	r := newRig(t, options{})
	r.accepted(r.funds(), 200)
	r.check(r.bank.Faults().SetAPI(sandbox.Fault{Status: 401, Code: "TOKEN"}))
	before := len(r.calls())
	a := r.funds()
	if a.status != 401 || a.header.Get(sidecar.ErrorHeader) != "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	calls := r.calls()[before:]
	if len(calls) != 2 || calls[1].Header.Get("X-Request-ID") != a.header.Get("X-Request-ID") {
		t.Errorf("%d calls", len(calls))
	}
	r.bank.Faults().Clear()
	r.accepted(r.funds(), 200)
}

func TestNoReplayOf401OnTheAppsOwnToken(t *testing.T) {
	r := newRig(t, options{overrides: profiles.Overrides{Token: []byte(`{"from_app":true}`)}})
	a := r.funds("Authorization", "Bearer stale")
	if a.status != 401 || len(r.bank.Records()) != 1 || r.bank.TokenCalls() != 0 {
		t.Errorf("%d, %d requests, %d token calls", a.status, len(r.bank.Records()), r.bank.TokenCalls())
	}
	// Without one of its own, the sidecar's token is used.
	r.accepted(r.funds(), 200)
}

func TestTokenEndpointOpenToTheApp(t *testing.T) {
	for _, sign := range []string{"false", "true"} {
		r := newRig(t, options{overrides: profiles.Overrides{Token: []byte(`{"from_app":true,"grant":"none","sign":` + sign + `}`)}})
		form := url.Values{"grant_type": {"client_credentials"}, "scope": {"cbpii"}, "client_id": {organization}}.Encode()
		a := r.tokenCall(form)
		record := r.accepted(a, 200)
		if record.SignatureOK != (sign == "true") || string(record.Body) != form {
			t.Errorf("signed %t, body %s", record.SignatureOK, record.Body)
		}
		var token struct {
			Access string `json:"access_token"`
		}
		if err := json.Unmarshal([]byte(a.body), &token); err != nil || token.Access == "" {
			t.Fatalf("%v: %s", err, a.body)
		}
		record = r.accepted(r.funds("Authorization", "Bearer "+token.Access), 200)
		wantLine(t, string(record.RawHead), "Authorization: Bearer "+token.Access)
		if len(r.tokens.Snapshot()) > 0 {
			t.Error("the app's token was kept")
		}
	}
}

func TestTokenEndpointFaults(t *testing.T) {
	cases := map[string]struct {
		fault  sandbox.Fault
		code   sidecar.Code
		status int
		oauth  string
	}{
		"refused":     {sandbox.Fault{Status: 401, Code: "invalid_client"}, sidecar.CodeClientRefused, 502, "invalid_client"},
		"scope":       {sandbox.Fault{Status: 400, Code: "invalid_scope"}, sidecar.CodeTokenRefused, 502, "invalid_scope"},
		"5xx":         {sandbox.Fault{Status: 503}, sidecar.CodeTokenUnavailable, 502, ""},
		"429":         {sandbox.Fault{Status: 429, RetryAfter: 7}, sidecar.CodeTokenUnavailable, 502, ""},
		"HTML":        {sandbox.Fault{Status: 200, HTML: true}, sidecar.CodeTokenUnavailable, 502, ""},
		"redirect":    {sandbox.Fault{Status: 302}, sidecar.CodeTokenMalformed, 502, ""},
		"reset":       {sandbox.Fault{Reset: sandbox.ResetBefore}, sidecar.CodeTokenUnavailable, 502, ""},
		"reset after": {sandbox.Fault{Reset: sandbox.ResetAfter}, sidecar.CodeTokenUnavailable, 502, ""},
		"midway":      {sandbox.Fault{Reset: sandbox.ResetMidway}, sidecar.CodeTokenUnavailable, 502, ""},
		"hang":        {sandbox.Fault{Hang: true}, sidecar.CodeTokenTimeout, 504, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, options{config: func(c *sidecar.Config) { c.AnswerTimeout = 150 * time.Millisecond }})
			r.check(r.bank.Faults().SetToken(c.fault))
			a := r.funds("Authorization-Hint", "none")
			r.refused(a, c.code)
			if a.status != c.status {
				t.Errorf("status %d, want %d", a.status, c.status)
			}
			var document struct {
				OAuthError  string `json:"oauth_error"`
				ReachedBank string `json:"reached_bank"`
			}
			if err := json.Unmarshal([]byte(a.body), &document); err != nil || document.OAuthError != c.oauth || document.ReachedBank != "no" {
				t.Errorf("%v: %s", err, a.body)
			}
			if n := len(r.calls()); n > 0 {
				t.Errorf("%d calls without a token", n)
			}
		})
	}
}

func TestTokenAnswerMalformed(t *testing.T) {
	for _, body := range []string{"{}", "[]", "no JSON", `{"access_token":"a b","token_type":"Bearer"}`, `{"access_token":"abc","token_type":"mac"}`} {
		b := newRawBank(t, nil, func(conn *tls.Conn, _ *rawRequest, _ int) {
			write(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"+body)
			conn.Close()
		})
		r := b.toward(t, options{overrides: profiles.Overrides{Token: []byte(`{}`)}})
		r.refused(r.call("GET", "/x", ""), sidecar.CodeTokenMalformed)
	}
}

func TestNeverAStaleToken(t *testing.T) {
	r := newRig(t, options{})
	r.accepted(r.funds(), 200)
	r.bank.ExpireTokens()
	r.check(r.bank.Faults().SetToken(sandbox.Fault{Status: 503}))
	r.refused(r.funds(), sidecar.CodeTokenUnavailable)
	before := len(r.calls())
	r.refused(r.funds(), sidecar.CodeTokenUnavailable)
	if n := len(r.calls()); n != before {
		t.Errorf("%d calls with a token that the bank had refused", n-before)
	}
	if r.bank.TokenCalls() > 2 {
		t.Errorf("%d token calls: the failing bank is asked by each request", r.bank.TokenCalls())
	}
}
