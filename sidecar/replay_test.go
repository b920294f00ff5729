package sidecar_test

import (
	"crypto/tls"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// distinct fails if two appearances on the wire have a value in common that a
// bank must refuse the second time.
func distinct(t *testing.T, requests []*rawRequest, names ...string) {
	t.Helper()
	for _, name := range names {
		seen := map[string]bool{}
		for _, request := range requests {
			value := request.Header.Get(name)
			if value == "" || seen[value] {
				t.Errorf("%s %q is missing or there twice among %d requests", name, value, len(requests))
			}
			seen[value] = true
		}
	}
}

// dying answers every request of even number by closing the connection after
// having read all of it: the moment at which net/http repeats by itself.
func dying(cut func(*tls.Conn)) func(conn *tls.Conn, r *rawRequest, nth int) {
	return func(conn *tls.Conn, r *rawRequest, nth int) {
		if nth%2 == 0 {
			cut(conn)
			return
		}
		answerOK(conn, r, nth)
	}
}

func closeTCP(conn *tls.Conn) { conn.NetConn().Close() }
func closeTLS(conn *tls.Conn) { conn.Close() }

func TestDeadConnectionNeverRepeatsTheSameBytes(t *testing.T) {
	for name, cut := range map[string]func(*tls.Conn){"FIN": closeTCP, "close_notify": closeTLS, "RST": reset} {
		b := newRawBank(t, nil, dying(cut))
		r := b.toward(t, options{})
		for i := range 6 {
			a := r.call("GET", "/x", "", "Authorization", "Bearer x")
			if a.status != 200 {
				t.Fatalf("%s: call %d: %d %s", name, i, a.status, a.body)
			}
			if got := b.last(t).Header.Get("X-Request-ID"); a.header.Get("X-Request-ID") != got {
				t.Errorf("the app got X-Request-ID %q, the bank's last is %q", a.header.Get("X-Request-ID"), got)
			}
		}
		requests := b.received()
		if len(requests) != 11 {
			t.Errorf("%s: %d requests for 6 calls of which 5 met a dead connection", name, len(requests))
		}
		distinct(t, requests, "Signature", "X-Request-ID")
		if len(r.replays) != 5 || r.replays[0] != "connection" || r.lastEvent().Attempts != 2 {
			t.Errorf("%s: replays %q, event %+v", name, r.replays, r.lastEvent())
		}
	}
}

func TestDeadConnectionWithTheAppsOwnRequestID(t *testing.T) {
	b := newRawBank(t, nil, dying(closeTCP))
	r := b.toward(t, options{})
	r.call("GET", "/x", "", "Authorization", "Bearer x")
	a := r.call("GET", "/x", "", "Authorization", "Bearer x", "X-Request-ID", "own")
	requests := b.received()
	if a.status != 200 || len(requests) != 3 || requests[1].Header.Get("X-Request-ID") != "own" || requests[2].Header.Get("X-Request-ID") != "own" {
		t.Fatalf("%d %s; %d requests", a.status, a.body, len(requests))
	}
	distinct(t, requests[1:], "Signature", "Date")
}

func TestWrittenRequestsThatMayNotBeRepeated(t *testing.T) {
	for _, c := range []struct {
		method, body string
		headers      []string
	}{
		{"POST", "{}", nil}, {"POST", "", nil}, {"PUT", "{}", nil}, {"PATCH", "{}", nil}, {"DELETE", "", nil},
		{"POST", "{}", []string{"Idempotency-Key", "1"}}, {"POST", "", []string{"X-Idempotency-Key", "1"}}, {"DELETE", "", []string{"Idempotency-Key", "1"}},
	} {
		b := newRawBank(t, nil, dying(closeTCP))
		r := b.toward(t, options{})
		headers := append([]string{"Authorization", "Bearer x"}, c.headers...)
		r.call("GET", "/x", "", headers...)
		a := r.call(c.method, "/x", c.body, headers...)
		r.refusedAs(a, sidecar.CodeBankConnectionLost, 502, "maybe")
		if n := len(b.received()); n != 2 {
			t.Errorf("%s %q %v appeared %d times", c.method, c.body, c.headers, n-1)
		}
	}
}

func TestBankThatClosesEveryConnection(t *testing.T) {
	b := newRawBank(t, nil, func(conn *tls.Conn, r *rawRequest, nth int) {
		if nth > 1 {
			conn.NetConn().Close()
			return
		}
		answerOK(conn, r, nth)
	})
	r := b.toward(t, options{})
	r.call("GET", "/x", "", "Authorization", "Bearer x")
	a := r.call("GET", "/x", "", "Authorization", "Bearer x")
	r.refusedAs(a, sidecar.CodeBankConnectionLost, 502, "maybe")
	if n := len(b.received()); n > 5 {
		t.Errorf("%d requests", n)
	}
	distinct(t, b.received(), "Signature", "X-Request-ID")
}

func TestIdleConnectionClosedBetweenCalls(t *testing.T) {
	r := newRig(t, options{})
	r.check(r.bank.Faults().SetAPI(sandbox.Fault{CloseAfter: 1}))
	for i := range 12 {
		a := r.idleThenCall(i)
		if a.header.Get(sidecar.ErrorHeader) != "" {
			t.Errorf("call %d: %s", i, a.body)
		}
	}
	signatures, posts := map[string]bool{}, 0
	for _, record := range r.calls() {
		signatures[record.Header.Get("Signature")] = true
		if record.Method == "POST" {
			posts++
		}
		if strings.Contains(strings.Join(record.Problems, " "), "before") {
			t.Errorf("the bank saw a repetition: %q", record.Problems)
		}
	}
	if posts != 6 || len(signatures) != len(r.calls()) {
		t.Errorf("%d POSTs, %d signatures for %d requests", posts, len(signatures), len(r.calls()))
	}
}

// idleThenCall makes a POST or a GET after the bank's FIN has had time to be
// seen, as it has in practice: banks close connections after seconds.
func (r *rig) idleThenCall(i int) answer {
	r.t.Helper()
	time.Sleep(30 * time.Millisecond)
	if i%2 == 0 {
		return r.funds()
	}
	return r.call("GET", "/accounts", "")
}

func TestHTTP2ConnectionGivenUpByTheBank(t *testing.T) {
	b := newH2Bank(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // GOAWAY after this answer
	})
	r := b.toward(t, options{config: func(c *sidecar.Config) { c.HTTP2 = true }})
	for i := range 20 {
		a := r.call([]string{"GET", "POST", "DELETE"}[i%3], "/x", strings.Repeat("x", i%2), "Authorization", "Bearer x")
		if a.status != 200 {
			t.Errorf("call %d: %s", i, a.body)
		}
	}
	requests := b.received()
	if len(requests) != 20 || requests[0].ProtoMajor != 2 {
		t.Errorf("%d requests over %s for 20 calls", len(requests), requests[0].Proto)
	}
	distinct(t, requests, "Signature", "X-Request-ID")
}

// TestPoolFullOfDeadConnections is a bank, or a firewall, that has given up all
// idle connections without a word that net/http could have seen.
func TestPoolFullOfDeadConnections(t *testing.T) {
	const pooled = 5
	var all sync.WaitGroup
	all.Add(pooled)
	var mu sync.Mutex
	carried := map[*tls.Conn]int{}
	b := newRawBank(t, nil, func(conn *tls.Conn, r *rawRequest, nth int) {
		mu.Lock()
		carried[conn]++
		second := carried[conn] > 1
		mu.Unlock()
		if second {
			closeTCP(conn)
			return
		}
		if nth <= pooled {
			all.Done()
			all.Wait()
		}
		answerOK(conn, r, nth)
	})
	r := b.toward(t, options{})
	var wg sync.WaitGroup
	for range pooled {
		wg.Go(func() { r.call("GET", "/x", "", "Authorization", "Bearer x") })
	}
	wg.Wait()
	a := r.call("GET", "/x", "", "Authorization", "Bearer x")
	requests := b.received()
	if a.status != 200 || len(requests) != pooled+3 {
		t.Errorf("%d %s after %d requests", a.status, a.body, len(requests)-pooled)
	}
	distinct(t, requests, "Signature", "X-Request-ID")
}
