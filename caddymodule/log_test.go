package caddymodule_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// exampleFilter is the log format of Caddyfile.example.
func exampleFilter(t *testing.T) string {
	t.Helper()
	example, err := os.ReadFile("../Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	filter := regexp.MustCompile(`(?s)\n\t\tformat filter \{.*?\n\t\t\}\n`).Find(example)
	if filter == nil {
		t.Fatal("Caddyfile.example has no format filter")
	}
	return string(filter)
}

// Values that only PSU headers, bodies and the like hold in these tests.
var confidential = []string{
	publicIP, "Secret-Agent", "psu-4711", "consent-0815", iban, "MyCoverage123456", "letmein", "cdetab", "FR-secret-account", "Bearer",
	"from-the-app-itself", "q-secret",
}

// battery makes calls of all kinds: served, refused here, refused by the bank,
// with failing tokens, and for the fallback interface.
func (r *rig) battery() {
	r.t.Helper()
	context := []string{"PSU-IP-Address", publicIP, "PSU-User-Agent", "Secret-Agent", "PSU-ID", "psu-4711", "Consent-ID", "consent-0815"}
	r.check(r.bank.Faults().SetToken(sandbox.Fault{Status: 503, Next: 3}))
	r.refused(r.funds(context...), sidecar.CodeTokenUnavailable, 502)
	r.bank.Faults().Clear()
	r.eventually(func() bool { return r.funds(context[:4]...).status == 200 })
	r.funds("PSU-User-Agent", "Secret-Agent")
	r.refused(r.funds("PSU-IP-Address", publicIP, "PSU-Geo-Location", "FR-secret-account"), sidecar.CodePSUInvalid, 400)
	r.refused(r.funds("Authorization", "Bearer from-the-app-itself"), sidecar.CodeAuthorizationRefused, 400)
	r.refused(r.funds("Sidecar-Grant", "psu-4711"), sidecar.CodeGrantsOff, 501)
	r.call("GET", "/bpgo/accounts/FR-secret-account/balances?q-secret=1", "", context...)
	r.call("POST", "/bpgo/funds-confirmations", `{"iban":"`+iban+`"`, context...)
	r.bank.RevokeTokens()
	r.check(r.bank.Faults().SetToken(sandbox.Fault{Status: 401, Next: 1}))
	r.funds(context...)
	r.check(r.bank.Faults().SetAPI(sandbox.Fault{Reset: sandbox.ResetAfter, Next: 1}))
	r.funds(context...)
	r.check(r.bank.Faults().SetAPI(sandbox.Fault{Reset: sandbox.ResetMidway, Next: 1}))
	if response, err := plain().Do(r.request("POST", "/bpgo/funds-confirmations", fundsBody, context...)); err == nil {
		response.Body.Close()
	}
	r.bank.Faults().Clear()
	a := r.do(plain(), r.form("/bpgo/oauth/token", "client_id="+organization+"&grant_type=client_credentials&scope=aisp",
		"Sidecar-Fallback", "five requests unanswered"))
	if a.status != 302 || !strings.Contains(a.header.Get("Location"), "cdetab=13807&fallback=") {
		r.t.Fatalf("fallback: %d %v %s", a.status, a.header, a.body)
	}
	r.eventually(func() bool { return strings.Count(r.log(), `"msg":"call"`) >= 10 })
}

// secrets adds what the bank handed out to the confidential values.
func (r *rig) secrets() []string {
	secrets := append([]string{}, confidential...)
	for _, record := range r.bank.Records() {
		if token, ok := strings.CutPrefix(record.Header.Get("Authorization"), "Bearer "); ok {
			secrets = append(secrets, token)
		}
	}
	return append(secrets, "eyJ") // every JWT begins so
}

func TestLogsHoldNothingConfidential(t *testing.T) {
	r := newRig(t)
	r.check(os.WriteFile(r.file("passphrase"), []byte("letmein\n"), 0o600))
	// Caddy's own rewrite logs whole requests.
	text := r.text(parts{site: "log\nhandle_path /bpgo/* {\ntpp_proxy bpgo\n}", aspsp: "fallback"})
	text = strings.Replace(text, "level DEBUG\n", "level DEBUG\n"+exampleFilter(t), 1)
	r.loadText(strings.Replace(text, `acme-qwac-key.pem"`, `acme-qwac-key.pem" {
		passphrase {file.`+r.file("passphrase")+`}
	}`, 1))
	r.battery()
	log := r.log()
	for _, logger := range []string{"http.log.access", "http.handlers.reverse_proxy", `"logger":"tpp"`, "rewrote request"} {
		if !strings.Contains(log, logger) {
			t.Errorf("nothing of %s is in the log: the test shows nothing", logger)
		}
	}
	r.nothingOf(log, r.secrets())
}

// TestOwnLogsNeedNoFilter holds that what comes of a call inside the sidecar,
// down to reverse_proxy's debug log, is free of secrets without any filter.
// What Caddy logs before the sidecar sees the request is not for it to clean.
func TestOwnLogsNeedNoFilter(t *testing.T) {
	r := newRig(t)
	r.load(parts{aspsp: "fallback"})
	r.battery()
	own := r.ownLog()
	if !strings.Contains(own, "upstream roundtrip") {
		t.Error("reverse_proxy logged no roundtrip: the test shows nothing")
	}
	r.nothingOf(own, r.secrets())
}

// ownLog is what the sidecar logged, and reverse_proxy behind it.
func (r *rig) ownLog() string {
	var own strings.Builder
	for line := range strings.Lines(r.log()) {
		if strings.Contains(line, `"logger":"tpp`) || strings.Contains(line, `"logger":"http.handlers.reverse_proxy"`) {
			own.WriteString(line)
		}
	}
	return own.String()
}

// nothingOf fails for each secret that is in a log.
func (r *rig) nothingOf(log string, secrets []string) {
	r.t.Helper()
	for _, secret := range secrets {
		for line := range strings.Lines(log) {
			if strings.Contains(line, secret) {
				r.t.Errorf("%q is in the log: %s", secret, line)
				break
			}
		}
	}
}

// TestLogLines holds that there is one line for a start and, at level DEBUG, one for each call.
func TestLogLines(t *testing.T) {
	r := newRig(t)
	r.load(parts{})
	const calls = 5
	for range calls {
		r.compliant(r.funds("PSU-IP-Address", publicIP))
	}
	r.refused(r.funds("PSU-IP-Address", "192.168.1.7"), sidecar.CodePSUInvalid, 400)
	time.Sleep(50 * time.Millisecond)
	byLevel := make(map[string][]map[string]any)
	for line := range strings.Lines(r.log()) {
		var entry map[string]any
		r.check(json.Unmarshal([]byte(line), &entry))
		if logger, _ := entry["logger"].(string); strings.HasPrefix(logger, "tpp") {
			level, _ := entry["level"].(string)
			byLevel[level] = append(byLevel[level], entry)
		}
	}
	if len(byLevel["info"]) != 1 || byLevel["info"][0]["msg"] != "serving" {
		t.Errorf("at level INFO: %v", byLevel["info"])
	}
	if len(byLevel["debug"]) != calls+1 || len(byLevel["warn"])+len(byLevel["error"]) != 0 {
		t.Errorf("lines: %v", byLevel)
	}
	first, last := byLevel["debug"][0], byLevel["debug"][calls]
	if first["outcome"] != "2xx" || first["status"] != 200.0 || first["attended"] != true || first["operation"] != "funds-confirmations" ||
		last["outcome"] != "psu-header-invalid" || last["error"] == nil || last["request_id"] == "" {
		t.Errorf("first %v, last %v", first, last)
	}
}
