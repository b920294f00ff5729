package caddymodule_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// proxyWith is the main site with options of reverse_proxy.
func proxyWith(options string) string {
	return "handle_path /bpgo/* {\n tpp_proxy bpgo {\n" + options + "\n}\n}"
}

// TestBankUnreachable holds that Caddy's own failures reach the app as the sidecar's.
func TestBankUnreachable(t *testing.T) {
	r := newRig(t)
	r.bankURL = "https://" + freeAddress(t)
	r.load(parts{})
	p := r.refused(r.funds("PSU-IP-Address", publicIP), sidecar.CodeBankUnreachable, 502)
	if p.ReachedBank != "no" || p.ASPSP != "bpgo" || p.RequestID == "" {
		t.Errorf("%+v", p)
	}
}

func TestBankTimeout(t *testing.T) {
	r := newRig(t)
	r.load(parts{aspsp: "answer_timeout 300ms"})
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	r.check(r.bank.Faults().SetAPI(sandbox.Fault{Hang: true}))
	if p := r.refused(r.funds("PSU-IP-Address", publicIP), sidecar.CodeBankTimeout, 504); p.ReachedBank != "maybe" {
		t.Errorf("reached_bank is %q", p.ReachedBank)
	}
}

// TestBankComesBack holds that lb_try_duration bridges a bank that is down,
// for a POST too, since nothing of it was sent.
func TestBankComesBack(t *testing.T) {
	r := newRig(t)
	r.load(parts{site: proxyWith("lb_try_duration 10s\nlb_try_interval 50ms")})
	r.compliant(r.funds("PSU-IP-Address", publicIP)) // so that the token is there
	address := r.bank.Addr().String()
	r.check(r.bank.Close())
	got := make(chan answer, 1)
	go func() { got <- r.funds("PSU-IP-Address", publicIP) }()
	select {
	case a := <-got:
		t.Fatalf("answered while the bank was down: %d %s", a.status, a.body)
	case <-time.After(300 * time.Millisecond):
	}
	bodies := make(chan string, 9)
	newRawBank(t, address, func(w http.ResponseWriter, req *http.Request) {
		body := make([]byte, req.ContentLength)
		_, _ = req.Body.Read(body)
		bodies <- string(body)
		w.WriteHeader(http.StatusOK)
	})
	if a := <-got; a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if len(bodies) != 1 || <-bodies != fundsBody {
		t.Error("the bank did not get the body exactly once")
	}
}

// TestPOSTIsNotRepeatedByTheProxy holds that lb_try_duration does not send a
// payment again that may have arrived.
func TestPOSTIsNotRepeatedByTheProxy(t *testing.T) {
	r := newRig(t)
	r.load(parts{site: proxyWith("lb_try_duration 2s\nlb_try_interval 20ms\nlb_retries 3")})
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	r.bank.Reset()
	r.check(r.bank.Faults().SetAPI(sandbox.Fault{Reset: sandbox.ResetAfter}))
	if p := r.refused(r.funds("PSU-IP-Address", publicIP), sidecar.CodeBankConnectionLost, 502); p.ReachedBank != "maybe" {
		t.Errorf("reached_bank is %q", p.ReachedBank)
	}
	if calls := r.bank.Stats().Requests; calls != 1 {
		t.Errorf("the bank got %d requests", calls)
	}
}

// TestLocalRefusalsDoNotCountAgainstTheBank holds that with the strictest
// passive health check, what is refused here costs no innocent call.
func TestLocalRefusalsDoNotCountAgainstTheBank(t *testing.T) {
	r := newRig(t)
	r.load(parts{site: proxyWith("fail_duration 1m\nmax_fails 1\nunhealthy_status 5xx"), aspsp: "max_body 1KiB"})
	r.check(r.bank.Faults().SetToken(sandbox.Fault{Status: 503, Next: 3}))
	r.refused(r.funds("PSU-IP-Address", publicIP), sidecar.CodeTokenUnavailable, 502)
	r.refused(r.funds("PSU-IP-Address", "192.168.1.7"), sidecar.CodePSUInvalid, 400)
	r.refused(r.funds("PSU-User-Agent", "x"), sidecar.CodePSUIncomplete, 400)
	r.refused(r.funds("Sidecar-Falback", "x"), sidecar.CodeControlHeader, 400)
	r.refused(r.funds("Authorization", "Bearer x"), sidecar.CodeAuthorizationRefused, 400)
	r.refused(r.call("POST", "/bpgo/funds-confirmations", strings.Repeat("x", 2<<10)), sidecar.CodeBodyTooLarge, 413)
	r.bank.Faults().Clear()
	time.Sleep(50 * time.Millisecond)
	r.compliant(r.waitForToken())
}

// TestTokenOutageAfter401DoesNotCountAgainstTheBank is the same for a refusal
// that comes up only once the request is with the transport.
func TestTokenOutageAfter401DoesNotCountAgainstTheBank(t *testing.T) {
	r := newRig(t)
	r.load(parts{site: proxyWith("fail_duration 1m\nmax_fails 1")})
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	r.bank.RevokeTokens()
	r.check(r.bank.Faults().SetToken(sandbox.Fault{Status: 503, Next: 3}))
	r.refused(r.funds("PSU-IP-Address", publicIP), sidecar.CodeTokenUnavailable, 502)
	r.bank.Faults().Clear()
	r.compliant(r.waitForToken())
}

// waitForToken calls until the pause after a failed fetch is over.
func (r *rig) waitForToken() answer {
	r.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		a := r.funds("PSU-IP-Address", publicIP)
		if a.header.Get(sidecar.ErrorHeader) != string(sidecar.CodeTokenUnavailable) || time.Now().After(deadline) {
			return a
		}
	}
}

// TestBankHeldBack holds that what reverse_proxy says of a bank that failed
// shortly before reaches the app as a problem document too.
func TestBankHeldBack(t *testing.T) {
	r := newRig(t)
	r.load(parts{site: proxyWith("fail_duration 1m\nmax_fails 1")})
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	r.check(r.bank.Faults().SetAPI(sandbox.Fault{Reset: sandbox.ResetAfter, Next: 1}))
	r.refused(r.funds("PSU-IP-Address", publicIP), sidecar.CodeBankConnectionLost, 502)
	p := r.refused(r.funds("PSU-IP-Address", publicIP), sidecar.CodeBankUnreachable, 502)
	if p.ReachedBank != "no" || !strings.Contains(p.Detail, "not tried") {
		t.Errorf("%+v", p)
	}
}

// TestAppGoesAway holds that an app that hangs up neither counts against the
// bank nor keeps anything running.
func TestAppGoesAway(t *testing.T) {
	r := newRig(t)
	r.load(parts{site: proxyWith("fail_duration 1m\nmax_fails 1") + "\nhandle /metrics {\nmetrics\n}"})
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	r.check(r.bank.Faults().SetAPI(sandbox.Fault{Hang: true, Next: 1}))
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	req := r.request("POST", "/bpgo/funds-confirmations", fundsBody, "PSU-IP-Address", publicIP)
	if _, err := plain().Do(req.WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the call ended with %v", err)
	}
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	r.eventually(func() bool { return r.requests("canceled") == 1 })
}

// TestAnswerBreaksOff holds that an answer that broke off in the middle breaks
// off for the app too, and is counted as what it is.
func TestAnswerBreaksOff(t *testing.T) {
	r := newRig(t)
	r.load(parts{site: mainSite + "\nhandle /metrics {\nmetrics\n}"})
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	r.check(r.bank.Faults().SetAPI(sandbox.Fault{Reset: sandbox.ResetMidway, Next: 1}))
	response, err := plain().Do(r.request("POST", "/bpgo/funds-confirmations", fundsBody, "PSU-IP-Address", publicIP))
	if err == nil {
		defer response.Body.Close()
		if _, err = response.Body.Read(make([]byte, 1<<16)); err == nil {
			_, err = response.Body.Read(make([]byte, 1<<16))
		}
	}
	if err == nil || err.Error() == "EOF" {
		t.Error("the app took half an answer for a whole one")
	}
	r.eventually(func() bool { return r.requests(string(sidecar.CodeBankConnectionLost)) == 1 })
}
