package sidecar_test

import (
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

const fallbackForm = "grant_type=client_credentials&client_id=" + organization + "&scope=aisp"

func withFallback(c *sidecar.Config) { c.Fallback = true }

// tokenCall makes the app's own call of the token endpoint.
func (r *rig) tokenCall(form string, headers ...string) answer {
	r.t.Helper()
	return r.call("POST", sidecar.LocalTokenPath, form, append(headers, "Content-Type", "application/x-www-form-urlencoded")...)
}

func TestFallbackRefused(t *testing.T) {
	off, on := newRig(t, options{}), newRig(t, options{config: withFallback})
	off.refused(off.tokenCall(fallbackForm, "Sidecar-Fallback", "interface down"), sidecar.CodeFallbackRefused)
	on.refused(on.tokenCall(fallbackForm, "Sidecar-Fallback", ""), sidecar.CodeFallbackReason)
	on.refused(on.tokenCall(fallbackForm, "Sidecar-Fallback", "  "), sidecar.CodeFallbackReason)
	on.refused(on.tokenCall(fallbackForm, "Sidecar-Fallback", strings.Repeat("x", 201)), sidecar.CodeFallbackReason)
	on.refused(on.funds("Sidecar-Fallback", "interface down"), sidecar.CodeFallbackRefused)
	on.refused(on.tokenCall(fallbackForm), sidecar.CodeTokenEndpointClosed)
	on.refused(on.tokenCall(fallbackForm, "fallback", "1"), sidecar.CodeTokenEndpointClosed)
	for _, r := range []*rig{off, on} {
		if n := len(r.bank.Records()); n > 0 || len(r.reasons) > 0 {
			t.Errorf("%d requests reached the bank, hook %q", n, r.reasons)
		}
	}
	_, err := on.newASPSP(options{profile: "berlin-group", config: withFallback})
	if err == nil || !strings.Contains(err.Error(), "fallback") {
		t.Errorf("fallback without an interface was accepted: %v", err)
	}
}

func TestFallbackHandsTheRedirectToTheApp(t *testing.T) {
	r := newRig(t, options{config: withFallback})
	a := r.tokenCall(fallbackForm, "Sidecar-Fallback", "five calls unanswered", "fallback", "forged")
	record := r.accepted(a, 302)
	if !strings.HasPrefix(a.header.Get("Location"), "https://www.ibps.") || !strings.Contains(a.body, a.header.Get("Location")) {
		t.Errorf("Location %q, body %s", a.header.Get("Location"), a.body)
	}
	wantLine(t, string(record.RawHead), "fallback: 1")
	wantNo(t, string(record.RawHead), "Sidecar-Fallback", "Authorization", "Signature")
	if !strings.HasPrefix(string(record.RawHead), "POST /stet/psd2/oauth/token HTTP/1.1\r\n") || string(record.Body) != fallbackForm {
		t.Errorf("the bank got %q\n%s", record.Body, record.RawHead)
	}
	if n := len(r.bank.Records()); n != 1 {
		t.Errorf("%d requests: the redirect was followed", n)
	}
	if state := r.tokens.Snapshot(); len(state) > 0 {
		t.Errorf("a token was kept: %+v", state)
	}
	want := "token " + record.Header.Get("X-Request-ID") + " five calls unanswered"
	if len(r.reasons) != 1 || r.reasons[0] != want {
		t.Errorf("hook %q, want %q", r.reasons, want)
	}
	if e := r.lastEvent(); e.Operation != "token" || e.Outcome != "3xx" || e.Status != 302 {
		t.Errorf("event %+v", e)
	}
	// The main job goes on with its own token.
	r.accepted(r.funds("fallback", "1"), 200)
}

func TestFallbackRefusedByTheBankPasses(t *testing.T) {
	r := newRig(t, options{config: withFallback})
	a := r.tokenCall(strings.Replace(fallbackForm, "aisp", "pisp", 1), "Sidecar-Fallback", "down")
	if a.status != 400 || !strings.Contains(a.body, "invalid_scope") || a.header.Get(sidecar.ErrorHeader) != "" {
		t.Errorf("%d %s", a.status, a.body)
	}
}
