package caddymodule_test

import (
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// TestBrokenFilesKeepServing holds that a half-written file changes nothing
// but the log, and that it is said once.
func TestBrokenFilesKeepServing(t *testing.T) {
	r := newRig(t)
	r.load(parts{})
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	r.check(os.WriteFile(r.file("acme-qseal-key.pem"), acme().qseal.KeyPEM[:100], 0o600))
	said := func() int { return strings.Count(r.log(), "changed certificate files cannot be used") }
	r.eventually(func() bool { return said() > 0 })
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	if log := r.log(); said() != 1 || !strings.Contains(log, "acme-qseal-key.pem") || !strings.Contains(log, `"logger":"tpp","msg":"changed`) {
		t.Errorf("the log says it %d times, or not which file", said())
	}
	r.check(r.bank.AddQSEAL(renewed().qseal.Certificate))
	r.install("acme", renewed())
	r.eventually(func() bool { return strings.Contains(r.log(), "certificates renewed") })
	r.compliant(r.funds("PSU-IP-Address", publicIP))
}

// TestRenewalThatDoesNotFitABank holds that certificates without the role that
// a bank's scope needs are not used with it, and that this is said once.
func TestRenewalThatDoesNotFitABank(t *testing.T) {
	r := newRig(t)
	r.load(parts{})
	r.install("acme", tpp{issue(t, testpki.QWAC, func(p *testpki.Profile) { p.Roles = []string{"PSP_AI"} }), acme().qseal})
	r.eventually(func() bool { return strings.Contains(r.log(), "certificates renewed") })
	for range 3 {
		record := r.compliant(r.funds("PSU-IP-Address", publicIP))
		if record.ClientCert.SerialNumber.Cmp(acme().qwac.Certificate.SerialNumber) != 0 {
			t.Fatal("a certificate without the role went out")
		}
	}
	if log := r.log(); strings.Count(log, "renewed certificates do not fit this bank") != 1 || !strings.Contains(log, "PSP_IC") {
		t.Error("the log does not say once which role is missing")
	}
}

// TestReloadReadsTheFiles holds that files that changed shortly before a reload
// count from it on, also if the watcher has not seen them yet.
func TestReloadReadsTheFiles(t *testing.T) {
	r := newRig(t)
	r.check(r.bank.AddQSEAL(renewed().qseal.Certificate))
	text := strings.Replace(r.text(parts{}), "certificate_poll 50ms", "certificate_poll 1h", 1)
	r.loadText(text)
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	r.install("acme", renewed())
	r.loadText(text)
	record := r.compliant(r.funds("PSU-IP-Address", publicIP))
	if record.ClientCert.SerialNumber.Cmp(renewed().qwac.Certificate.SerialNumber) != 0 {
		t.Error("the former certificate went out")
	}
}

// TestTransportAloneSendsNothing holds that without the handler in front, so
// without any check, nothing goes to a bank: no call, and no health check.
func TestTransportAloneSendsNothing(t *testing.T) {
	r := newRig(t)
	for name, upstreams := range map[string]string{
		"dynamic": `"dynamic_upstreams": {"source": "tpp"}`,
		"static":  `"upstreams": [{"dial": "` + r.bank.Addr().String() + `"}], "health_checks": {"active": {"uri": "/up", "interval": "20ms"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			config := strings.NewReplacer("DIR", r.dir, "BANK", r.bankURL, "APP", r.app, "UPSTREAMS", upstreams).Replace(`{
				"admin": {"disabled": true, "config": {"persist": false}},
				"apps": {
					"http": {"servers": {"app": {"listen": ["APP"], "automatic_https": {"disable": true}, "routes": [{"handle": [
						{"handler": "reverse_proxy", UPSTREAMS, "transport": {"protocol": "tpp"}}
					]}]}}},
					"tpp": {
						"identities": {"acme": {
							"qwac": {"certificate": "DIR/acme-qwac.pem", "key": "DIR/acme-qwac-key.pem"},
							"qseal": {"certificate": "DIR/acme-qseal.pem", "key": "DIR/acme-qseal-key.pem"}
						}},
						"aspsps": {"bpgo": {"profile": "bpce", "base_url": "BANK", "identity": "acme", "trust_pool": ["DIR/bank-ca.pem"]}}
					}
				}
			}`)
			r.check(caddy.Load([]byte(config), true))
			for range 5 {
				if a := r.call("POST", "/stet/psd2/v1.4.2/funds-confirmations", fundsBody); a.status < 500 {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
			if stats := r.bank.Stats(); stats.Connections > 0 || stats.HandshakeFailures > 0 {
				t.Errorf("the bank was contacted: %+v", stats)
			}
		})
	}
}

// TestLogOfTheSidecarsOwn holds that what outlives a configuration is logged
// where the present configuration sends the logs of tpp, also after a reload.
func TestLogOfTheSidecarsOwn(t *testing.T) {
	r := newRig(t)
	own := func(name string) parts {
		return parts{global: "log " + name + " {\ninclude tpp\noutput file " + r.file(name+".log") + " {\nroll_disabled\n}\n}"}
	}
	r.load(own("first"))
	r.load(own("second"))
	r.check(os.WriteFile(r.file("acme-qwac.pem"), []byte("no certificate"), 0o600))
	r.eventually(func() bool {
		content, err := os.ReadFile(r.file("second.log"))
		return err == nil && strings.Contains(string(content), "changed certificate files cannot be used")
	})
}

// TestCallsThatNoBankFitsAreCounted holds that they do not go unnoticed.
func TestCallsThatNoBankFitsAreCounted(t *testing.T) {
	r := newRig(t)
	r.load(parts{site: metricsSite + "\nhandle /stet/* {\ntpp_proxy\n}"})
	before := r.requests("unknown-aspsp")
	req := r.request("GET", "/stet/psd2/v1.4.2/accounts", "")
	req.Host = "other.bank.test"
	if a := r.do(plain(), req); a.header.Get("Sidecar-Error") != "unknown-aspsp" || a.header.Get("X-Request-Id") == "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if n := r.requests("unknown-aspsp") - before; n != 1 {
		t.Errorf("counted %v times", n)
	}
}
