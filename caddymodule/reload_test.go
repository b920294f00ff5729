package caddymodule_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestReloadUnderLoad changes the configuration again and again while calls are
// made. The token is kept, the counters go on, and no call that reached the
// sidecar is lost.
//
// A reload still costs an app some connections, which is Caddy's and net/http's
// way and happens before the sidecar sees a request, so that nothing goes to the
// bank and the call can be repeated:
//
//   - Each configuration has a listening socket of its own (SO_REUSEPORT). What
//     waits in the former one's queue when that is closed is reset by the kernel.
//   - A server that shuts down closes a connection instead of serving a request
//     that it finished reading after that (net/http, conn.serve).
//   - It also closes idle keep-alive connections, and an app may be writing to
//     one at that moment (RFC 9112 section 9.5).
func TestReloadUnderLoad(t *testing.T) {
	for name, keepAlive := range map[string]bool{"connection for each call": false, "keep-alive": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			clients := make([]*http.Client, 20)
			for n := range clients {
				clients[n] = plain()
				clients[n].Transport.(*http.Transport).DisableKeepAlives = !keepAlive
			}
			r.reloadUnderLoad(clients)
		})
	}
}

// reloadUnderLoad makes calls with all clients over six reloads.
func (r *rig) reloadUnderLoad(clients []*http.Client) {
	r.t.Helper()
	const reloads = 6
	sites := []string{metricsSite, metricsSite + "\nheader X-Generation odd"}
	r.awaitBank()
	defer goleak.VerifyNone(r.t, append(caddysOwn, goleak.IgnoreCurrent())...)
	r.load(parts{site: sites[0]})
	before := r.requests("2xx")
	var (
		calls       sync.WaitGroup
		end         = make(chan struct{})
		answered    atomic.Int64
		disconnects atomic.Int64
	)
	for _, client := range clients {
		calls.Go(func() {
			defer client.CloseIdleConnections()
			for open := true; open; {
				err := r.quietFunds(client)
				for again := 0; disconnected(err) && again < 3; again++ {
					disconnects.Add(1)
					err = r.quietFunds(client)
				}
				if err != nil {
					r.t.Errorf("a call failed: %v", err)
					return
				}
				answered.Add(1)
				select {
				case <-end:
					open = false
				default:
				}
			}
		})
	}
	for n := range reloads {
		time.Sleep(150 * time.Millisecond)
		r.load(parts{site: sites[(n+1)%2]})
	}
	time.Sleep(150 * time.Millisecond)
	close(end)
	calls.Wait()
	if got := r.requests("2xx") - before; got != float64(answered.Load()) {
		r.t.Errorf("%v calls were counted, %d were answered", got, answered.Load())
	}
	stats := r.bank.Stats()
	if got := stats.Operations["funds-confirmations"]; int64(got) != answered.Load() {
		r.t.Errorf("the bank got %d calls, %d were answered: calls were taken and lost", got, answered.Load())
	}
	if stats.TokenCalls != 1 || stats.Refused > 0 {
		r.t.Errorf("the token endpoint was asked %d times, the bank refused %d requests", stats.TokenCalls, stats.Refused)
	}
	if got := strings.Count(r.log(), `"logger":"tpp","msg":"serving"`); got != reloads+1 {
		r.t.Errorf("%d starts were logged, want %d", got, reloads+1)
	}
	r.t.Logf("%d calls over %d reloads, %d connections closed before a call was taken", answered.Load(), reloads, disconnects.Load())
	stop(r.t)
}

// awaitBank waits until the bank's goroutines are there.
func (r *rig) awaitBank() {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.bank.Addr().String())
	r.check(err)
	r.check(conn.Close())
	r.eventually(func() bool { return r.bank.Stats().HandshakeFailures > 0 })
}

// disconnected tells an error that means that no byte of an answer came.
func disconnected(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// quietFunds makes the main job's call from any goroutine.
func (r *rig) quietFunds(client *http.Client) error {
	req, err := http.NewRequest("POST", "http://"+r.app+"/bpgo/funds-confirmations", strings.NewReader(fundsBody))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("PSU-IP-Address", publicIP)
	response, err := client.Do(req)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := io.Copy(&body, response.Body); err != nil {
		return fmt.Errorf("reading the answer: %s", err) // an answer that breaks off is no disconnect
	}
	if response.StatusCode != 200 || !strings.Contains(body.String(), `"result":true`) {
		return fmt.Errorf("%d %s", response.StatusCode, &body)
	}
	return nil
}

// TestBrokenReloadKeepsServing holds that a configuration that is refused
// leaves the former one as it was, and nothing of itself behind.
func TestBrokenReloadKeepsServing(t *testing.T) {
	r := newRig(t)
	r.load(parts{})
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	for range 3 {
		config, err := adapt(r.text(parts{tpp: "aspsp other {\nprofile bpce\nbase_url http://x.example\nidentity acme\n}"}))
		r.check(err)
		if err := loadConfig(config); err == nil {
			t.Fatal("a wrong configuration was loaded")
		}
		r.compliant(r.funds("PSU-IP-Address", publicIP))
	}
	if calls := r.bank.TokenCalls(); calls != 1 {
		t.Errorf("%d token calls", calls)
	}
	// The watcher is still there: renewed certificates are picked up.
	r.check(r.bank.AddQSEAL(renewed().qseal.Certificate))
	r.install("acme", renewed())
	r.eventually(func() bool {
		record := r.compliant(r.funds("PSU-IP-Address", publicIP))
		return record.ClientCert.SerialNumber.Cmp(renewed().qwac.Certificate.SerialNumber) == 0
	})
}

// TestOtherFilesAtReload holds that an identity whose files are others after a
// reload uses those from the next call on.
func TestOtherFilesAtReload(t *testing.T) {
	r := newRig(t)
	r.check(r.bank.AddQSEAL(renewed().qseal.Certificate))
	r.load(parts{})
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	r.install("moved", renewed())
	r.loadText(strings.ReplaceAll(r.text(parts{}), "/acme-q", "/moved-q"))
	record := r.compliant(r.funds("PSU-IP-Address", publicIP))
	if record.ClientCert.SerialNumber.Cmp(renewed().qwac.Certificate.SerialNumber) != 0 ||
		record.QSEAL.SerialNumber.Cmp(renewed().qseal.Certificate.SerialNumber) != 0 {
		t.Error("the former certificates went out")
	}
}
