package grants

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

func errorIs(err, want error) bool { return errors.Is(err, want) }

var (
	settleNow   = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	settleStart = settleNow.Add(-5 * time.Second)
)

// endings are all ways that a request can end, by name.
func endings() map[string]func(*pending) *pending {
	answer := func(status int, body string) func(*pending) *pending {
		return func(p *pending) *pending {
			return p.with(&tokens.Answer{Status: status, Body: []byte(body), AskedAt: settleStart}, "")
		}
	}
	return map[string]func(*pending) *pending{
		"granted":    answer(200, `{"access_token":"A2","refresh_token":"R2","expires_in":600,"token_type":"Bearer"}`),
		"kept":       answer(200, `{"access_token":"A2","expires_in":"600","token_type":"Bearer"}`),
		"fatal":      answer(400, `{"error":"invalid_grant"}`),
		"client":     answer(401, `{"error":"invalid_client"}`),
		"busy":       answer(429, ``),
		"server":     answer(500, `{"error":"invalid_grant"}`),
		"page":       answer(400, `<html>`),
		"not-sent":   func(p *pending) *pending { return p.with(nil, notSent) },
		"no-answer":  func(p *pending) *pending { return p.with(nil, noAnswer) },
		"open":       func(p *pending) *pending { return p },
		"past":       func(p *pending) *pending { q := *p; q.Deadline = settleNow; return &q },
		"mac":        answer(200, `{"access_token":"A2","refresh_token":"R2","expires_in":600,"token_type":"mac"}`),
		"half-fresh": func(p *pending) *pending { return p.with(halfAnswer(), "") },
	}
}

// halfAnswer breaks off behind the refresh token.
func halfAnswer() *tokens.Answer {
	return &tokens.Answer{Status: 200, Body: []byte(`{"refresh_token":"R2","access_tok`), Truncated: true, AskedAt: settleStart}
}

// want is what a settlement must come to: outcome, status, reason, access and
// refresh token.
type settled struct {
	outcome         outcome
	status          Status
	reason          string
	access, refresh string
}

func TestSettleRefresh(t *testing.T) {
	quarantined := settled{outcomeAmbiguous, StatusQuarantined, ReasonRefreshAmbiguous, "A1", "R1"}
	repeat := settled{outcomeRepeat, StatusActive, "", "A1", "R1"}
	failed := settled{outcomeFailed, StatusActive, "", "A1", "R1"}
	for name, ending := range endings() {
		for _, survives := range []bool{false, true} {
			for attempt := 1; attempt <= 2; attempt++ {
				want := map[string]settled{
					"granted":    {outcomeGranted, StatusActive, "", "A2", "R2"},
					"kept":       {outcomeGranted, StatusActive, "", "A2", "R1"},
					"fatal":      {outcomeRefused, StatusRefused, "invalid_grant", "A1", "R1"},
					"client":     {outcomeRejected, StatusActive, "", "A1", "R1"},
					"busy":       {outcomeUndone, StatusActive, "", "A1", "R1"},
					"not-sent":   {outcomeUndone, StatusActive, "", "A1", "R1"},
					"open":       {outcomeOpen, StatusActive, "", "A1", "R1"},
					"half-fresh": {outcomeRepeat, StatusActive, "", "", "R2"},
					"mac":        {outcomeRepeat, StatusActive, "", "", "R2"},
				}[name]
				switch {
				case want.outcome == "" && !survives:
					want = quarantined
				case want.outcome == "" && attempt == 1:
					want = repeat
				case want.outcome == "":
					want = failed
				case want.outcome == outcomeRepeat && attempt == 2:
					want.outcome = outcomeFailed
				}
				t.Run(fmt.Sprintf("%s/survives=%t/attempt=%d", name, survives, attempt), func(t *testing.T) {
					r := settleRecord(StatusActive)
					p := settlePending(kindRefresh, &r)
					p.Attempt = attempt
					checkSettled(t, r.absorb(ending(p)), tokens.Spec{RefreshSurvives: survives}, want)
				})
			}
		}
	}
}

func TestSettleCode(t *testing.T) {
	for name, ending := range endings() {
		for _, status := range []Status{StatusAuthorizing, StatusActive, StatusQuarantined, StatusRefused, StatusExpired, StatusRevoked} {
			for _, check := range []string{"", idTokenEnforce} {
				first := status == StatusAuthorizing
				before := settleRecord(status)
				want := map[string]settled{
					"granted":    {outcomeGranted, StatusActive, "", "A2", "R2"},
					"kept":       {outcomeGranted, StatusActive, "", "A2", ""},
					"half-fresh": {outcomeGranted, StatusActive, "", "", "R2"},
					"fatal":      {outcomeRejected, status, before.Reason, before.Access, before.Refresh},
					"client":     {outcomeRejected, status, before.Reason, before.Access, before.Refresh},
					"busy":       {outcomeUndone, status, before.Reason, before.Access, before.Refresh},
					"not-sent":   {outcomeUndone, status, before.Reason, before.Access, before.Refresh},
					"open":       {outcomeOpen, status, before.Reason, before.Access, before.Refresh},
				}[name]
				switch {
				case want.outcome == outcomeGranted && check != "":
					want.status, want.reason = StatusQuarantined, ReasonIDTokenUnchecked
				case want.outcome == "" && first:
					want = settled{outcomeAmbiguous, StatusQuarantined, ReasonExchangeUnclear, "", ""}
					if name == "mac" {
						want.refresh = "R2"
					}
				case want.outcome == "":
					want = settled{outcomeFailed, status, before.Reason, before.Access, before.Refresh}
					if status == StatusActive {
						want.reason = ReasonExchangeUnclear
					}
				}
				t.Run(fmt.Sprintf("%s/%s/%s", name, status, check), func(t *testing.T) {
					r := before
					p := settlePending(kindCode, &r)
					spec := tokens.Spec{IDToken: tokens.IDToken{Check: check}}
					after, st := checkSettled(t, r.absorb(ending(p)), spec, want)
					wantRemove := first && (want.outcome == outcomeRejected || want.outcome == outcomeUndone)
					if st.remove != wantRemove {
						t.Errorf("remove is %t", st.remove)
					}
					if want.outcome == outcomeGranted && !after.ConsentUntil.Equal(p.Started.Add(180*day)) {
						t.Errorf("the consent ends %v", after.ConsentUntil)
					}
				})
			}
		}
	}
}

// A refresh that was under way when its grant was given up, revoked or expired.
func TestSettleLate(t *testing.T) {
	granted, refused, undone := endings()["granted"], endings()["fatal"], endings()["client"]
	for _, c := range []struct {
		name   string
		status Status
		doubt  bool
		ending func(*pending) *pending
		want   settled
		healed bool
	}{
		{"granted after quarantine", StatusQuarantined, true, granted, settled{outcomeGranted, StatusActive, "", "A2", "R2"}, true},
		{"rejected after quarantine", StatusQuarantined, true, undone, settled{outcomeRejected, StatusActive, "", "A1", "R1"}, true},
		{"rejected, quarantined for another", StatusQuarantined, false, undone, settled{outcomeRejected, StatusQuarantined, ReasonRefreshAmbiguous, "A1", "R1"}, false},
		{"refused after quarantine", StatusQuarantined, true, refused, settled{outcomeRefused, StatusRefused, "invalid_grant", "A1", "R1"}, false},
		{"granted after refusal", StatusRefused, true, granted, settled{outcomeGranted, StatusActive, "", "A2", "R2"}, true},
		{"granted after expiry", StatusExpired, false, granted, settled{outcomeGranted, StatusExpired, "", "A2", "R2"}, false},
		{"granted after revocation", StatusRevoked, false, granted, settled{outcomeGranted, StatusRevoked, "", "A2", "R2"}, false},
		{"refused after revocation", StatusRevoked, false, refused, settled{outcomeRefused, StatusRevoked, "", "A1", "R1"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := settleRecord(c.status)
			p := settlePending(kindRefresh, &r)
			if c.doubt {
				r.Doubt = p.ID
			}
			after, st := checkSettled(t, r.absorb(c.ending(p)), tokens.Spec{}, c.want)
			if st.healed != c.healed {
				t.Errorf("healed is %t", st.healed)
			}
			if c.status == StatusRevoked && c.want.outcome == outcomeGranted && after.BankRevocation != BankRevocationPending {
				t.Errorf("the bank is not to be told of the new tokens: %q", after.BankRevocation)
			}
		})
	}
}

// A revocation counts against the codes sent before it, not those after.
func TestSettleCodeAndRevocation(t *testing.T) {
	for name, c := range map[string]struct {
		revokedAt uint64
		want      Status
	}{"revoked before": {3, StatusActive}, "revoked meanwhile": {9, StatusRevoked}} {
		r := settleRecord(StatusRevoked)
		p := settlePending(kindCode, &r)
		r.RevokedAt = c.revokedAt
		after, _ := r.absorb(endings()["granted"](p)).settle(&tokens.Spec{}, settleNow)
		if after.Status != c.want || after.Refresh != "R2" {
			t.Errorf("%s: %s, %s", name, after.Status, after.Refresh)
		}
	}
}

func TestRelevance(t *testing.T) {
	base := settleRecord(StatusActive)
	p := settlePending(kindRefresh, &base).with(nil, noAnswer)
	other := settlePending(kindRefresh, &base)
	for name, c := range map[string]struct {
		change func(*record)
		p      *pending
		want   relevance
	}{
		"still pending":          {func(r *record) { r.Pending = p }, p, timely},
		"quarantined for it":     {func(r *record) { r.turn(StatusQuarantined, "", settleNow) }, p, timely},
		"revoked":                {func(r *record) { r.turn(StatusRevoked, "", settleNow) }, p, timely},
		"newer tokens":           {func(r *record) { r.Epoch = "other" }, p, late},
		"another request open":   {func(r *record) { r.Pending = other }, p, early},
		"not sent, gone":         {func(r *record) {}, p.with(nil, notSent), late},
		"not sent, still there":  {func(r *record) { r.Pending = p }, p.with(nil, notSent), timely},
		"not sent, given up for": {func(r *record) { r.Doubt = p.ID }, p.with(nil, notSent), timely},
	} {
		r := base
		c.change(&r)
		if got := c.p.relevanceFor(&r, settleNow); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// settleRecord has the tokens A1 and R1, unless there never were any.
func settleRecord(status Status) record {
	r := newRecord(psu1, settleStart)
	r.Revision = 7
	if status == StatusAuthorizing {
		return r
	}
	r.Access, r.Refresh, r.Obtained, r.Expiry = "A1", "R1", settleStart.Add(-time.Hour), settleStart
	r.Endpoint, r.ClientID, r.Thumbprint, r.Scope = "https://bank.example/token", "client", "qwac-1", "aisp"
	r.AuthorizedAt, r.ConsentUntil = settleStart.Add(-time.Hour), settleStart.Add(100*day)
	r.turn(status, map[Status]string{StatusQuarantined: ReasonRefreshAmbiguous, StatusRefused: "invalid_grant"}[status], settleStart)
	return r
}

func settlePending(kind string, r *record) *pending {
	c := &Client{ClientID: "client", Thumbprint: "qwac-2", Endpoint: &tokens.Endpoint{URL: "https://bank.example/token"}}
	return newPending(kind, r, c, settleStart)
}

func checkSettled(t *testing.T, r record, spec tokens.Spec, want settled) (record, settlement) {
	t.Helper()
	after, st := r.settle(&spec, settleNow)
	got := settled{st.outcome, after.Status, after.Reason, after.Access, after.Refresh}
	if st.remove {
		got.status = r.Status
	}
	if got != want {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if (st.err == nil) != (want.outcome == outcomeGranted && after.Access != "" || want.outcome == outcomeOpen) {
		t.Errorf("error %v", st.err)
	}
	if st.outcome == outcomeGranted && (after.Thumbprint != "qwac-2" || after.Epoch == r.Epoch) {
		t.Error("the new tokens are not noted as such")
	}
	if (after.Pending == nil) != st.settled() {
		t.Error("the request is pending and settled")
	}
	again, _ := r.settle(&spec, settleNow)
	if again.Status != after.Status || again.Access != after.Access {
		t.Error("settling again comes to something else")
	}
	return after, st
}
