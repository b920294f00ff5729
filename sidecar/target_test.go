package sidecar_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// unserved are the bank's complaints about addresses that it does not have,
// which say nothing against the sidecar.
var unserved = []string{"there is no such entry point", "the query parameter", "the query cannot be read", "the method is not implemented",
	"the access token stands for no PSU", "the access token lacks the scope aisp"}

// verified fails unless the bank's last record is signed for exactly this
// target, and nothing else was wrong with it either.
func (r *rig) verified(target string) sandbox.Record {
	r.t.Helper()
	last := r.bank.Last()
	r.checkVerified(last)
	_, line, _ := strings.Cut(string(last.RawHead), " ")
	line, _, _ = strings.Cut(line, " HTTP/1.1\r\n")
	if line != target {
		r.t.Errorf("target on the wire %.200q, want %.200q", line, target)
	}
	return last
}

func (r *rig) checkVerified(record sandbox.Record) {
	r.t.Helper()
	if !record.SignatureOK {
		r.t.Errorf("signature does not verify: %q\n%.2000s", record.Problems, record.RawHead)
	}
	for _, problem := range record.Problems {
		if !slices.ContainsFunc(unserved, func(known string) bool { return strings.HasPrefix(problem, known) }) {
			r.t.Errorf("the bank complains: %s", problem)
		}
	}
}

func TestTargetGoesOutAndIsSignedAsTheAppSentIt(t *testing.T) {
	const base = "/stet/psd2/v1.4.2"
	long := "/" + strings.Repeat("segment/", 900) + "?q=" + strings.Repeat("x", 9000)
	cases := []struct{ sent, want string }{
		{"/accounts", base + "/accounts"},
		{"/", base + "/"},
		{"/accounts?", base + "/accounts?"},
		{"/accounts?a=1&a=2&a=1", base + "/accounts?a=1&a=2&a=1"},
		{"/accounts?&&=&b&c=&=d", base + "/accounts?&&=&b&c=&=d"},
		{"/accounts??x=?", base + "/accounts??x=?"},
		{"/accounts?a=%2F%2f+%20%zz", base + "/accounts?a=%2F%2f+%20%zz"},
		{"/accounts?a=b;c=d", base + "/accounts?a=b;c=d"},
		{"/accounts?b=2&a=1", base + "/accounts?b=2&a=1"},
		{"/accounts/a%2Fb/balances", base + "/accounts/a%2Fb/balances"},
		{"/accounts/a%2fb/balances", base + "/accounts/a%2fb/balances"},
		{"/%41ccounts", base + "/%41ccounts"},
		{"/a%25b", base + "/a%25b"},
		{"/a%20b", base + "/a%20b"},
		{"/a;b=c,d/e:f@g!$&'()*+=~", base + "/a;b=c,d/e:f@g!$&'()*+=~"},
		{"//accounts//x/", base + "//accounts//x/"},
		{"/x/../accounts/./y", base + "/x/../accounts/./y"},
		{"/x/%2e%2e/accounts", base + "/x/%2e%2e/accounts"},
		{"/caf%C3%A9", base + "/caf%C3%A9"},
		{"/caf\xc3\xa9", base + "/caf%C3%A9"},
		{"/\xff\xfe", base + "/%FF%FE"},
		{"/accounts?n=caf\xc3\xa9\xff", base + "/accounts?n=caf\xc3\xa9\xff"},
		{"/a#b", base + "/a%23b"},
		{"/a\"<>\\^`{|}b", base + "/a%22%3C%3E%5C%5E%60%7B%7C%7Db"},
		{"/a%22b%7C", base + "/a%22b%7C"},
		{"http://ignored.example/accounts?x", base + "/accounts?x"},
		{long, base + long},
	}
	r := newRig(t, options{})
	for _, c := range cases {
		a := r.raw("GET " + c.sent + " HTTP/1.1\r\nHost: sidecar\r\nConnection: close\r\n\r\n")
		if code := a.header.Get(sidecar.ErrorHeader); code != "" {
			t.Errorf("%.80q was refused: %s", c.sent, a.body)
			continue
		}
		r.verified(c.want)
		if t.Failed() {
			t.Fatalf("for %.200q", c.sent)
		}
	}
}

func TestTargetRefused(t *testing.T) {
	r := newRig(t, options{})
	cases := []struct {
		line   string
		status int
		code   sidecar.Code
	}{
		{"GET /%zz HTTP/1.1", 400, ""}, // by net/http
		{"GET /a b HTTP/1.1", 400, ""},
		{"GET /a\x01b HTTP/1.1", 400, ""},
		{"GET * HTTP/1.1", 405, sidecar.CodeMethodRefused},
		{"CONNECT bank.test:443 HTTP/1.1", 405, sidecar.CodeMethodRefused},
		{"TRACE /accounts HTTP/1.1", 405, sidecar.CodeMethodRefused},
		{"GET /../accounts HTTP/1.1", 404, sidecar.CodeOutsideBaseURL},
		{"GET /%2e%2E/v1/accounts HTTP/1.1", 404, sidecar.CodeOutsideBaseURL},
		{"POST /../oauth/token HTTP/1.1", 403, sidecar.CodeTokenEndpointClosed},
		{"POST /%2e%2e/oauth/%74oken HTTP/1.1", 403, sidecar.CodeTokenEndpointClosed},
		{"POST /..;/oauth/token HTTP/1.1", 404, sidecar.CodeOutsideBaseURL},
		{"POST /%2e%2e;x=1/oauth/token HTTP/1.1", 404, sidecar.CodeOutsideBaseURL},
		{"POST /..%2foauth/token HTTP/1.1", 404, sidecar.CodeOutsideBaseURL},
		{"POST /..%5Coauth/token HTTP/1.1", 404, sidecar.CodeOutsideBaseURL},
		{"POST /..\\oauth/token HTTP/1.1", 404, sidecar.CodeOutsideBaseURL},
		{"POST /../../../../../.. HTTP/1.1", 404, sidecar.CodeOutsideBaseURL},
	}
	for _, c := range cases {
		a := r.raw(c.line + "\r\nHost: sidecar\r\nConnection: close\r\n\r\n")
		if a.status != c.status || a.header.Get(sidecar.ErrorHeader) != string(c.code) {
			t.Errorf("%q: status %d, %s", c.line, a.status, a.body)
		}
	}
	a := r.raw("GET /accounts HTTP/1.1\r\nHost: sidecar\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	r.refused(a, sidecar.CodeUpgradeRefused)
	if n := len(r.bank.Records()); n > 0 {
		t.Errorf("%d requests reached the bank", n)
	}
}

func TestTargetBelowEveryFormOfBaseURL(t *testing.T) {
	cases := []struct{ base, sent, want string }{
		{"/", "/stet/psd2/v1.4.2/accounts", "/stet/psd2/v1.4.2/accounts"},
		{"/", "/", "/"},
		{"/", "/a%2Fb", "/a%2Fb"},
		{"/", "//a", "//a"},
		{"/stet/psd2/v1.4.2/", "/accounts", "/stet/psd2/v1.4.2/accounts"},
		{"/stet/psd2/v1.4.2/", "/a%2Fb", "/stet/psd2/v1.4.2/a%2Fb"},
		{"/st%2Fet/x", "/accounts", "/st%2Fet/x/accounts"},
		{"/st%2Fet/x/", "/%41", "/st%2Fet/x/%41"},
		{"/x%2F", "/a", "/x%2F/a"},
		{"/caf%C3%A9", "/%2F", "/caf%C3%A9/%2F"},
	}
	for _, c := range cases {
		r := newRig(t, options{base: c.base})
		r.raw("GET " + c.sent + " HTTP/1.1\r\nHost: sidecar\r\nConnection: close\r\n\r\n")
		r.verified(c.want)
		if t.Failed() {
			t.Fatalf("base_url path %q", c.base)
		}
	}
	r := newRig(t, options{base: "/st", config: func(c *sidecar.Config) { c.BaseURL = strings.TrimSuffix(c.BaseURL, "/st") }})
	r.raw("GET /a HTTP/1.1\r\nHost: sidecar\r\nConnection: close\r\n\r\n")
	r.verified("/a")
}

// A path that a server resolves to an operation falls under its rules.
func TestEncodingsAndDotSegmentsDoNotHideAnOperation(t *testing.T) {
	r := newRig(t, options{overrides: profiles.Overrides{PSU: []byte(`{"operations":{"accounts":"require"}}`)}})
	for _, path := range []string{"/accounts", "/%61ccounts", "/x/../accounts", "/./accounts", "/x/%2e%2E/%61ccounts", "/%2e/accounts"} {
		r.refused(r.raw("GET "+path+" HTTP/1.1\r\nHost: sidecar\r\nConnection: close\r\n\r\n"), sidecar.CodePSURequired)
	}
	if e := r.lastEvent(); e.Operation != "accounts" {
		t.Errorf("operation %q", e.Operation)
	}
	for _, path := range []string{"/.accounts", "/..accounts", "/%2faccounts", "/accounts.", "/x/.../y"} {
		if a := r.raw("GET " + path + " HTTP/1.1\r\nHost: sidecar\r\nConnection: close\r\n\r\n"); a.header.Get(sidecar.ErrorHeader) != "" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}
