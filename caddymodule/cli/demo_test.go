package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestDemoOnce(t *testing.T) {
	output, exit := run(t, nil, "tpp", "demo", "--once", "--listen", "127.0.0.1:0", "--bank", "127.0.0.1:0", "--control", "127.0.0.1:0")
	if exit != 0 {
		t.Fatalf("exit status %d:\n%s", exit, output)
	}
	for _, want := range []string{
		"POST /bpgo/funds-confirmations HTTP/1.1",             // the app's
		"POST /stet/psd2/v1.4.2/funds-confirmations HTTP/1.1", // the bank's
		"Signing string, as the bank rebuilt it from the raw bytes:\n  (request-target): post /stet/psd2/v1.4.2/funds-confirmations\n  date: ",
		"\n  psu-ip-address: 9.9.9.9\n",
		"Authorization: Bearer <token of ",
		"TLS client certificate (QWAC):   serial ",
		"Signature certificate (QSEAL):   serial ",
		"The bank's checks: everything verified",
		"HTTP 200",
		`"result":true`,
	} {
		if !strings.Contains(output, want) {
			t.Errorf("%q is not in the output", want)
		}
	}
	if log := regexp.MustCompile(`(?m)^.*("level"|\t(INFO|WARN|ERROR)\t).*$`).FindString(output); log != "" {
		t.Errorf("Caddy's log is in the output: %s", log)
	}
	folder := regexp.MustCompile(`configured by (\S+)`).FindStringSubmatch(output)
	if folder == nil {
		t.Fatal("the output does not name the configuration")
	}
	if _, err := os.Stat(folder[1]); !os.IsNotExist(err) {
		t.Errorf("the temporary folder is still there: %v", err)
	}
	if t.Failed() {
		t.Log(output)
	}
}

// TestDemoStaysUp holds that the demo without --once serves further calls, that
// the printed examples do what they say, and that it ends tidily.
func TestDemoStaysUp(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	listen := "127.0.0.1:" + freePort(t)
	p := start(t, nil, "tpp", "demo", "--dir", dir, "--listen", listen, "--bank", "127.0.0.1:0", "--control", "127.0.0.1:0")
	p.until("invitation", func() bool { return strings.Contains(p.output.String(), "Ctrl-C ends the demo") })
	if status, body := get(t, "http://"+listen+"/-/health"); status != 200 || !strings.Contains(body, `"acme":"ok"`) {
		t.Errorf("health: %d %s", status, body)
	}
	stats := regexp.MustCompile(`http://127\.0\.0\.1:\d+/stats`).FindString(p.output.String())
	if status, body := get(t, stats); status != 200 || !strings.Contains(body, `"funds-confirmations":1`) {
		t.Errorf("%s: %d %s", stats, status, body)
	}
	answer, err := send(t.Context(), listen, plainRequest(listen))
	if err != nil || answer.status != 200 {
		t.Errorf("a call of one's own: %d %s, %v", answer.status, answer.body, err)
	}
	private := strings.Replace(plainRequest(listen), demoPSU, "192.168.1.7", 1)
	if answer, err = send(t.Context(), listen, private); err != nil || answer.header.Get("Sidecar-Error") != "psu-header-invalid" {
		t.Errorf("a private address: %d %v, %v", answer.status, answer.header, err)
	}
	p.terminate()
	for _, name := range []string{"Caddyfile", "qwac.pem", "qwac-key.pem", "qseal.pem", "qseal-key.pem", "bank-ca.pem"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("not kept: %v", err)
		}
	}
}

// TestDemoFolderRunsByItself holds what the demo writes at the head of its
// Caddyfile: with the sandbox, "caddy run" serves the same.
func TestDemoFolderRunsByItself(t *testing.T) {
	dir := t.TempDir()
	listen, bank := "127.0.0.1:"+freePort(t), "127.0.0.1:"+freePort(t)
	output, exit := run(t, nil, "tpp", "demo", "--once", "--dir", dir, "--listen", listen, "--bank", bank, "--control", "127.0.0.1:0")
	if exit != 0 {
		t.Fatalf("exit status %d:\n%s", exit, output)
	}
	sandbox := start(t, nil, "tpp", "sandbox", "--dir", dir, "--listen", bank, "--control", "127.0.0.1:0")
	sandbox.until("bank", func() bool { return listening(bank) })
	server := start(t, nil, "run", "--config", filepath.Join(dir, "Caddyfile"))
	server.until("sidecar", func() bool { return listening(listen) })
	answer, err := send(t.Context(), listen, plainRequest(listen))
	if err != nil || answer.status != 200 || !strings.Contains(answer.body, `"result":true`) {
		t.Errorf("%d %s, %v\n%s", answer.status, answer.body, err, &server.output)
	}
	server.terminate()
	sandbox.terminate()
}

func TestLoopbackOnly(t *testing.T) {
	for address, fine := range map[string]bool{
		"127.0.0.1:8443": true, "127.9.9.9:1": true, "[::1]:8443": true, "localhost:8443": true,
		"0.0.0.0:8443": false, ":8443": false, "[::]:8443": false, "192.168.1.7:8443": false, "bank.example:8443": false, "127.0.0.1": false,
	} {
		if err := loopbackOnly(address); (err == nil) != fine {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, args := range [][]string{
		{"demo", "--once", "--listen", "0.0.0.0:0"}, {"demo", "--once", "--bank", "0.0.0.0:0"}, {"demo", "--once", "--control", ":0"},
		{"sandbox", "--listen", "0.0.0.0:0"}, {"sandbox", "--control", "0.0.0.0:0", "--listen", "127.0.0.1:0"},
	} {
		args = append(args, "--dir", filepath.Join(t.TempDir(), "made"))
		output, err := execute(t.Context(), args...)
		if err == nil || !strings.Contains(err.Error(), "loopback only") {
			t.Errorf("%v: %v %s", args, err, output)
		}
		if _, err := os.Stat(args[len(args)-1]); !os.IsNotExist(err) {
			t.Errorf("%v: refused, but certificates were written", args)
		}
	}
}
