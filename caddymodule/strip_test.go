package caddymodule_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// stripSite is the site of README: one bank by prefix, the rest by host.
const stripSite = `tpp_health /-/health
	tpp_proxy /bpgo/* bpgo {
		strip_prefix /bpgo
	}
	tpp_proxy`

// raw sends a request target byte by byte, as no HTTP client does.
func (r *rig) raw(method, target string) answer {
	r.t.Helper()
	conn, err := net.DialTimeout("tcp", r.app, time.Second)
	r.check(err)
	defer conn.Close()
	r.check(conn.SetDeadline(time.Now().Add(10 * time.Second)))
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: sidecar\r\nConnection: close\r\n\r\n", method, target)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	r.check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	r.check(err)
	return answer{response.StatusCode, response.Header, string(body)}
}

// TestStripPrefixKeepsTheTarget holds that nothing but the prefix is taken from
// what the app asks for: the bank gets, and the signature covers, its own bytes.
func TestStripPrefixKeepsTheTarget(t *testing.T) {
	r := newRig(t)
	r.load(parts{site: stripSite})
	for _, target := range []string{
		"/accounts", "/accounts/", "/", "/?a=1",
		"/a//b", "//a", "/a//", "/accounts/x/../y", "/accounts/./x", "/accounts/%2e%2e/y", "/accounts/x/..",
		"/accounts/a%2Fb/balances", "/a%2fb//c", "/%61ccounts", "/a%20b", "/%C3%A9t%C3%A9", "/%c3%a9",
		"/accounts?", "/accounts?a=1&a=2&b", "/accounts?x=%2F+;y", "/accounts;v=1", "/a;b//c;", "/a=b,c:d@e!f$g'h(i)*j",
		"/bpgo/accounts", "/accounts/%25",
	} {
		a := r.raw("GET", "/bpgo"+target)
		if a.header.Get(sidecar.ErrorHeader) != "" {
			t.Errorf("%s: refused: %s", target, a.body)
			continue
		}
		record := r.bank.Last()
		if want := "/stet/psd2/v1.4.2" + target; record.RequestURI != want || !record.SignatureOK {
			t.Errorf("%s: the bank got %s, signature %v", target, record.RequestURI, record.SignatureOK)
		}
	}
	// net/url cannot keep bytes that must not stand in a target.
	r.raw("GET", "/bpgo/\u00e9//x")
	if record := r.bank.Last(); record.RequestURI != "/stet/psd2/v1.4.2/%C3%A9//x" || !record.SignatureOK {
		t.Errorf("the bank got %s, signature %v", record.RequestURI, record.SignatureOK)
	}
}

// TestStripPrefixRefuses holds that what only looks like the prefix is refused,
// and that the last tpp_proxy answers as the sidecar does.
func TestStripPrefixRefuses(t *testing.T) {
	r := newRig(t)
	r.load(parts{site: stripSite})
	for _, target := range []string{
		"/BPGO/accounts", "/%62pgo/accounts", "//bpgo/accounts", "/x/../bpgo/accounts", "/bpgo%2Faccounts", "/bpgo%2f/accounts",
		"/bpgo/../bpgo-v1/accounts", "/bpgox/accounts", "/accounts", "/", "/bpgo", "/bpgo/..", "/elsewhere/bpgo/accounts",
	} {
		a := r.refused(r.raw("GET", target), sidecar.CodeUnknownASPSP, 404)
		if a.Remedy == "" {
			t.Errorf("%s: no remedy", target)
		}
	}
	if calls := r.bank.Stats().Requests; calls != 0 {
		t.Errorf("the bank got %d requests", calls)
	}
	if a := r.call("GET", "/-/health", ""); a.status != 200 || !strings.Contains(a.body, `"acme":"ok"`) {
		t.Errorf("health: %d %s", a.status, a.body)
	}
}

// TestStripPrefixWithoutMatcher holds that the option itself decides, whatever
// route leads to it, and that other options stand beside it.
func TestStripPrefixWithoutMatcher(t *testing.T) {
	r := newRig(t)
	r.load(parts{site: "tpp_proxy bpgo {\nheader_up X-Team psd2\nstrip_prefix /sidecar/bpgo\nhandle_response {\ncopy_response\n}\nlb_retries 1\n}"})
	record := r.compliant(r.call("POST", "/sidecar/bpgo/funds-confirmations", fundsBody, "PSU-IP-Address", publicIP))
	if record.RequestURI != "/stet/psd2/v1.4.2/funds-confirmations" {
		t.Errorf("the bank got %s", record.RequestURI)
	}
	calls := r.bank.Stats().Requests
	r.raw("GET", "/sidecar/bpgo")
	if record := r.bank.Last(); record.RequestURI != "/stet/psd2/v1.4.2" {
		t.Errorf("the prefix alone: the bank got %s", record.RequestURI)
	}
	for _, target := range []string{"/sidecar/bpg", "/sidecar/bpgox", "/sidecar/bpgo%2Faccounts", "/funds-confirmations"} {
		r.refused(r.raw("GET", target), sidecar.CodeUnknownASPSP, 404)
	}
	if now := r.bank.Stats().Requests; now != calls+1 {
		t.Errorf("the bank got %d requests that were refused", now-calls-1)
	}
}

func TestStripPrefixMistakes(t *testing.T) {
	r := newRig(t)
	for _, prefix := range []string{"bpgo", "/bpgo/", "/", "/é", "/a%2Fb", "/a b", "/a?b", "/{x"} {
		mentions(t, r.validate(parts{site: "tpp_proxy bpgo {\nstrip_prefix \"" + prefix + "\"\n}"}), "strip_prefix", prefix, "/bpgo")
	}
}
