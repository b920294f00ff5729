package sidecar_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

var kebab = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)

func TestTableOfProblems(t *testing.T) {
	seen, titles := map[sidecar.Code]bool{}, map[string]bool{}
	for _, p := range sidecar.Problems() {
		switch {
		case seen[p.Code] || titles[p.Title]:
			t.Errorf("%s is there twice", p.Code)
		case !kebab.MatchString(string(p.Code)):
			t.Errorf("%q is not in kebab case", p.Code)
		case p.Status < 400 || p.Status > 599 || http.StatusText(p.Status) == "":
			t.Errorf("%s has status %d", p.Code, p.Status)
		case p.Title == "" || p.Remedy == "" || p.Title == p.Remedy:
			t.Errorf("%s lacks a title or a remedy", p.Code)
		}
		seen[p.Code], titles[p.Title] = true, true
	}
	sidecar.Problems()[0].Title = "changed"
	if sidecar.Problems()[0].Title == "changed" {
		t.Error("the table can be changed from outside")
	}
}

func TestProblemDocument(t *testing.T) {
	requestID := "X-Request-ID" // as on the wire, not as net/http spells it
	for _, known := range sidecar.Problems() {
		refusal := &sidecar.Refusal{Problem: known, Detail: "de\"tail\xff", ASPSP: "bank", RequestID: "id", OAuthError: "invalid_scope", MaybeSent: true}
		recorder := httptest.NewRecorder()
		refusal.Write(recorder)
		h, body := recorder.Header(), recorder.Body.Bytes()
		if recorder.Code != known.Status || h.Get("Content-Type") != "application/problem+json" || h.Get("Cache-Control") != "no-store" ||
			h.Get("Sidecar-Error") != string(known.Code) || h.Get("Content-Length") != strconv.Itoa(len(body)) || h[requestID][0] != "id" {
			t.Errorf("%s: %d %v", known.Code, recorder.Code, h)
		}
		var document map[string]any
		if err := json.Unmarshal(body, &document); err != nil {
			t.Fatalf("%s: %v", known.Code, err)
		}
		// RFC 9457 section 3.1: type is a URI, status a number equal to the answer's.
		for member, want := range map[string]any{
			"type": sidecar.TypeBase + string(known.Code), "title": known.Title, "status": float64(known.Status), "detail": "de\"tail\ufffd",
			"code": string(known.Code), "remedy": known.Remedy, "aspsp": "bank", "request_id": "id", "oauth_error": "invalid_scope", "reached_bank": "maybe",
		} {
			if document[member] != want {
				t.Errorf("%s: %s is %v, want %v", known.Code, member, document[member], want)
			}
		}
		if len(document) != 10 || !strings.HasPrefix(string(body), `{"type":`) {
			t.Errorf("%s: %s", known.Code, body)
		}
		if text := refusal.Error(); !strings.HasPrefix(text, string(known.Code)+": "+known.Title) {
			t.Errorf("error %q", text)
		}
	}
}

// TestNoRefusalTellsWhatWasSent makes every refusal that an app can cause while
// its request is full of secrets, and looks for them in all that is told.
func TestNoRefusalTellsWhatWasSent(t *testing.T) {
	secrets := []string{"FR7613807008043001965405255", "tok-5ecret", "198.51.100.42", "9.9.9.42", "Mozilla-5ecret", "grant-5ecret", "reason-5ecret", "path-5ecret", "query-5ecret", "token-answer-5ecret"}
	full := []string{"PSU-IP-Address", "9.9.9.42", "PSU-User-Agent", "Mozilla-5ecret"}
	path := "/path-5ecret?x=query-5ecret"
	echo := func(conn *tls.Conn, r *rawRequest, _ int) {
		if strings.Contains(r.URL.Path, "token") {
			write(conn, "HTTP/1.1 400 x\r\nConnection: close\r\n\r\n"+`{"error":"token-answer-5ecret token","error_description":"token-answer-5ecret"}`)
		} else {
			write(conn, "malformed "+string(r.body)+r.Header.Get("Authorization")+"\r\n\r\n")
		}
		conn.Close()
	}
	b := newRawBank(t, nil, echo)
	fromApp, own := b.toward(t, options{}), b.toward(t, options{overrides: overrideToken(`{}`)})
	strict := newRig(t, options{overrides: profiles.Overrides{PSU: []byte(`{"rule":"require"}`)}, config: func(c *sidecar.Config) { c.MaxBody = 200 }})
	missing := newRig(t, options{overrides: profiles.Overrides{
		Signature: []byte(`{"signed":["(request-target)","date","x-request-id","consent-id"]}`), Headers: []byte(`{"allow":["Consent-ID"]}`)}})
	cases := []struct {
		r       *rig
		code    sidecar.Code
		body    string
		headers []string
	}{
		{fromApp, sidecar.CodeBankAnswerUnreadable, fundsBody, append(full, "Authorization", "Bearer tok-5ecret")},
		{own, sidecar.CodeTokenRefused, fundsBody, full},
		{own, sidecar.CodeAuthorizationRefused, fundsBody, append(full, "Authorization", "Bearer tok-5ecret")},
		{own, sidecar.CodeGrantsOff, fundsBody, append(full, "Sidecar-Grant", "grant-5ecret")},
		{own, sidecar.CodeControlHeader, fundsBody, append(full, "Sidecar-Other", "grant-5ecret")},
		{own, sidecar.CodeFallbackRefused, fundsBody, append(full, "Sidecar-Fallback", "reason-5ecret")},
		{own, sidecar.CodeHeaderInvalid, fundsBody, append(full, "X-Request-ID", "tok-5ecret two")},
		{own, sidecar.CodePSUInvalid, fundsBody, []string{"PSU-IP-Address", "198.51.100.42", "PSU-User-Agent", "Mozilla-5ecret"}},
		{own, sidecar.CodePSUInvalid, fundsBody, append(full, "PSU-Device-ID", "tok-5ecret")},
		{own, sidecar.CodePSUIncomplete, fundsBody, full[2:]},
		{own, sidecar.CodeUpgradeRefused, fundsBody, append(full, "Upgrade", "tok-5ecret")},
		{strict, sidecar.CodePSURequired, fundsBody, nil},
		{strict, sidecar.CodeBodyTooLarge, fundsBody + fundsBody, full},
		{missing, sidecar.CodeSignedHeaderMissing, fundsBody, full},
	}
	for _, c := range cases {
		a := c.r.call("POST", path, c.body, c.headers...)
		c.r.refused(a, c.code)
		told := a.body + " " + c.r.lastEvent().Err.Error() + " " + strings.Join(c.r.reasons, " ")
		for name, values := range a.header {
			told += " " + name + ": " + strings.Join(values, " ")
		}
		for _, secret := range secrets {
			if strings.Contains(told, secret) {
				t.Errorf("%s tells %q: %s", c.code, secret, told)
			}
		}
		var p problem
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || p.RequestID == "" && c.code != sidecar.CodeHeaderInvalid || p.ASPSP != "bank" {
			t.Errorf("%s: %v %s", c.code, err, a.body)
		}
	}
}

func TestRewrittenAfterTheChecks(t *testing.T) {
	r := newRig(t, options{})
	r.app.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ex, err := sidecar.Route{ASPSP: r.aspsp}.Prepare(req, nil)
		r.check(err)
		ctx := sidecar.WithExchange(req.Context(), ex)
		if sidecar.FromContext(ctx) != ex || ex.ASPSP() != r.aspsp || r.aspsp.AddressFor(ex) != r.bank.Addr().String() || r.aspsp.Address() != r.bank.Addr().String() {
			t.Error("the exchange does not know where it goes")
		}
		changed := req.Clone(ctx)
		changed.URL.Path = "/accounts"
		_, err = ex.RoundTrip(changed)
		response := ex.RefusalResponse(req, err)
		if sidecar.BankFailed(err) || ex.Finish(nil) != nil {
			t.Errorf("finish: %v", err)
		}
		for name, values := range response.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(response.StatusCode)
		_, err = io.Copy(w, response.Body)
		r.check(err)
	})
	r.refused(r.funds(), sidecar.CodeRewrittenAfterChecks)
	if n := len(r.bank.Records()); n != 1 {
		t.Errorf("%d requests beside the token's", n-1)
	}
	if e := r.lastEvent(); e.Outcome != string(sidecar.CodeRewrittenAfterChecks) || e.Attempts != 0 {
		t.Errorf("%+v", e)
	}
}

// TestSecondRoundTrip holds what happens when the proxy tries again, for
// whatever reason: a read is an attempt of its own, anything else is not sent twice.
func TestSecondRoundTrip(t *testing.T) {
	r := newRig(t, options{})
	r.app.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ex, err := sidecar.Route{ASPSP: r.aspsp}.Prepare(req, nil)
		r.check(err)
		for range 2 {
			var response *http.Response
			if response, err = ex.RoundTrip(req); err == nil {
				response.Body.Close()
			}
		}
		if err = ex.Finish(err); err != nil {
			sidecar.AsRefusal(err).Write(w)
		}
	})
	r.refusedAs(r.funds(), sidecar.CodeBankConnectionLost, 502, "maybe")
	if n := len(r.calls()); n != 1 {
		t.Errorf("the POST appeared %d times", n)
	}
	r.bank.Reset()
	r.call("GET", "/accounts", "")
	calls := r.calls()
	if len(calls) != 2 || calls[0].Header.Get("X-Request-ID") == calls[1].Header.Get("X-Request-ID") ||
		calls[0].Header.Get("Signature") == calls[1].Header.Get("Signature") || !calls[1].SignatureOK {
		t.Errorf("%d calls, the last with %+v", len(calls), r.bank.Last().Problems)
	}
}
