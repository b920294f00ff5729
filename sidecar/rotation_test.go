package sidecar_test

import (
	"crypto"
	"io"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// numberedPair issues a pair whose serial numbers tell the generation: the
// QWAC's and the QSEAL's are n and n+1000. Keys are shared, since RSA keys take
// long to make; no certificate is.
func numberedPair(t testing.TB, n int64, qwac, qseal crypto.Signer) pair {
	t.Helper()
	return issue(t, testpki.Profile{Signer: qwac, Serial: big.NewInt(n)}, testpki.Profile{Signer: qseal, Serial: big.NewInt(n + 1000)})
}

// everything keeps more records than a bank does.
type everything struct {
	mu      sync.Mutex
	records []sandbox.Record
}

func (e *everything) add(record *sandbox.Record) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.records = append(e.records, *record)
}

// await waits for n more records.
func (e *everything) await(t *testing.T, n int) {
	t.Helper()
	count := func() int {
		e.mu.Lock()
		defer e.mu.Unlock()
		return len(e.records)
	}
	for start, deadline := count(), time.Now().Add(10*time.Second); count() < start+n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d requests in 10 s", count()-start)
		}
	}
}

func TestRotationUnderLoad(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		seen := &everything{}
		r := newRig(t, options{
			bank:   func(o *sandbox.Options) { o.HTTP2, o.OnRequest = http2, seen.add },
			config: func(c *sidecar.Config) { c.HTTP2 = http2 },
		})
		qwacKey, qsealKey := secondTPP(t).qwac.Key, firstTPP().qseal.Key
		var pairs []pair
		for n := range int64(4) {
			p := numberedPair(t, 100+n, qwacKey, qsealKey)
			r.check(r.bank.AddQSEAL(p.qseal.Certificate))
			pairs = append(pairs, p)
		}
		stop := make(chan struct{})
		var workers sync.WaitGroup
		for range 20 {
			workers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					a := r.funds("PSU-IP-Address", publicIP)
					if a.status != 200 {
						t.Errorf("a call failed: %d %s", a.status, a.body)
						return
					}
				}
			})
		}
		for i, p := range pairs {
			if i == 1 {
				r.breakFiles()
			}
			r.install(p)
			changed, _, err := r.identity.Reload()
			if err != nil || !changed {
				t.Errorf("reload: changed %t, %v", changed, err)
			}
			seen.await(t, 40)
		}
		close(stop)
		workers.Wait()
		r.sameGeneration(seen.records, pairs)
		if len(r.unlinked) > 0 {
			t.Errorf("unlinked: %v", r.unlinked)
		}
	}
}

// breakFiles tries every kind of unusable content, none of which may be adopted.
func (r *rig) breakFiles() {
	r.t.Helper()
	before := r.identity.Current()
	for _, name := range []string{"qwac.pem", "qwac-key.pem", "qseal.pem", "qseal-key.pem"} {
		file := filepath.Join(r.dir, name)
		good, err := os.ReadFile(file)
		r.check(err)
		for _, bad := range [][]byte{nil, []byte("no PEM"), good[:len(good)/2], []byte(strings.ReplaceAll(string(good), "A", "B"))} {
			r.check(os.WriteFile(file, bad, 0o600))
			if changed, _, err := r.identity.Reload(); changed || err == nil {
				r.t.Errorf("%s with %d bytes was adopted: %v", name, len(bad), err)
			}
		}
		r.check(os.Remove(file))
		if changed, _, err := r.identity.Reload(); changed || err == nil {
			r.t.Errorf("adopted without %s: %v", name, err)
		}
		r.check(os.WriteFile(file, good, 0o600))
	}
	if r.identity.Current() != before {
		r.t.Error("the generation changed")
	}
}

// sameGeneration fails unless in each request TLS certificate, keyId and
// signature were of one generation, and every generation was used.
func (r *rig) sameGeneration(records []sandbox.Record, pairs []pair) {
	r.t.Helper()
	used := map[string]int{}
	for _, record := range records {
		if record.Proto == "TLS" {
			continue // a connection given up before a request needed it
		}
		if len(record.Problems) > 0 {
			r.t.Errorf("%s: %q", record.Operation, record.Problems)
		}
		if record.Operation == "token" {
			continue
		}
		web, seal := record.ClientCert.SerialNumber, record.QSEAL.SerialNumber
		if !strings.HasPrefix(record.KeyID, "SN="+seal.Text(16)+",") {
			r.t.Errorf("keyId %s with QSEAL %x", record.KeyID, seal)
		}
		first := web.Cmp(firstTPP().qwac.Certificate.SerialNumber) == 0 && seal.Cmp(firstTPP().qseal.Certificate.SerialNumber) == 0
		if !first && new(big.Int).Sub(seal, web).Int64() != 1000 {
			r.t.Errorf("QWAC %d with QSEAL %d", web, seal)
		}
		used[web.String()]++
	}
	for _, p := range pairs {
		if used[p.qwac.Certificate.SerialNumber.String()] == 0 {
			r.t.Errorf("QWAC %d was never used; used were %v", p.qwac.Certificate.SerialNumber, used)
		}
	}
	last := records[len(records)-1]
	if got, want := last.ClientCert.SerialNumber, pairs[len(pairs)-1].qwac.Certificate.SerialNumber; got.Cmp(want) != 0 {
		r.t.Errorf("the last call showed QWAC %d, want %d", got, want)
	}
}

func TestGenerationThatDoesNotFitIsNotUsed(t *testing.T) {
	r := newRig(t, options{})
	r.accepted(r.funds(), 200)
	keyID := r.aspsp.KeyID()
	shared := firstTPP()
	for name, p := range map[string]pair{
		"role missing in both":  issue(t, testpki.Profile{Signer: shared.qwac.Key, Roles: []string{"PSP_AI"}}, testpki.Profile{Signer: shared.qseal.Key, Roles: []string{"PSP_AI"}}),
		"EC key for rsa-sha256": issue(t, testpki.Profile{Signer: shared.qwac.Key}, testpki.Profile{Key: "p256"}),
	} {
		r.unlinked = nil
		r.install(p)
		if changed, _, err := r.identity.Reload(); err != nil || !changed {
			t.Fatalf("%s: changed %t, %v", name, changed, err)
		}
		for range 3 {
			record := r.accepted(r.funds(), 200)
			if record.ClientCert.SerialNumber.Cmp(shared.qwac.Certificate.SerialNumber) != 0 || r.aspsp.KeyID() != keyID {
				t.Errorf("%s: the new certificates are in use", name)
			}
		}
		if len(r.unlinked) != 1 {
			t.Errorf("%s: Unlinked was told %d times: %v", name, len(r.unlinked), r.unlinked)
		}
		if _, err := r.newASPSP(options{}); err == nil {
			t.Errorf("%s: a new ASPSP was made of them", name)
		}
	}
	// One that fits again is adopted.
	p := numberedPair(t, 500, shared.qwac.Key, shared.qseal.Key)
	r.check(r.bank.AddQSEAL(p.qseal.Certificate))
	r.install(p)
	_, _, err := r.identity.Reload()
	r.check(err)
	if record := r.accepted(r.funds(), 200); record.ClientCert.SerialNumber.Int64() != 500 {
		t.Errorf("QWAC %d", record.ClientCert.SerialNumber)
	}
}

func TestFormerCertificateLeavesTheWire(t *testing.T) {
	r := newRig(t, options{})
	r.check(r.bank.Faults().SetAPI(sandbox.Fault{Delay: sandbox.Wait(200 * time.Millisecond), Next: 1}))
	finished := make(chan answer)
	go func() { finished <- r.funds() }()
	time.Sleep(100 * time.Millisecond)
	p := numberedPair(t, 600, firstTPP().qwac.Key, firstTPP().qseal.Key)
	r.check(r.bank.AddQSEAL(p.qseal.Certificate))
	r.install(p)
	_, _, err := r.identity.Reload()
	r.check(err)
	r.accepted(r.funds(), 200)
	if a := <-finished; a.status != 200 {
		t.Errorf("the call in flight: %d %s", a.status, a.body)
	}
	before := r.bank.Stats().Connections
	if record := r.accepted(r.funds(), 200); record.ClientCert.SerialNumber.Int64() != 600 {
		t.Errorf("QWAC %d", record.ClientCert.SerialNumber)
	}
	if n := r.bank.Stats().Connections - before; n != 0 {
		t.Errorf("%d new connections", n)
	}
}

// TestLateCallLeavesNoConnectionOfAFormerCertificate sends with a generation
// that was replaced between the checks and the attempt.
func TestLateCallLeavesNoConnectionOfAFormerCertificate(t *testing.T) {
	b := newRawBank(t, nil, answerOK)
	r := b.toward(t, options{})
	req := httptest.NewRequest("GET", "/x", nil)
	req.Header.Set("Authorization", "Bearer x")
	ex, err := sidecar.Route{ASPSP: r.aspsp}.Prepare(req, nil)
	r.check(err)
	r.install(numberedPair(t, 700, firstTPP().qwac.Key, firstTPP().qseal.Key))
	_, _, err = r.identity.Reload()
	r.check(err)
	r.call("GET", "/x", "", "Authorization", "Bearer x")
	response, err := ex.RoundTrip(ex.ForProxy(req, false))
	r.check(err)
	if b.live() != 2 {
		t.Errorf("%d connections during the late call", b.live())
	}
	_, err = io.Copy(io.Discard, response.Body)
	r.check(err)
	response.Body.Close()
	for deadline := time.Now().Add(5 * time.Second); b.live() > 1 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
	}
	if got := b.received(); b.live() != 1 || got[0].serial == got[1].serial {
		t.Errorf("%d connections, QWACs %s and %s", b.live(), got[0].serial, got[1].serial)
	}
}

func TestRepetitionUsesThePresentCertificates(t *testing.T) {
	var rotate sync.Once
	var onRefused func()
	r := newRig(t, options{bank: func(o *sandbox.Options) {
		o.OnRequest = func(record *sandbox.Record) {
			if record.Status == 401 {
				rotate.Do(onRefused)
			}
		}
	}})
	p := numberedPair(t, 800, firstTPP().qwac.Key, firstTPP().qseal.Key)
	r.check(r.bank.AddQSEAL(p.qseal.Certificate))
	onRefused = func() {
		r.install(p)
		if _, _, err := r.identity.Reload(); err != nil {
			t.Error(err)
		}
	}
	r.accepted(r.funds(), 200)
	r.bank.ExpireTokens()
	record := r.accepted(r.funds(), 200)
	if record.ClientCert.SerialNumber.Int64() != 800 || record.QSEAL.SerialNumber.Int64() != 1800 {
		t.Errorf("QWAC %d, QSEAL %d", record.ClientCert.SerialNumber, record.QSEAL.SerialNumber)
	}
}

func TestExpiredCertificateStopsCalls(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	r := newRig(t, options{})
	a, err := sidecar.New(r.aspsp.Config(), sidecar.Dependencies{Tokens: r.tokens, Now: clock})
	r.check(err)
	defer a.Close()
	r.aspsp = a
	r.accepted(r.funds(), 200)
	now = now.AddDate(2, 0, 0)
	p := r.refusedAs(r.funds(), sidecar.CodeCertificateUnusable, 503, "no")
	if !strings.Contains(p.Detail, "QWAC") {
		t.Errorf("detail %q", p.Detail)
	}
}
