package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

func (w *world) tokenFault(f Fault) {
	w.Helper()
	if err := w.bank.Faults().SetToken(f); err != nil {
		w.Fatal(err)
	}
}

// TestTokenFaults sends a refresh into each fault, and looks at what the
// client saw, whether the bank acted, and what it counted.
func TestTokenFaults(t *testing.T) {
	none := func(resp response, err error) bool { return errors.Is(err, syscall.ECONNRESET) && resp.status == 0 }
	status := func(want int, holds string) func(response, error) bool {
		return func(resp response, err error) bool {
			return err == nil && resp.status == want && strings.Contains(resp.body, holds)
		}
	}
	partial := func(tail string) func(response, error) bool {
		return func(resp response, err error) bool {
			return resp.status == 200 && (tail == "" || strings.HasSuffix(resp.body, tail)) && !json.Valid([]byte(resp.body))
		}
	}
	for name, test := range map[string]struct {
		fault     Fault
		seen      func(response, error) bool
		processed int
		outcome   string
	}{
		"dropped before":     {Fault{Reset: ResetBefore}, none, 0, OutcomeUnprocessed},
		"dropped after":      {Fault{Reset: ResetAfter}, none, 1, OutcomeLost},
		"midway":             {Fault{Reset: ResetMidway}, partial(""), 1, OutcomeLost},
		"500 before":         {Fault{Status: 500}, status(500, "server_error"), 0, OutcomeUnprocessed},
		"500 after":          {Fault{Status: 500, Processed: true}, status(500, "server_error"), 1, OutcomeLost},
		"HTML 200 before":    {Fault{Status: 200, HTML: true}, status(200, "<html>"), 0, OutcomeUnprocessed},
		"HTML 502 after":     {Fault{Status: 502, HTML: true, Processed: true}, status(502, "<html>"), 1, OutcomeLost},
		"429":                {Fault{Status: 429, RetryAfter: 3, Code: "slow_down", Description: "easy"}, status(429, `"error":"slow_down","error_description":"easy"`), 0, OutcomeUnprocessed},
		"error in 200":       {Fault{Status: 200, Code: "invalid_grant"}, status(200, `"error":"invalid_grant"`), 0, OutcomeUnprocessed},
		"broken off":         {Fault{Truncate: TruncateBroken, TruncateAt: 30}, partial(`{"access_token":"a`), 1, OutcomeLost},
		"half, ended well":   {Fault{Truncate: TruncateClean}, partial(""), 1, OutcomeLost},
		"all but one":        {Fault{Truncate: TruncateClean, TruncateAt: -1}, partial(`"`), 1, OutcomeLost},
		"delayed":            {Fault{Delay: Wait(time.Millisecond)}, status(200, "access_token"), 1, OutcomeGranted},
		"delayed after":      {Fault{Delay: Wait(time.Millisecond), Processed: true}, status(200, "access_token"), 1, OutcomeGranted},
		"slow":               {Fault{DripBytes: 40, DripEvery: Wait(time.Millisecond)}, status(200, "access_token"), 1, OutcomeGranted},
		"another grant_type": {Fault{Status: 500, GrantType: "authorization_code"}, status(200, "access_token"), 1, OutcomeGranted},
		"this grant_type":    {Fault{Status: 500, GrantType: "refresh_token"}, status(500, ""), 0, OutcomeUnprocessed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, r := w.psuToken("aisp", marc)
			w.bank.Reset()
			w.tokenFault(test.fault)
			form := w.formRequest("/stet/psd2/oauth/token", values("client_id", orgID, "grant_type", "refresh_token", "refresh_token", r))
			resp, err := exchange(w.dial(w.qwac), form.bytes(), "POST")
			if test.fault.Truncate == TruncateBroken {
				if !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("the end of the body: %v", err)
				}
				test.seen = func(resp response, _ error) bool {
					return len(resp.body) == 30 && strings.HasPrefix(resp.body, `{"access_token":"a`)
				}
			}
			if !test.seen(resp, err) {
				t.Errorf("the client saw %d %q %v", resp.status, resp.body, err)
			}
			want := RefreshStats{Asked: 1, Processed: test.processed}
			got := w.bank.Stats().Tokens
			if got.Refreshes != want || got.PSUs[marc] != want || got.Tokens[TokenHash(r)] != want ||
				!reflect.DeepEqual(got.Outcomes, map[string]map[string]int{"refresh_token": {test.outcome: 1}}) {
				t.Errorf("counted %+v", got)
			}
		})
	}
}

// TestHangs: the bank acts first or not at all, and the client learns nothing.
func TestHangs(t *testing.T) {
	for _, processed := range []bool{false, true} {
		w := newWorld(t)
		a, r := w.psuToken("aisp", marc)
		w.tokenFault(Fault{Hang: true, Processed: processed, Next: 1})
		conn := w.dial(w.qwac)
		form := w.formRequest("/stet/psd2/oauth/token", values("client_id", orgID, "grant_type", "refresh_token", "refresh_token", r))
		if _, err := conn.Write(form.bytes()); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		conn.Close()
		if processed == w.alive(a) {
			t.Errorf("processed %v, but the old access token says otherwise", processed)
		}
		want := map[bool]string{true: OutcomeLost, false: OutcomeUnprocessed}[processed]
		if n := w.bank.Stats().Tokens.Outcomes["refresh_token"][want]; n != 1 {
			t.Errorf("%+v", w.bank.Stats().Tokens)
		}
	}
}

// TestDripIsSlow: the head comes at once, the body in portions.
func TestDripIsSlow(t *testing.T) {
	w := newWorld(t)
	w.tokenFault(Fault{DripBytes: 20, DripEvery: Wait(30 * time.Millisecond)})
	conn := w.dial(w.qwac)
	form := w.formRequest("/stet/psd2/oauth/token", values("client_id", orgID, "grant_type", "client_credentials", "scope", "cbpii"))
	start := time.Now()
	if _, err := conn.Write(form.bytes()); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	first := make([]byte, 100)
	n, err := resp.Body.Read(first)
	if err != nil || n != 20 {
		t.Errorf("%d bytes first, %v", n, err)
	}
	rest, err := io.ReadAll(resp.Body)
	portions := (len(rest) + 19) / 20
	if d := time.Since(start); err != nil || d < time.Duration(portions)*30*time.Millisecond {
		t.Errorf("%d portions in %s, %v", portions, d, err)
	}
	// A client that leaves early must not be waited for.
	w.tokenFault(Fault{DripBytes: 1, DripEvery: Wait(time.Second)})
	hasty := w.dial(w.qwac)
	if _, err := hasty.Write(form.bytes()); err != nil {
		t.Fatal(err)
	}
	hasty.Close()
}

// TestReuseIsCounted: refreshes with dead tokens show, with their owner.
func TestReuseIsCounted(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rules.Tokens.Refresh = RefreshRotated })
	_, r1 := w.psuToken("aisp", marc)
	r2 := text(w.refresh(r1).json(t)["refresh_token"])
	for range 2 {
		w.expectOf(w.refresh(r1), 400, "invalid_grant", "rotated away")
	}
	w.refresh("never given")
	w.refresh(r2)
	got := w.bank.Stats().Tokens
	if got.Refreshes != (RefreshStats{Asked: 5, Processed: 2, Reused: 2}) || got.PSUs[marc] != (RefreshStats{Asked: 4, Processed: 2, Reused: 2}) ||
		got.Tokens[TokenHash(r1)] != (RefreshStats{Asked: 3, Processed: 1, Reused: 2}) || len(got.Tokens) != 2 {
		t.Errorf("%+v", got)
	}
	w.form(w.qwac, values("grant_type", "x"))
	raw, err := json.Marshal(w.bank.Stats())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"refresh_token":{"granted":2,"refused":3}`, `"other":{"refused":1}`, `"psus":{"D0999990I0":{"asked":4,"processed":2,"reused":2}}`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("%s is not in %s", want, raw)
		}
	}
	for _, token := range []string{r1, r2} {
		if strings.Contains(string(raw), token) {
			t.Error("a token's value is in the counters")
		}
	}
}

// TestParallelRefreshes: of many with one rotating token, one is processed.
func TestParallelRefreshes(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rules.Tokens.Refresh = RefreshRotated })
	_, r := w.psuToken("aisp", marc)
	form := w.formRequest("/stet/psd2/oauth/token", values("client_id", orgID, "grant_type", "refresh_token", "refresh_token", r)).bytes()
	var conns []net.Conn
	for range 8 {
		conns = append(conns, w.dial(w.qwac))
	}
	statuses := make(chan int, len(conns))
	for _, conn := range conns {
		go func() {
			resp, _ := exchange(conn, form, "POST")
			statuses <- resp.status
		}()
	}
	count := map[int]int{}
	for range conns {
		count[<-statuses]++
	}
	if count[200] != 1 || count[400] != 7 || w.bank.Stats().Tokens.PSUs[marc].Processed != 1 {
		t.Errorf("%v %+v", count, w.bank.Stats().Tokens)
	}
}

func TestTokenFaultsAreChecked(t *testing.T) {
	var f Faults
	for _, bad := range []Fault{{Truncate: "x"}, {DripBytes: -1}, {DripEvery: -1}} {
		if f.SetToken(bad) == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	if f.SetAPI(Fault{GrantType: "refresh_token"}) == nil || f.SetToken(Fault{GrantType: "refresh_token"}) != nil {
		t.Error("grant_type belongs to the token endpoint")
	}
}
