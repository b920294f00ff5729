package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// confirmation is a signed, good funds confirmation.
func (w *world) confirmation(token string) *request {
	w.Helper()
	r := w.stet("POST", fundsPath, coverage("F", "1.00", "EUR", "FR7613807008043001965405158"), token)
	r.sign(w.T)
	return r
}

func (w *world) fault(f Fault) {
	w.Helper()
	if err := w.bank.Faults().SetAPI(f); err != nil {
		w.Fatal(err)
	}
}

func TestStatusFaults(t *testing.T) {
	w := newWorld(t)
	token := w.cardToken("cbpii")
	w.fault(Fault{Status: 503, Next: 2})
	for _, want := range []int{503, 503, 200} {
		resp := w.send(w.confirmation(token))
		if resp.status != want || w.bank.Last().Fault != (want == 503) || !w.bank.Last().SignatureOK {
			t.Errorf("%d, want %d: %+v", resp.status, want, w.bank.Last())
		}
	}
	w.fault(Fault{Status: 429, RetryAfter: 7})
	resp := w.send(w.confirmation(token))
	if resp.status != 429 || resp.header.Get("Retry-After") != "7" || resp.json(t)["error"] != "TMRQ" {
		t.Errorf("%d %v %s", resp.status, resp.header, resp.body)
	}
	w.fault(Fault{Status: 400, HTML: true})
	resp = w.send(w.confirmation(token))
	if resp.status != 400 || !strings.HasPrefix(resp.header.Get("Content-Type"), "text/html") {
		t.Errorf("%d %v", resp.status, resp.header)
	}
	if err := w.bank.Faults().SetToken(Fault{Status: 500, Next: 1}); err != nil {
		t.Fatal(err)
	}
	form := values("client_id", orgID, "grant_type", "client_credentials", "scope", "cbpii")
	if resp := w.form(w.qwac, form); resp.status != 500 || resp.json(t)["error"] != "server_error" {
		t.Errorf("%d %s", resp.status, resp.body)
	}
	if resp := w.form(w.qwac, form); resp.status != 200 {
		t.Errorf("%d %s", resp.status, resp.body)
	}
	w.bank.Reset()
	w.expect(w.send(w.confirmation(token)), 200, "")
	w.fault(Fault{ExpireTokens: true, Next: 1})
	w.expect(w.send(w.confirmation(token)), 401, "unknown or was revoked")
	w.expect(w.send(w.confirmation(w.cardToken("cbpii"))), 200, "")
}

func TestResets(t *testing.T) {
	w := newWorld(t)
	token := w.cardToken("cbpii")
	for reset, want := range map[string]struct {
		status   int
		consumed bool // whether the bank acted, so that the request id is used up
	}{ResetBefore: {0, false}, ResetAfter: {0, true}, ResetMidway: {200, true}} {
		w.fault(Fault{Reset: reset, Next: 1})
		r := w.confirmation(token)
		conn := w.dial(w.qwac)
		_, err := exchange(conn, r.bytes(), "POST")
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: the client saw %v", reset, err)
		}
		if got := w.bank.Last().Status; got != want.status {
			t.Errorf("%s: status %d recorded", reset, got)
		}
		// The signature is used up in any case.
		w.expect(w.send(r), 400, "without being signed anew")
		r.set("Date", time.Now().UTC().Add(3*time.Second).Format(http.TimeFormat))
		resp := w.signAndSend(r)
		if want.consumed {
			w.expect(resp, 400, "was used before")
		} else {
			w.expect(resp, 200, "")
		}
	}
}

func TestCloseAfter(t *testing.T) {
	w := newWorld(t)
	token := w.cardToken("cbpii")
	w.fault(Fault{CloseAfter: 2})
	conn := w.dial(w.qwac)
	for range 2 {
		resp, err := exchange(conn, w.confirmation(token).bytes(), "POST")
		if err != nil || resp.status != 200 || resp.closes {
			t.Fatalf("%+v %v", resp, err)
		}
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("the connection is still open")
	}
}

func TestDelayAndHang(t *testing.T) {
	w := newWorld(t)
	token := w.cardToken("cbpii")
	w.fault(Fault{Delay: Wait(50 * time.Millisecond)})
	start := time.Now()
	w.expect(w.send(w.confirmation(token)), 200, "")
	if d := time.Since(start); d < 50*time.Millisecond {
		t.Errorf("answered after %s", d)
	}
	w.fault(Fault{Hang: true})
	conn := w.dial(w.qwac)
	if _, err := conn.Write(w.confirmation(token).bytes()); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := conn.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("read: %v", err)
	}
	// Close, at the end of the test, must not wait for the hanging request.
	start = time.Now()
	if err := w.bank.Close(); err != nil {
		t.Error(err)
	}
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("Close took %s", d)
	}
}

func TestFaultsAreChecked(t *testing.T) {
	var f Faults
	for _, bad := range []Fault{{Reset: "sometimes"}, {Status: 42}, {Next: -1}, {Delay: -1}} {
		if f.SetAPI(bad) == nil || f.SetToken(bad) == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

func TestControl(t *testing.T) {
	var seen []Record
	w := newWorld(t, func(o *Options) { o.OnRequest = func(r *Record) { seen = append(seen, *r) } })
	control := httptest.NewServer(w.bank.Control())
	defer control.Close()
	defer http.DefaultClient.CloseIdleConnections()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	call := func(method, path, body string) (int, string, http.Header) {
		t.Helper()
		req, err := http.NewRequest(method, control.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(bufio.NewReader(resp.Body))
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text), resp.Header
	}
	token := w.cardToken("cbpii")
	w.expect(w.send(w.confirmation(token)), 200, "")
	_, text, _ := call("GET", "/records", "")
	var records []shownRecord
	if err := json.Unmarshal([]byte(text), &records); err != nil || len(records) != 2 {
		t.Fatalf("%v %s", err, text)
	}
	if strings.Contains(text, token) || !strings.Contains(records[1].Head, "Authorization: REDACTED\r\n") || !records[1].SignatureOK ||
		records[1].QSEALSerial == "" || records[0].Body != "" || records[1].Body == "" {
		t.Error(text)
	}
	if len(seen) != 2 || seen[1].Status != 200 {
		t.Errorf("OnRequest saw %d", len(seen))
	}
	if status, text, _ := call("PUT", "/faults", `{"api":{"status":503,"next":1,"delay":"1ms"}}`); status != 204 {
		t.Error(status, text)
	}
	if _, text, _ := call("GET", "/faults", ""); !strings.Contains(text, `"api":{"next":1,"delay":"1ms","status":503}`) {
		t.Error(text)
	}
	if resp := w.send(w.confirmation(token)); resp.status != 503 {
		t.Error(resp.status)
	}
	for _, bad := range []string{`{"api":{"reset":"x"}}`, `{"all":{}}`, `{"api":{"delay":"soon"}}`, ``} {
		if status, _, _ := call("PUT", "/faults", bad); status != 400 {
			t.Errorf("%s: %d", bad, status)
		}
	}
	if status, _, _ := call("PUT", "/faults", `{"token":{"status":500},"api":{"reset":"x"}}`); status != 400 || w.bank.Faults().take(true, "") != (Fault{}) {
		t.Errorf("%d, or half of wrong faults was taken", status)
	}
	if status, _, _ := call("POST", "/expire-tokens", ""); status != 204 {
		t.Error(status)
	}
	w.expect(w.send(w.confirmation(token)), 401, "unknown or was revoked")
	if _, text, _ := call("GET", "/stats", ""); !strings.Contains(text, `"requests":4,"refused":1,"signature_failures":0,"token_calls":1`) {
		t.Error(text)
	}
	if status, _, _ := call("POST", "/reset", ""); status != 204 || len(w.bank.Records()) != 0 || w.bank.Stats().Requests != 0 {
		t.Error(status)
	}
	q := values("response_type", "code", "client_id", orgID, "redirect_uri", callback, "scope", "aisp").Encode()
	if status, _, h := call("GET", "/stet/psd2/oauth/authorize?"+q, ""); status != 302 || !strings.HasPrefix(h.Get("Location"), callback+"&") && !strings.Contains(h.Get("Location"), "code=") {
		t.Error(status, h)
	}
	if status, _, _ := call("GET", "/stet/psd2/oauth/authorize", ""); status != 400 {
		t.Error(status)
	}
}

// TestRecordsAreBounded: the ring forgets the oldest.
func TestRecordsAreBounded(t *testing.T) {
	var l ledger
	for i := range maxRecords + 5 {
		l.add(&Record{Status: i}, false)
	}
	all := l.all()
	if len(all) != maxRecords || all[0].Status != 5 || all[maxRecords-1].Status != maxRecords+4 {
		t.Errorf("%d records, from %d to %d", len(all), all[0].Status, all[maxRecords-1].Status)
	}
}

func TestMemoryForgetsOldest(t *testing.T) {
	m := newMemory()
	for i := range memorySize {
		if !m.remember(strconv.Itoa(i)) {
			t.Fatal(i)
		}
	}
	m.forget("0")
	if !m.remember("0") || m.remember("0") || m.remember(strconv.Itoa(memorySize-1)) {
		t.Error("forgotten and remembered wrongly")
	}
	for i := range memorySize {
		m.remember("x" + strconv.Itoa(i))
	}
	if len(m.seen) > memorySize || !m.remember("5") {
		t.Errorf("%d values kept", len(m.seen))
	}
}
