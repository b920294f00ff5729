package caddymodule_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/certs"
	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// metricsSite serves the metrics beside the main site.
const metricsSite = mainSite + "\nhandle /metrics {\nmetrics\n}"

var sample = regexp.MustCompile(`(?m)^(caddy_tpp_[a-z_]+)(\{[^}]*\})? (\S+)$`)

// scrape reads all samples of the sidecar's metrics, by name and labels.
func (r *rig) scrape() map[string]float64 {
	r.t.Helper()
	samples := make(map[string]float64)
	for _, found := range sample.FindAllStringSubmatch(r.call("GET", "/metrics", "").body, -1) {
		value, err := strconv.ParseFloat(found[3], 64)
		r.check(err)
		samples[found[1]+found[2]] = value
	}
	return samples
}

// requests is how many calls had an outcome.
func (r *rig) requests(outcome string) (sum float64) {
	for name, value := range r.scrape() {
		if strings.HasPrefix(name, "caddy_tpp_requests_total{") && strings.Contains(name, fmt.Sprintf("outcome=%q", outcome)) {
			sum += value
		}
	}
	return sum
}

// eventually fails unless something becomes true within some seconds.
func (r *rig) eventually(what func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !what(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatal("did not happen in time")
		}
	}
}

func TestMetrics(t *testing.T) {
	r := newRig(t)
	r.load(parts{site: metricsSite})
	before := r.scrape() // counters live as long as the process holds a configuration
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	r.compliant(r.funds())
	r.funds("PSU-IP-Address", "192.168.1.7")
	for i := range 5 {
		r.call("GET", fmt.Sprintf("/bpgo/accounts/%d/balances?x=%d", i, i), "")
		r.call("GET", fmt.Sprintf("/bpgo/unknown-%d", i), "")
	}
	r.bank.RevokeTokens()
	r.compliant(r.funds())
	after := r.scrape()
	for name, want := range map[string]float64{
		`caddy_tpp_requests_total{aspsp="bpgo",attended="yes",identity="acme",operation="funds-confirmations",outcome="2xx"}`:               1,
		`caddy_tpp_requests_total{aspsp="bpgo",attended="no",identity="acme",operation="funds-confirmations",outcome="2xx"}`:                2,
		`caddy_tpp_requests_total{aspsp="bpgo",attended="no",identity="acme",operation="funds-confirmations",outcome="psu-header-invalid"}`: 1,
		`caddy_tpp_requests_total{aspsp="bpgo",attended="no",identity="acme",operation="other",outcome="4xx"}`:                              5,
		`caddy_tpp_replays_total{aspsp="bpgo",cause="token",operation="funds-confirmations"}`:                                               1,
		`caddy_tpp_token_fetch_duration_seconds_count{aspsp="bpgo",identity="acme",outcome="ok"}`:                                           2,
		`caddy_tpp_certificate_generation{identity="acme"}`:                                                                                 1,
	} {
		if got := after[name] - before[name]; got != want && !(strings.Contains(name, "generation") && after[name] == want) {
			t.Errorf("%s grew by %v, want %v; there are: %s", name, got, want, strings.Join(slices.Sorted(maps.Keys(after)), "\n"))
		}
	}
	label := regexp.MustCompile(`([a-z_]+)="([^"]*)"`)
	known := []string{"aspsp", "attended", "identity", "operation", "outcome", "cause", "slot", "le"}
	for name := range after {
		for _, found := range label.FindAllStringSubmatch(name, -1) {
			if !slices.Contains(known, found[1]) || strings.ContainsAny(found[2], "/@ ") || strings.Contains(found[2], publicIP) {
				t.Errorf("label %s=%q", found[1], found[2])
			}
		}
	}
}

func TestCertificateGaugeFollowsTheFiles(t *testing.T) {
	r := newRig(t)
	r.load(parts{site: metricsSite})
	gauge := func(slot certs.Slot) float64 {
		return r.scrape()[fmt.Sprintf(`caddy_tpp_certificate_not_after_timestamp_seconds{identity="acme",slot=%q}`, slot)]
	}
	for slot, issued := range map[certs.Slot]*testpki.Issued{certs.QWAC: acme().qwac, certs.QSEAL: acme().qseal} {
		if got, want := gauge(slot), float64(issued.Certificate.NotAfter.Unix()); got != want {
			t.Errorf("%s: %v, want %v", slot, got, want)
		}
	}
	end := time.Now().AddDate(0, 3, 0)
	fresh := issue(t, testpki.QWAC, func(p *testpki.Profile) { p.NotAfter = end })
	r.install("acme", tpp{fresh, acme().qseal})
	r.eventually(func() bool { return gauge(certs.QWAC) == float64(fresh.Certificate.NotAfter.Unix()) })
	if got := r.scrape()[`caddy_tpp_certificate_generation{identity="acme"}`]; got != 2 {
		t.Errorf("generation %v", got)
	}
	record := r.compliant(r.funds("PSU-IP-Address", publicIP))
	if record.ClientCert.SerialNumber.Cmp(fresh.Certificate.SerialNumber) != 0 {
		t.Error("the gauge changed, but the certificate on the wire did not")
	}
}

// TestRemovedIdentityLeavesNoGauge holds that the date of a certificate that is
// no longer used cannot set off an alarm.
func TestRemovedIdentityLeavesNoGauge(t *testing.T) {
	r := newRig(t)
	r.install("bolt", bolt())
	second := `identity bolt {
		qwac "{{DIR}}/bolt-qwac.pem" "{{DIR}}/bolt-qwac-key.pem"
		qseal "{{DIR}}/bolt-qseal.pem" "{{DIR}}/bolt-qseal-key.pem"
	}`
	has := func(identity string) bool {
		return slices.ContainsFunc(slices.Collect(maps.Keys(r.scrape())), func(name string) bool {
			return strings.HasPrefix(name, "caddy_tpp_certificate_") && strings.Contains(name, fmt.Sprintf("identity=%q", identity))
		})
	}
	r.load(parts{site: metricsSite, tpp: second})
	if !has("bolt") || !has("acme") {
		t.Fatal("gauges are missing")
	}
	r.load(parts{site: metricsSite})
	r.eventually(func() bool { return !has("bolt") })
	if !has("acme") {
		t.Error("acme's gauges went with bolt's")
	}
}
