package caddymodule

import (
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-tpp/caddy-tpp/answers"
	"github.com/caddy-tpp/caddy-tpp/authorize"
	"github.com/caddy-tpp/caddy-tpp/certs"
	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// metrics are the sidecar's Prometheus collectors. They are made once and
// registered in the registry of each configuration, so that a reload does not
// reset them. No label holds a path, an account or anything of a PSU.
type metrics struct {
	requests   *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	replays    *prometheus.CounterVec
	signatures *prometheus.HistogramVec
	fetches    *prometheus.HistogramVec
	deliveries *prometheus.CounterVec
	notAfter   *prometheus.GaugeVec
	generation *prometheus.GaugeVec
	grants     *prometheus.CounterVec
	refreshes  *prometheus.HistogramVec
	flows      *prometheus.CounterVec
	verdicts   *prometheus.CounterVec
	links      *prometheus.CounterVec
	records    prometheus.Counter

	mu sync.Mutex
	// inUse counts the pooled identities of a name: two while one replaces another.
	inUse map[string]int
}

// signatureBuckets span a P-256 signature in software to one in a slow device.
var signatureBuckets = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1}

// answerBuckets end after the 30 seconds of RTS article 33(1).
var answerBuckets = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30, 45}

func newMetrics() *metrics {
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "caddy", Subsystem: "tpp", Name: name, Help: help, Buckets: buckets,
		}, labels)
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "caddy", Subsystem: "tpp", Name: name, Help: help,
		}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "caddy", Subsystem: "tpp", Name: name, Help: help,
		}, labels)
	}
	return &metrics{
		inUse: make(map[string]int),
		requests: counter("requests_total",
			"Calls of the app by outcome: the class of the bank's answer, the code of a local refusal, or canceled.",
			"aspsp", "identity", "operation", "attended", "outcome"),
		duration: histogram("request_duration_seconds",
			"Time from the app's request to the end of the answer.", answerBuckets, "aspsp", "operation"),
		replays: counter("replays_total",
			"Requests sent again: with a new token after a 401, or because an idle connection was dead.",
			"aspsp", "operation", "cause"),
		signatures: histogram("signature_duration_seconds",
			"Time to build and sign one signing string.", signatureBuckets, "aspsp", "identity"),
		fetches: histogram("token_fetch_duration_seconds",
			"Time of each call to a token endpoint by outcome.", answerBuckets, "aspsp", "identity", "outcome"),
		deliveries: counter("token_deliveries_total",
			"Tokens that banks posted to the sidecar, by what became of them.", "aspsp", "result"),
		notAfter: gauge("certificate_not_after_timestamp_seconds",
			"When a certificate in use expires, as unix time.", "identity", "slot"),
		generation: gauge("certificate_generation",
			"How many times an identity's certificates were renewed in this process, plus one.", "identity"),
		grants: counter("grant_events_total",
			"What happened to grants, by kind; consent_expiring has a kind for each number of days.", "aspsp", "kind"),
		refreshes: histogram("grant_refresh_duration_seconds",
			"Time the bank took to answer a refresh or a code exchange, by outcome.", answerBuckets, "aspsp", "outcome"),
		flows: counter("authorizations_total",
			"Authorizations of PSUs that the sidecar began or ended, by result.", "aspsp", "result"),
		verdicts: counter("answer_signatures_total",
			"Verdicts on the signatures of the bank's answers, where they are verified.", "aspsp", "operation", "outcome"),
		links: counter("answer_links_total",
			"Answers of the bank whose links were rewritten, or may not have been.", "aspsp", "outcome"),
		records: counter("vault_damaged_records_total",
			"Records of the vault that could not be read and of which a copy was kept aside.").WithLabelValues(),
	}
}

// register adds the collectors to a configuration's registry.
func (m *metrics) register(registry prometheus.Registerer) error {
	for _, collector := range []prometheus.Collector{
		m.requests, m.duration, m.replays, m.signatures, m.fetches, m.deliveries, m.notAfter, m.generation,
		m.grants, m.refreshes, m.flows, m.records, m.verdicts, m.links,
	} {
		var already prometheus.AlreadyRegisteredError
		if err := registry.Register(collector); err != nil && !errors.As(err, &already) {
			return err
		}
	}
	return nil
}

func (m *metrics) done(event sidecar.Event) {
	attended := "no"
	if event.Attended {
		attended = "yes"
	}
	m.requests.WithLabelValues(event.ASPSP, event.Identity, event.Operation, attended, event.Outcome).Inc()
	m.duration.WithLabelValues(event.ASPSP, event.Operation).Observe(event.Took.Seconds())
}

func (m *metrics) signed(aspsp, identity string, took time.Duration) {
	m.signatures.WithLabelValues(aspsp, identity).Observe(took.Seconds())
}

func (m *metrics) replayed(aspsp, operation, cause string) {
	m.replays.WithLabelValues(aspsp, operation, cause).Inc()
}

func (m *metrics) fetched(event tokens.FetchEvent) {
	m.fetches.WithLabelValues(event.ASPSP, event.Identity, string(event.Outcome)).Observe(event.Duration.Seconds())
}

func (m *metrics) delivered(aspsp, result string) {
	m.deliveries.WithLabelValues(aspsp, result).Inc()
}

// grant counts what happened to a grant.
func (m *metrics) grant(event grants.Event) {
	kind := string(event.Kind)
	if event.Kind == grants.EventConsentExpiring {
		kind += "_" + strconv.Itoa(threshold(event.Days)) + "d"
	}
	m.grants.WithLabelValues(event.ASPSP, kind).Inc()
	if event.Duration > 0 {
		m.refreshes.WithLabelValues(event.ASPSP, string(event.Kind)).Observe(event.Duration.Seconds())
	}
}

// authorized counts the steps of the authorization of a PSU.
func (m *metrics) authorized(event authorize.Event) {
	result := string(event.Result)
	if result == "" {
		result = string(event.Kind)
	}
	m.flows.WithLabelValues(event.ASPSP, result).Inc()
}

// threshold is which of the announcements a number of days left belongs to.
func threshold(days int) int {
	switch {
	case days <= 1:
		return 1
	case days <= 7:
		return 7
	}
	return 14
}

func (m *metrics) verified(aspsp, operation string, outcome answers.Outcome) {
	m.verdicts.WithLabelValues(aspsp, operation, string(outcome)).Inc()
}

func (m *metrics) relinked(aspsp string, outcome sidecar.LinksOutcome) {
	m.links.WithLabelValues(aspsp, string(outcome)).Inc()
}

func (m *metrics) damaged() { m.records.Inc() }

func (m *metrics) certificates(identity string, generation *certs.Generation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inUse[identity] == 0 {
		return // a watcher that outlived its identity
	}
	for _, pair := range []*certs.Pair{generation.QWAC, generation.QSEAL} {
		if pair != nil {
			m.notAfter.WithLabelValues(identity, pair.Slot.String()).Set(float64(pair.Leaf().NotAfter.Unix()))
		}
	}
	m.generation.WithLabelValues(identity).Set(float64(generation.Number))
}

// use and forget bracket the time that an identity is configured: the date of a
// certificate that is no longer used must not set off an alarm.
func (m *metrics) use(identity string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inUse[identity]++
}

func (m *metrics) forget(identity string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inUse[identity]--; m.inUse[identity] > 0 {
		return
	}
	delete(m.inUse, identity)
	m.notAfter.DeletePartialMatch(prometheus.Labels{"identity": identity})
	m.generation.DeleteLabelValues(identity)
}
