package sidecar_test

import (
	"crypto/tls"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

func headerPolicy(headers string) profiles.Overrides {
	return profiles.Overrides{Headers: []byte(headers), Signature: []byte(`{"container":"none"}`), Token: []byte(openBank)}
}

// lineOf is the value of a header in a head, by its exact spelling.
func lineOf(t *testing.T, head, name string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^`+name+`: (.*)\r$`).FindAllStringSubmatch(head, -1)
	if len(found) != 1 {
		t.Fatalf("%s is there %d times in\n%s", name, len(found), head)
	}
	return found[0][1]
}

// Made headers are on the wire in their spelling, and none is the application's.
func TestMadeHeaders(t *testing.T) {
	b := newRawBank(t, nil, answerOK)
	r := b.toward(t, options{overrides: headerPolicy(`{"allow":["X-Other","TPP-*","merchant_usn"],"set":{"merchant_id":"m-1"},"make":{"x-host":"host","X-Date":"date",
		"message_id":"request-id","TPP-Client":"client-id","TPP-Org":"organization-id","X-Unix":"unix-time"}}`),
		config: func(c *sidecar.Config) { c.ClientID = "client-7" }})
	before := time.Now().Unix()
	a := r.raw("GET /x HTTP/1.1\r\nHost: s\r\nConnection: close\r\nX-Host: forged\r\nx-date: forged\r\nMessage_id: forged\r\n" +
		"TPP-Client: forged\r\ntpp-org: forged\r\nX-UNIX: forged\r\nMERCHANT_ID: forged\r\nMerchant_Usn: u-1\r\nX-Other: o\r\n\r\n")
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	head := b.last(t).head
	if strings.Contains(head, "forged") {
		t.Errorf("forged headers arrived:\n%s", head)
	}
	for name, want := range map[string]string{
		"x-host": strings.TrimPrefix(b.url(), "https://"), "X-Date": lineOf(t, head, "Date"), "message_id": lineOf(t, head, "X-Request-ID"),
		"TPP-Client": "client-7", "TPP-Org": organization, "merchant_id": "m-1", "merchant_usn": "u-1", "X-Other": "o",
	} {
		if got := lineOf(t, head, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if at, err := strconv.ParseInt(lineOf(t, head, "X-Unix"), 10, 64); err != nil || at < before || at > time.Now().Unix() {
		t.Errorf("X-Unix %d: %v", at, err)
	}
}

// What is made is signed as it is sent.
func TestMadeHeadersAreSigned(t *testing.T) {
	b := newRawBank(t, nil, answerOK)
	o := headerPolicy(`{"make":{"X-Time":"unix-time"},"request_id":"x-fapi-interaction-id"}`)
	o.Signature = []byte(`{"signed":["x-time","x-fapi-interaction-id","x-fapi-customer-ip-address?"]}`)
	o.PSU = []byte(`{"names":{"PSU-IP-Address":"x-fapi-customer-ip-address"}}`)
	r := b.toward(t, options{overrides: o})
	r.call("GET", "/x", "", "PSU-IP-Address", publicIP)
	head := b.last(t).head
	checkRSA(t, lineOf(t, head, "Signature"), "x-time: "+lineOf(t, head, "X-Time")+"\nx-fapi-interaction-id: "+
		lineOf(t, head, "x-fapi-interaction-id")+"\nx-fapi-customer-ip-address: "+publicIP)
	o.Signature = []byte(`{"signed":["x-never"]}`)
	if _, err := r.aspsp.Config().Profile.With(o); err == nil || !strings.Contains(err.Error(), "x-never") {
		t.Errorf("a header that nobody makes is signed: %v", err)
	}
}

// The request's id under another name.
func TestRequestIDUnderAnotherName(t *testing.T) {
	const id = "99391c7e-ad88-49ec-a2ad-99ddcb1f7721"
	echo := ""
	b := newRawBank(t, nil, func(conn *tls.Conn, _ *rawRequest, _ int) {
		write(conn, "HTTP/1.1 200 OK\r\n"+echo+"Content-Length: 0\r\n\r\n")
	})
	r := b.toward(t, options{overrides: headerPolicy(`{"request_id":"x-fapi-interaction-id"}`)})
	for name, c := range map[string]struct {
		lines, want string
		refused     bool
	}{
		"the bank's name":    {"X-Fapi-Interaction-Id: " + id + "\r\n", id, false},
		"the usual name":     {"X-Request-ID: " + id + "\r\n", id, false},
		"both, the same":     {"X-Request-ID: " + id + "\r\nx-fapi-interaction-id: " + id + "\r\n", id, false},
		"both, different":    {"X-Request-ID: a\r\nx-fapi-interaction-id: b\r\n", "", true},
		"none":               {"", "", false},
		"not to be sent":     {"x-fapi-interaction-id: a b\r\n", "", true},
		"longer than 128":    {"x-fapi-interaction-id: " + strings.Repeat("a", 129) + "\r\n", "", true},
		"empty is no id":     {"x-fapi-interaction-id:\r\n", "", false},
		"twice the same one": {strings.Repeat("x-fapi-interaction-id: "+id+"\r\n", 2), id, false},
	} {
		t.Run(name, func(t *testing.T) {
			r.t = t
			a := r.raw("GET /x HTTP/1.1\r\nHost: s\r\nConnection: close\r\n" + c.lines + "\r\n")
			if c.refused {
				r.refused(a, sidecar.CodeHeaderInvalid)
				return
			}
			head := b.last(t).head
			wantNo(t, head, "X-Request-ID")
			got := lineOf(t, head, "x-fapi-interaction-id")
			if c.want != "" && got != c.want || c.want == "" && !uuidForm.MatchString(got) {
				t.Errorf("the bank got %q", got)
			}
			if a.header.Get("X-Request-ID") != got || a.header.Get("x-fapi-interaction-id") != got || r.lastEvent().RequestID != got {
				t.Errorf("the app got %v", a.header)
			}
		})
	}
	echo = "x-fapi-interaction-id: the-banks-own\r\n"
	a := r.call("GET", "/x", "", "X-Request-ID", id)
	if a.header.Get("x-fapi-interaction-id") != "the-banks-own" || a.header.Get("X-Request-ID") != id {
		t.Errorf("the app got %v", a.header)
	}
}

// An id of version 1, for banks that check it, whose node is nobody's card.
func TestRequestIDOfVersion1(t *testing.T) {
	b := newRawBank(t, nil, answerOK)
	r := b.toward(t, options{overrides: headerPolicy(`{"request_id_version":1}`)})
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f][13579bdf][0-9a-f]{10}$`)
	seen := map[string]bool{}
	for range 3 {
		r.call("GET", "/x", "")
		id := lineOf(t, b.last(t).head, "X-Request-ID")
		if !form.MatchString(id) || seen[id[24:]] {
			t.Errorf("%q", id)
		}
		seen[id[24:]] = true
	}
}

// The id in the body and the one in the header are the same.
func TestRequestIDFromTheBody(t *testing.T) {
	b := newRawBank(t, nil, answerOK)
	r := b.toward(t, options{overrides: headerPolicy(`{"request_id_member":"requestHeader.requestId"}`)})
	body := func(id string) string { return `{"requestHeader":{"requestId":` + id + `,"x":[1]},"a":2}` }
	for name, c := range map[string]struct {
		body, sent, want string // "" for one made here
		refused          bool
	}{
		"in the body":     {body(`"id-1"`), "", "id-1", false},
		"in both":         {body(`"id-1"`), "id-1", "id-1", false},
		"different":       {body(`"id-1"`), "id-2", "", true},
		"not to be sent":  {body(`"a b"`), "", "", true},
		"line end":        {body(`"a\r\nX: y"`), "", "", true},
		"no text":         {body(`7`), "", "", false},
		"another object":  {`{"requestHeader":[]}`, "id-3", "id-3", false},
		"no JSON":         {`requestId=1`, "id-4", "id-4", false},
		"nothing in body": {``, "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			r.t = t
			var headers []string
			if c.sent != "" {
				headers = []string{"X-Request-ID", c.sent}
			}
			a := r.call("POST", "/x", c.body, headers...)
			if c.refused {
				r.refused(a, sidecar.CodeHeaderInvalid)
				return
			}
			last := b.last(t)
			got := lineOf(t, last.head, "X-Request-ID")
			if c.want != "" && got != c.want || c.want == "" && !uuidForm.MatchString(got) || string(last.body) != c.body {
				t.Errorf("id %q, body %s", got, last.body)
			}
		})
	}
}

// The PSU's context under the bank's names is checked like the usual one.
func TestPSUNames(t *testing.T) {
	b := newRawBank(t, nil, answerOK)
	o := headerPolicy(`{"allow":["x-fapi-*"]}`)
	o.PSU = []byte(`{"names":{"PSU-IP-Address":"x-fapi-customer-ip-address","PSU-User-Agent":"x-customer-user-agent"}}`)
	for _, passHeaders := range []bool{false, true} {
		r := b.toward(t, options{overrides: o})
		r.passHeaders = passHeaders
		for _, lines := range []string{
			"x-fapi-customer-ip-address: 10.1.2.3", "X-FAPI-Customer-IP-Address: jean.dupont", "x-fapi-customer-ip-address: 9.9.9.9:443",
			"PSU-IP-Address: 9.9.9.9\r\nx-fapi-customer-ip-address: 8.8.8.8", "x-fapi-customer-ip-address: 9.9.9.9\r\nx-fapi-customer-ip-address: 8.8.8.8",
		} {
			a := r.rawFunds("Connection: close", lines+"\r\n")
			r.refused(a, sidecar.CodePSUInvalid)
			if strings.Contains(a.body, "10.1.2.3") || strings.Contains(a.body, "jean") {
				t.Errorf("the value is in %s", a.body)
			}
		}
		r.refused(r.rawFunds("Connection: close", "x-customer-user-agent: UA\r\n"), sidecar.CodePSUIncomplete)
		for _, lines := range []string{
			"x-fapi-customer-ip-address: 9.9.9.9\r\nX-Customer-User-Agent: UA\r\n", "PSU-IP-Address: 9.9.9.9\r\nPSU-User-Agent: UA\r\nPSU-Accept: no\r\n",
		} {
			if a := r.rawFunds("Connection: close", lines+"x-fapi-auth-date: d\r\n"); a.status != 200 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			head := b.last(t).head
			if lineOf(t, head, "x-fapi-customer-ip-address") != publicIP || lineOf(t, head, "x-customer-user-agent") != "UA" ||
				lineOf(t, head, "x-fapi-Auth-Date") != "d" {
				t.Errorf("the bank received\n%s", head)
			}
			wantNo(t, head, "PSU-IP-Address", "PSU-User-Agent", "PSU-Accept")
			if event := r.lastEvent(); !event.Attended {
				t.Error("the event says unattended")
			}
		}
		r.rawFunds("Connection: close", "")
		wantNo(t, b.last(t).head, "x-fapi-customer-ip-address", "x-customer-user-agent")
	}
}

// What cannot be made shows in the configuration.
func TestMadeWithoutFacts(t *testing.T) {
	r := newRig(t, options{})
	for kind, want := range map[string]string{"organization-id": "organizationIdentifier", "client-id": "set client_id"} {
		o := headerPolicy(`{"make":{"X-A":"` + kind + `"}}`)
		o.ClientCertificate = "none"
		if _, err := r.newASPSP(options{overrides: o, config: nobody}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
