package sidecar_test

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// problem is a refusal as an app reads it.
type problem struct {
	Type, Title, Detail, Code, Remedy, ASPSP string
	Status                                   int
	RequestID                                string `json:"request_id"`
	OAuthError                               string `json:"oauth_error"`
	ReachedBank                              string `json:"reached_bank"`
}

// refusedAs is refused that also compares status and reached_bank.
func (r *rig) refusedAs(a answer, code sidecar.Code, status int, reached string) problem {
	r.t.Helper()
	r.refused(a, code)
	var p problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		r.t.Fatalf("%v: %s", err, a.body)
	}
	if a.status != status || p.Status != status || p.ReachedBank != reached || p.Code != string(code) {
		r.t.Errorf("status %d and reached_bank %q, want %d and %q: %s", a.status, p.ReachedBank, status, reached, a.body)
	}
	return p
}

func impatient(c *sidecar.Config) {
	c.AnswerTimeout, c.ConnectTimeout = 150*time.Millisecond, 300*time.Millisecond
}

func TestBankFaults(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		r := newRig(t, options{
			bank:   func(o *sandbox.Options) { o.HTTP2 = http2 },
			config: func(c *sidecar.Config) { impatient(c); c.HTTP2 = http2 },
		})
		r.accepted(r.funds(), 200)
		r.check(r.bank.Faults().SetAPI(sandbox.Fault{Hang: true, Next: 1}))
		r.refusedAs(r.funds(), sidecar.CodeBankTimeout, 504, "maybe")
		for _, reset := range []string{sandbox.ResetBefore, sandbox.ResetAfter} {
			r.aspsp.Close() // idle connections: the next call is on a new one
			r.check(r.bank.Faults().SetAPI(sandbox.Fault{Reset: reset, Next: 1}))
			before := len(r.calls())
			r.refusedAs(r.funds(), sidecar.CodeBankConnectionLost, 502, "maybe")
			if n := len(r.calls()) - before; n != 1 {
				t.Errorf("reset %s (h2 %t): the POST appeared %d times", reset, http2, n)
			}
		}
		// On a kept-alive connection too, a POST whose bytes have left is not repeated.
		r.accepted(r.funds(), 200)
		r.check(r.bank.Faults().SetAPI(sandbox.Fault{Reset: sandbox.ResetAfter, Next: 1}))
		before := len(r.calls())
		r.refusedAs(r.funds(), sidecar.CodeBankConnectionLost, 502, "maybe")
		if n := len(r.calls()) - before; n != 1 {
			t.Errorf("kept alive (h2 %t): the POST appeared %d times", http2, n)
		}
		r.accepted(r.funds(), 200)
	}
}

func TestAnswerCutMidwayShowsAsCut(t *testing.T) {
	r := newRig(t, options{})
	r.check(r.bank.Faults().SetAPI(sandbox.Fault{Reset: sandbox.ResetMidway, Next: 1}))
	a, err := r.tryRaw("POST /funds-confirmations HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", false)
	if err == nil {
		t.Errorf("half an answer looks whole: %d %q", a.status, a.body)
	}
	outcomes := r.awaitEvents()
	if e := r.lastEvent(); outcomes[string(sidecar.CodeBankConnectionLost)] != 1 || e.Status != 400 {
		t.Errorf("event %+v", e)
	}
}

func TestErrorsOfTheBankPassByteForByte(t *testing.T) {
	r := newRig(t, options{})
	for _, fault := range []sandbox.Fault{{Status: 500}, {Status: 503, HTML: true, RetryAfter: 17}, {Status: 429, RetryAfter: 3}, {Status: 403}, {Status: 404, HTML: true}} {
		r.check(r.bank.Faults().SetAPI(fault))
		before := len(r.calls())
		a := r.funds()
		if a.status != fault.Status || a.header.Get(sidecar.ErrorHeader) != "" || strings.HasPrefix(a.body, "<html>") != fault.HTML {
			t.Errorf("%+v: %d %s", fault, a.status, a.body)
		}
		if want := map[int]string{17: "17", 3: "3"}[fault.RetryAfter]; a.header.Get("Retry-After") != want {
			t.Errorf("Retry-After %q, want %q", a.header.Get("Retry-After"), want)
		}
		if n := len(r.calls()) - before; n != 1 {
			t.Errorf("%+v: %d calls", fault, n)
		}
		if e := r.lastEvent(); e.Outcome != string(rune('0'+fault.Status/100))+"xx" || e.Status != fault.Status {
			t.Errorf("event %+v", e)
		}
	}
}

func TestBankThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "https://" + l.Addr().String()
	l.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	cases := map[string]struct {
		address string
		code    sidecar.Code
		status  int
		detail  string
	}{
		"refused":         {closed, sidecar.CodeBankUnreachable, 502, "connection refused"},
		"never handshake": {"https://" + silent.Addr().String(), sidecar.CodeBankConnectTimeout, 504, ""},
		"no such name":    {"https://bank.invalid", sidecar.CodeBankUnreachable, 502, "the host name does not resolve"},
	}
	for name, c := range cases {
		for _, token := range []string{appAuthorizes, `{}`} {
			r := newRig(t, options{overrides: overrideToken(token), config: func(config *sidecar.Config) {
				impatient(config)
				config.BaseURL = c.address
			}})
			var headers []string
			detail := "token endpoint"
			if token == appAuthorizes {
				headers, detail = []string{"Authorization", "Bearer x"}, c.detail
			}
			p := r.refusedAs(r.funds(headers...), c.code, c.status, "no")
			if p.Detail != detail || p.RequestID == "" || p.ASPSP != "bank" {
				t.Errorf("%s: %+v", name, p)
			}
			if err := r.lastEvent().Err; !sidecar.NothingSent(err) || !sidecar.BankFailed(err) {
				t.Errorf("%s: nothing sent %t, bank failed %t", name, sidecar.NothingSent(err), sidecar.BankFailed(err))
			}
		}
	}
}

func TestBankThatTalksNonsense(t *testing.T) {
	for name, nonsense := range map[string]string{
		"garbage": "garbage\r\n\r\n", "SSH": "SSH-2.0-x\r\n", "HTTP/9": "HTTP/9.9.9 x\r\n\r\n", "status": "HTTP/1.1 2x0 OK\r\n\r\n",
		"header": "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "length": "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
		"two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"coding":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: odd\r\n\r\n",
		"endless":     "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 11<<20) + "\r\n\r\n",
	} {
		b := newRawBank(t, nil, func(conn *tls.Conn, _ *rawRequest, _ int) { write(conn, nonsense); conn.Close() })
		r := b.toward(t, options{})
		a := r.call("POST", "/x", "{}", "Authorization", "Bearer x")
		if a.header.Get(sidecar.ErrorHeader) != string(sidecar.CodeBankAnswerUnreadable) {
			t.Errorf("%s: %d %s (%v)", name, a.status, a.body, r.lastEvent().Err.(*sidecar.Refusal).Err)
			continue
		}
		r.refusedAs(a, sidecar.CodeBankAnswerUnreadable, 502, "maybe")
		if n := len(b.received()); n != 1 {
			t.Errorf("%s: the POST appeared %d times", name, n)
		}
	}
}

func TestBankCannotSoundLikeTheSidecar(t *testing.T) {
	b := newRawBank(t, nil, func(conn *tls.Conn, _ *rawRequest, _ int) {
		write(conn, "HTTP/1.1 200 OK\r\nSidecar-Error: body-too-large\r\nsidecar-other: x\r\nX-Request-ID: of-the-bank\r\nContent-Length: 0\r\n\r\n")
	})
	r := b.toward(t, options{})
	a := r.call("GET", "/x", "", "Authorization", "Bearer x")
	for name := range a.header {
		if strings.HasPrefix(name, "Sidecar-") && name != "Sidecar-Bank-Request-Id" {
			t.Errorf("%s passed", name)
		}
	}
	if sent := r.lastEvent().RequestID; a.header.Get("X-Request-Id") != sent || a.header.Get(sidecar.HeaderBankRequestID) != "of-the-bank" {
		t.Errorf("X-Request-ID %q, sent %q", a.header.Get("X-Request-Id"), sent)
	}
}
