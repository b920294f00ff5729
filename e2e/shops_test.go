package e2e

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// shop is a world whose sidecars call a payment system that is no PSD2 API.
type shop struct {
	*world
	*process
}

// newShop starts a sidecar with one more aspsp, which has {{BANK}} and {{DIR}}
// in its block, and one more site block.
func newShop(t *testing.T, aspsp, site string, adjust func(*world, *sandbox.Options)) *shop {
	t.Helper()
	w := newWorld(t, sandbox.TokenRules{}, parts{}, func(w *world, o *sandbox.Options) {
		o.Shops.CertificateOptional = true
		adjust(w, o)
	})
	fill := strings.NewReplacer("{{BANK}}", w.network.url(), "{{DIR}}", w.dir)
	w.config.tpp, w.config.site = fill.Replace(aspsp), site
	return &shop{w, w.start("one")}
}

// keep puts a secret where sidecars read it, and nowhere else.
func (w *world) keep(name, value string) {
	w.t.Helper()
	check(w.t, os.WriteFile(w.file(name), []byte(value), 0o600))
	w.secret(value)
}

// post calls through the sidecar. The header has names and values.
func (s *shop) post(path string, body io.Reader, header ...string) answer {
	s.world.t.Helper()
	request, err := http.NewRequest("POST", "http://sidecar"+path, body)
	check(s.world.t, err)
	for i := 0; i < len(header); i += 2 {
		request.Header[header[i]] = []string{header[i+1]}
	}
	return do(s.app, request)
}

// arrived is how often the bank got requests of that operation since its reset.
func (s *shop) arrived(operation string) int { return s.bank.Stats().Operations[operation] }

// calmly wants the bank to have had no complaint, ever.
func (s *shop) calmly() {
	s.world.t.Helper()
	for _, record := range s.bank.Records() {
		if len(record.Problems) > 0 {
			s.world.t.Errorf("%s: %q", record.Operation, record.Problems)
		}
	}
}

// mishaps are what may become of a request that must not be repeated, and what
// the application is told.
func mishaps() map[string]struct {
	fault  sandbox.Fault
	status int
	code   string
} {
	const lost, late = "bank-connection-lost", "bank-timeout"
	return map[string]struct {
		fault  sandbox.Fault
		status int
		code   string
	}{
		"503":            {sandbox.Fault{Status: 503, RetryAfter: 1}, 503, ""},
		"503 of gateway": {sandbox.Fault{Status: 503, HTML: true}, 503, ""},
		"503 too late":   {sandbox.Fault{Status: 503, Processed: true}, 503, ""},
		"429":            {sandbox.Fault{Status: 429, RetryAfter: 1}, 429, ""},
		"401":            {sandbox.Fault{Status: 401}, 401, ""},
		"dropped before": {sandbox.Fault{Reset: sandbox.ResetBefore}, 502, lost},
		"dropped after":  {sandbox.Fault{Reset: sandbox.ResetAfter}, 502, lost},
		"timeout":        {sandbox.Fault{Hang: true}, 504, late},
		"timeout after":  {sandbox.Fault{Hang: true, Processed: true}, 504, late},
	}
}

// never wants a request to arrive at most once, whatever becomes of it. After
// each mishap the sidecar is as good as before.
func (s *shop) never(operation string, send func() answer) {
	for name, m := range mishaps() {
		before := s.arrived(operation)
		check(s.world.t, s.bank.Faults().SetAPI(m.fault))
		a := send()
		if a.err != nil || a.status != m.status || a.code != m.code && m.code != "" {
			s.world.t.Errorf("%s: answered %+v", name, a)
		}
		if m.code != "" && !strings.Contains(a.body, `"reached_bank":"maybe"`) {
			s.world.t.Errorf("%s: the application is not told that it may have arrived: %s", name, a.body)
		}
		// What was to be sent again on its own would come soon.
		time.Sleep(50 * time.Millisecond)
		if n := s.arrived(operation) - before; n != 1 {
			s.world.t.Errorf("%s: %s arrived %d times", name, operation, n)
		}
		s.bank.Faults().Clear()
	}
	if n := s.bank.Stats().Repeated; n != 0 {
		s.world.t.Errorf("%d requests were repeated", n)
	}
}
