package sidecar_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// forged are headers that an app, or something between app and sidecar, may
// send and that must never arrive. Every value holds "forged".
var forged = []string{
	"Signature: keyId=\"forged\"", "Signature-Input: forged", "Digest: SHA-256=forged", "Content-Digest: forged", "Repr-Digest: forged",
	"fallback: forged", "Fallback: forged", "FALLBACK: forged", "TPP-Signature-Certificate: forged", "Client-Cert: forged",
	"X-ARR-ClientCert: forged", "Ssl-Client-Cert: forged", "X-SSL-Client-Verify: forged", "Date: forged",
	"X-Forwarded-For: forged", "X-Forwarded-Host: forged", "X-Forwarded-Proto: forged", "X-Forwarded-Client-Cert: forged",
	"X_Forwarded_For: forged", "Forwarded: for=forged", "Via: 1.1 forged", "X-Real-Ip: forged", "X-Client-IP: forged",
	"True-Client-IP: forged", "CF-Connecting-IP: forged", "Early-Data: forged", "traceparent: forged", "tracestate: forged",
	"baggage: forged", "b3: forged", "X-B3-TraceId: forged", "uber-trace-id: forged", "X-Amzn-Trace-Id: forged",
	"Cookie: forged", "Cookie2: forged", "Proxy-Authorization: forged", "Proxy-Connection: forged", "TE: forged", "Trailer: X-Forged",
	"Keep-Alive: forged", "X-HTTP-Method-Override: forged", "X-Original-URL: forged", "X-Internal-User: forged", "Referer: forged",
	"Origin: forged", "Range: forged", "From: forged", "X-Api-Key: forged", "X-CSRF-Token: forged", "Link: forged",
}

func TestForgedHeadersNeverArrive(t *testing.T) {
	r := newRig(t, options{})
	for _, connection := range []string{"close", "close, Digest, Signature, Date, X-Request-ID, PSU-IP-Address, Authorization, Content-Type, TPP-Signature-Certificate, X-Forged"} {
		a := r.rawFunds("Connection: "+connection, "PSU-IP-Address: "+publicIP+"\r\n"+strings.Join(forged, "\r\n")+"\r\n")
		last := r.bank.Last()
		head := string(last.RawHead)
		if strings.Contains(strings.ToLower(head), "forged") {
			t.Errorf("forged headers arrived:\n%s", head)
		}
		wantNo(t, head, "Connection", "Fallback", "Proxy-Connection", "Keep-Alive", "Cookie")
		if !last.SignatureOK {
			t.Errorf("signature: %q", last.Problems)
		}
		// Losing the PSU's address would make the call an unattended one.
		wantLine(t, head, "PSU-IP-Address: "+publicIP)
		wantLine(t, head, "Digest: "+digestOf([]byte(fundsBody)))
		if !strings.Contains(connection, "Content-Type") {
			r.accepted(a, 200)
		}
		if got := r.lastEvent().Dropped; got < 30 {
			t.Errorf("%d headers counted as dropped", got)
		}
	}
}

func TestLegitimateHeadersArrive(t *testing.T) {
	b := newRawBank(t, nil, answerOK)
	r := b.toward(t, options{})
	r.raw("GET /x HTTP/1.1\r\nHost: s\r\nConnection: close\r\n" + bearer +
		"accept: application/json;q=0.1\r\nAccept: application/hal+json\r\nACCEPT-LANGUAGE:fr\r\n" +
		"If-None-Match: \t \"a\" \t\r\nCache-Control: no-cache\r\nUser-Agent: caf\xc3\xa9/1 \xff\r\nIdempotency-Key: 7\r\nX-Idempotency-Key: 8\r\n\r\n")
	head := b.last(t).head
	for _, line := range []string{"Accept: application/json;q=0.1\r\nAccept: application/hal+json", "Accept-Language: fr", "If-None-Match: \"a\"",
		"Cache-Control: no-cache", "User-Agent: caf\xc3\xa9/1 \xff", "Authorization: Bearer of-the-app"} {
		wantLine(t, head, line)
	}
	// In lower case, so that net/http does not take the request for repeatable.
	wantLine(t, head, "idempotency-key: 7")
	wantLine(t, head, "x-idempotency-key: 8")
}

func TestUserAgentIsNeverInvented(t *testing.T) {
	b := newRawBank(t, nil, answerOK)
	r := b.toward(t, options{})
	for _, sent := range []string{"", "User-Agent:\r\n", "User-Agent: \t\r\n"} {
		r.raw("POST /x HTTP/1.1\r\nHost: s\r\nConnection: close\r\n" + bearer + sent + "\r\n")
		wantNo(t, b.last(t).head, "User-Agent", "Accept-Encoding", "Accept")
	}
	r = newRig(t, options{})
	r.accepted(r.rawFunds("Connection: close", ""), 200)
	for _, record := range r.bank.Records() {
		wantNo(t, string(record.RawHead), "User-Agent", "Accept-Encoding")
	}
}

func TestHeaderThatOnlyLooksRightIsRefused(t *testing.T) {
	r := newRig(t, options{})
	for _, c := range []struct {
		header string
		code   sidecar.Code
	}{
		{"Sidecar-Fallbck: x", sidecar.CodeControlHeader},
		{"sidecar-anything: x", sidecar.CodeControlHeader},
		{"Sidecar-Error: x", sidecar.CodeControlHeader},
		{"Sidecar-Grant: psu-7", sidecar.CodeGrantsOff},
		{"Sidecar-Grant:", sidecar.CodeGrantName},
		{"Authorization: Bearer mine", sidecar.CodeAuthorizationRefused},
		{"Authorization:", sidecar.CodeAuthorizationRefused},
	} {
		a := r.raw("GET /accounts HTTP/1.1\r\nHost: s\r\nConnection: close\r\n" + c.header + "\r\n\r\n")
		r.refused(a, c.code)
		if strings.Contains(a.body, "psu-7") || strings.Contains(a.body, "mine") {
			t.Errorf("the value is in %s", a.body)
		}
	}
	if n := len(r.bank.Records()); n > 0 {
		t.Errorf("%d requests reached the bank", n)
	}
}

func TestAuthorizationOfTheApp(t *testing.T) {
	b := newRawBank(t, nil, answerOK)
	r := b.toward(t, options{})
	r.raw("GET /x HTTP/1.1\r\nHost: s\r\nConnection: close\r\nAuthorization:   Bearer  two  spaces \r\n\r\n")
	wantLine(t, b.last(t).head, "Authorization: Bearer  two  spaces")
	r.refused(r.raw("GET /x HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n"), sidecar.CodeTokenMissing)
	r.refused(r.raw("GET /x HTTP/1.1\r\nHost: s\r\nConnection: close\r\nAuthorization:\r\n\r\n"), sidecar.CodeHeaderInvalid)
	r.refused(r.raw("GET /x HTTP/1.1\r\nHost: s\r\nConnection: close\r\n"+bearer+bearer+"\r\n"), sidecar.CodeHeaderInvalid)
	if n := len(b.received()); n != 1 {
		t.Errorf("the bank received %d requests", n)
	}
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestRequestID(t *testing.T) {
	const id = "99391c7e-ad88-49ec-a2ad-99ddcb1f7721"
	r := newRig(t, options{})
	cases := map[string]struct {
		lines string
		want  string // "" for one made here, "refused" for none
	}{
		"kept":              {"X-Request-ID: " + id + "\r\n", id},
		"in lower case":     {"x-request-id: 99391c7e-ad88-49ec-a2ad-99ddcb1f7722\r\n", "99391c7e-ad88-49ec-a2ad-99ddcb1f7722"},
		"twice the same":    {strings.Repeat("X-Request-ID: 99391c7e-ad88-49ec-a2ad-99ddcb1f7723\r\n", 2), "99391c7e-ad88-49ec-a2ad-99ddcb1f7723"},
		"made":              {"", ""},
		"made for empty":    {"X-Request-ID:\r\n", ""},
		"two":               {"X-Request-ID: a\r\nX-Request-ID: b\r\n", "refused"},
		"one and an empty":  {"X-Request-ID: a\r\nX-Request-ID:\r\n", "refused"},
		"with a blank":      {"X-Request-ID: a b\r\n", "refused"},
		"with obs-text":     {"X-Request-ID: caf\xc3\xa9\r\n", "refused"},
		"longer than 128":   {"X-Request-ID: " + strings.Repeat("a", 129) + "\r\n", "refused"},
		"with a tab inside": {"X-Request-ID: a\tb\r\n", "refused"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r.t = t
			a := r.rawFunds("Connection: close", c.lines)
			if c.want == "refused" {
				r.refused(a, sidecar.CodeHeaderInvalid)
				return
			}
			record := r.accepted(a, 200)
			got := record.Header.Get("X-Request-ID")
			if c.want != "" && got != c.want || c.want == "" && !uuidForm.MatchString(got) {
				t.Errorf("the bank got %q, want %q", got, c.want)
			}
			if back := a.header["X-Request-Id"]; len(back) != 1 || back[0] != got {
				t.Errorf("the app got %q", back)
			}
			wantLine(t, string(record.RawHead), "X-Request-ID: "+got)
			if r.lastEvent().RequestID != got {
				t.Errorf("the event says %q", r.lastEvent().RequestID)
			}
		})
	}
}

func TestRequestIDIsOnRefusalsAndOnAnswersWithoutOne(t *testing.T) {
	b := newRawBank(t, nil, answerOK)
	r := b.toward(t, options{})
	a := r.call("GET", "/x", "", "Authorization", "Bearer x")
	if got := b.last(t).Header.Get("X-Request-ID"); got == "" || a.header.Get("X-Request-ID") != got {
		t.Errorf("the app got %q, the bank %q", a.header.Get("X-Request-ID"), got)
	}
	a = r.call("GET", "/x", "", "X-Request-ID", "my-own")
	r.refused(a, sidecar.CodeTokenMissing)
	if a.header.Get("X-Request-ID") != "my-own" || !strings.Contains(a.body, `"request_id":"my-own"`) {
		t.Errorf("refusal without the app's id: %v %s", a.header, a.body)
	}
	a = r.call("GET", "/x", "")
	if id := a.header.Get("X-Request-ID"); !uuidForm.MatchString(id) || !strings.Contains(a.body, `"request_id":"`+id+`"`) {
		t.Errorf("refusal without an id: %v %s", a.header, a.body)
	}
}

func TestDateIsFreshAndTheBanksForm(t *testing.T) {
	r := newRig(t, options{})
	before := time.Now().Truncate(time.Second)
	record := r.accepted(r.funds("Date", "Mon, 01 Jan 2001 00:00:00 GMT"), 200)
	date, err := time.Parse(http.TimeFormat, record.Header.Get("Date"))
	if err != nil || date.Before(before) || date.After(time.Now()) {
		t.Errorf("Date %q: %v", record.Header.Get("Date"), err)
	}
}
