package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// TestExplain explains calls of the example's banks, without a sidecar running
// and without the bank being asked anything.
func TestExplain(t *testing.T) {
	w := newExampleWorld(t)
	curl := filepath.Join(t.TempDir(), "call.txt")
	if err := os.WriteFile(curl, []byte("curl -X POST 'http://127.0.0.1:8080/bpgo/funds-confirmations' \\\n -H 'Content-Type: application/json' -H 'PSU-IP-Address: "+demoPSU+"' --data-raw '"+demoBody+"'"), 0o600); err != nil {
		t.Fatal(err)
	}
	output, exit := run(t, w.env, "tpp", "explain", "--config", example, "--adapter", "caddyfile", "--request", curl)
	if exit != 0 {
		t.Fatalf("exit status %d:\n%s", exit, output)
	}
	for _, want := range []string{
		"ASPSP bpgo, profile bpce", "operation funds-confirmations",
		"(request-target): post /stet/psd2/v1.4.2/funds-confirmations␊\n", "psu-ip-address: " + demoPSU,
		"Bearer [access token]", "SN= and the QSEAL certificate's serial number", "Digest: SHA-256=", "POST /stet/psd2/v1.4.2/funds-confirmations HTTP/1.1",
		"[read]", "To be asked of the bank",
	} {
		if !strings.Contains(output, want) {
			t.Errorf("%q is missing in\n%s", want, output)
		}
	}
	if n := len(w.bank.Records()); n > 0 {
		t.Errorf("the bank got %d requests", n)
	}

	output, exit = run(t, w.env, "tpp", "explain", "--config", example, "--adapter", "caddyfile", "--json", "--aspsp", "bpgo",
		"GET", "/accounts?a=b", "-H", "PSU-IP-Address: 10.1.2.3")
	var explanation sidecar.Explanation
	// The exit status and what goes to stderr say that it is refused.
	if err := json.NewDecoder(strings.NewReader(output)).Decode(&explanation); err != nil || exit == 0 {
		t.Fatalf("exit status %d, %v:\n%s", exit, err, output)
	}
	if explanation.Refusal == nil || explanation.Refusal.Code != sidecar.CodePSUInvalid || explanation.Operation != "accounts" {
		t.Errorf("%+v\n%s", explanation, output)
	}

	// A command line as the shell hands it over.
	output, exit = run(t, w.env, "tpp", "explain", "--config", example, "--adapter", "caddyfile", "--",
		"curl", "-X", "POST", "http://127.0.0.1:8080/bpgo/funds-confirmations", "-H", "Content-Type: application/json", "--data-raw", `{"it's":1}`)
	if exit != 0 || !strings.Contains(output, `{"it's":1}`) || !strings.Contains(output, "POST /stet/psd2/v1.4.2/funds-confirmations HTTP/1.1") {
		t.Errorf("exit status %d:\n%s", exit, output)
	}

	for _, args := range [][]string{
		{"GET"}, {"GET", "/x", "--request", curl}, {"GET", "/x", "-H", "no header"}, {"--request", "/nowhere"},
		{"GET", "/x", "--aspsp", "unknown"},
	} {
		if output, exit := run(t, w.env, append([]string{"tpp", "explain", "--config", example, "--adapter", "caddyfile"}, args...)...); exit == 0 {
			t.Errorf("%q: exit status 0:\n%s", args, output)
		}
	}
}

// TestExplainLive asks a running sidecar, which must be allowed to answer, and
// shows nothing of the PSU.
func TestExplainLive(t *testing.T) {
	w := newExampleWorld(t)
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	for _, on := range []bool{false, true} {
		config := filepath.Join(t.TempDir(), "Caddyfile")
		content := string(text)
		if on {
			content = strings.Replace(content, "\ttpp {\n", "\ttpp {\n\t\texplain on\n", 1)
		}
		if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		server := start(t, w.env, "run", "--config", config, "--adapter", "caddyfile")
		server.until("sidecar", func() bool { return listening("127.0.0.1:" + w.port) })
		output, exit := run(t, w.env, "tpp", "explain", "--live", "--address", w.admin, "POST", "/bpgo/funds-confirmations",
			"-H", "PSU-IP-Address: "+demoPSU, "-H", "Content-Type: application/json", "-d", demoBody)
		server.terminate()
		if !on {
			if exit == 0 || !strings.Contains(output, "explain-off") {
				t.Errorf("exit status %d:\n%s", exit, output)
			}
			continue
		}
		if exit != 0 || !strings.Contains(output, "psu-ip-address: [PSU-IP-Address]") || !strings.Contains(output, "[signature not made]") {
			t.Errorf("exit status %d:\n%s", exit, output)
		}
		for _, secret := range []string{demoPSU, "instructedAmount"} {
			if strings.Contains(output, secret) {
				t.Errorf("%q is shown:\n%s", secret, output)
			}
		}
	}
}

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"a: b\nc: d": "a: b␊\nc: d", "a \r\n": "a ␍␊\n", "a  \nb": "a··␊\nb", "x\ty\u00a0z\x00": "x␉y‹U+00A0›z‹U+0000›", "é": "é",
	} {
		if got := visible(text); got != want {
			t.Errorf("%q: %q, expected %q", text, got, want)
		}
	}
}
