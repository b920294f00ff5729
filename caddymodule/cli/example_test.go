package cli

import (
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

const example = "../../Caddyfile.example"

func TestExampleIsFormatted(t *testing.T) {
	if output, exit := run(t, nil, "fmt", "--diff", example); exit != 0 {
		t.Errorf("exit status %d:\n%s", exit, output)
	}
}

// exampleWorld is what Caddyfile.example needs: two TPPs and their banks.
type exampleWorld struct {
	dir, port, admin string
	callback         string // address
	bank, byClientID *sandbox.Bank
	env              []string
}

func newExampleWorld(t *testing.T) *exampleWorld {
	t.Helper()
	w := &exampleWorld{dir: t.TempDir(), port: freePort(t), admin: "127.0.0.1:" + freePort(t), callback: "127.0.0.1:" + freePort(t)}
	people, err := newParties()
	if err != nil {
		t.Fatal(err)
	}
	// One TPP plays both parts: what differs between the banks is the keyId.
	for _, name := range []string{"acme", "bolt"} {
		for slot, issued := range map[string]interface {
			WriteFiles(dir, name string) (string, string, error)
		}{"qwac": people.qwac, "qseal": people.qseal} {
			if _, _, err := issued.WriteFiles(w.dir, name+"-"+slot); err != nil {
				t.Fatal(err)
			}
		}
	}
	ca := filepath.Join(w.dir, "bank-ca.pem")
	if err := os.WriteFile(ca, people.authority.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeVaultKey(filepath.Join(w.dir, "vault-2026a")); err != nil {
		t.Fatal(err)
	}
	open := func(keyID string) *sandbox.Bank {
		bank, err := sandbox.New(sandbox.Options{
			ClientCAs: people.authority.Pool(), Certificate: people.bank.TLSCertificate(),
			QSEALs: []*x509.Certificate{people.qseal.Certificate}, KeyID: keyID,
		})
		if err == nil {
			err = bank.Start("127.0.0.1:0")
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = bank.Close() })
		return bank
	}
	w.bank, w.byClientID = open(sandbox.KeyIDSerialIssuer), open(sandbox.KeyIDClientID)
	browser := httptest.NewServer(w.bank.Control())
	t.Cleanup(browser.Close)
	w.env = []string{
		"TPP_STORAGE=" + t.TempDir(), "TPP_PUBLIC=http://" + w.callback, "TPP_CALLBACK_PORT=" + port(w.callback),
		"BPGO_AUTHORIZE=" + browser.URL + "/stet/psd2/oauth/authorize",
		"TPP_DIR=" + w.dir, "TPP_PORT=" + w.port, "TPP_ADMIN=" + w.admin,
		"BPGO_URL=" + w.bank.URL() + "/stet/psd2/v1.4.2", "BPGO_V1_URL=" + w.byClientID.URL() + "/stet/psd2/v1",
		"BERLIN_URL=" + w.bank.URL() + "/berlin/v1", "BERLIN_API_KEY=an-api-key",
		// In place of the system's authorities, which know no sandbox.
		"SSL_CERT_FILE=" + ca, "SSL_CERT_DIR=" + w.dir,
	}
	return w
}

// call makes the main job's call as an app does, and returns status and body.
func (w *exampleWorld) call(t *testing.T, proxy, address string, headers ...string) (int, string) {
	t.Helper()
	req := must(http.NewRequest("POST", address, strings.NewReader(demoBody)))
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	transport := &http.Transport{DisableKeepAlives: true}
	if proxy != "" {
		transport.Proxy = http.ProxyURL(must(url.Parse(proxy)))
	}
	response, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// TestExample holds that Caddyfile.example is sound and works as it stands, in
// the real binary.
func TestExample(t *testing.T) {
	w := newExampleWorld(t)
	if output, exit := run(t, w.env, "validate", "--config", example); exit != 0 {
		t.Fatalf("exit status %d:\n%s", exit, output)
	}
	server := start(t, w.env, "run", "--config", example, "--adapter", "caddyfile")
	local := "http://127.0.0.1:" + w.port
	server.until("sidecar", func() bool { return listening("127.0.0.1:" + w.port) })

	psu := []string{"PSU-IP-Address", demoPSU, "PSU-User-Agent", "Secret-Agent"}
	status, body := w.call(t, "", local+"/bpgo/funds-confirmations", psu...)
	accepted(t, w.bank, status, body)
	status, body = w.call(t, "", local+"/bpgo-v1/funds-confirmations", psu...)
	if record := accepted(t, w.byClientID, status, body); record.KeyID != organization {
		t.Errorf("keyId is %q", record.KeyID)
	}
	own := strings.Replace(w.bank.URL(), "https://", "http://", 1)
	status, body = w.call(t, local, own+"/stet/psd2/v1.4.2/funds-confirmations", psu...)
	accepted(t, w.bank, status, body)

	w.authorize(t, local)

	// The Berlin Group's bank has no token of ours; what the app brings goes out.
	w.call(t, "", local+"/berlin/funds-confirmations", "Authorization", "Bearer of-the-app", "X-End-User-IP", demoPSU)
	record := w.bank.Last()
	if record.Header.Get("Authorization") != "Bearer of-the-app" || record.Header.Get("PSU-IP-Address") != demoPSU ||
		record.Header.Get("X-Api-Key") != "an-api-key" || record.Header.Get("X-End-User-IP") != "" || !record.SignatureOK {
		t.Errorf("the Berlin Group's bank got %v:\n%s", record.Problems, record.RawHead)
	}

	// Here the bank's host is the sidecar's too; with real ones it would be unknown-aspsp.
	if status, body := w.call(t, "", local+"/bgpo/funds-confirmations"); status != 404 || !strings.Contains(body, "path-outside-base-url") {
		t.Errorf("a misspelt path: %d %s", status, body)
	}
	if output, exit := run(t, nil, "tpp", "health", "--url", local+"/-/health"); exit != 0 || !strings.Contains(output, `"bolt":"ok"`) {
		t.Errorf("health: exit status %d: %s", exit, output)
	}
	if status, body := get(t, local+"/-/metrics"); status != 200 || !strings.Contains(body, "caddy_tpp_requests_total{") {
		t.Errorf("metrics: %d", status)
	}
	if status, body := get(t, "http://"+w.admin+"/tpp/aspsps"); status != 200 || !strings.Contains(body, "berlin-group") {
		t.Errorf("admin: %d %s", status, body)
	}
	server.terminate()
	log := server.output.String()
	if !strings.Contains(log, "http.log.access") || !strings.Contains(log, "/bpgo/funds-confirmations") {
		t.Errorf("there is no access log:\n%s", log)
	}
	for _, secret := range []string{demoPSU, "Secret-Agent", "of-the-app", "an-api-key", "Bearer", "code=", "state="} {
		if strings.Contains(log, secret) {
			t.Errorf("%q is in the log:\n%s", secret, log)
		}
	}
	if t.Failed() {
		t.Log(log)
	}
}

// authorize plays a customer's browser, from the app to the bank and back, and
// then calls in the customer's name.
func (w *exampleWorld) authorize(t *testing.T, local string) {
	t.Helper()
	next := local + "/authorize?aspsp=bpgo&scope=aisp&grant=k-1&return_url=https://app.acme.example/connected/now"
	for range 3 {
		response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(must(http.NewRequest("GET", next, nil)))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if next = response.Header.Get("Location"); next == "" {
			t.Fatalf("the customer is sent nowhere: HTTP %d %s", response.StatusCode, body)
		}
	}
	if next != "https://app.acme.example/connected/now?sidecar_grant=k-1&sidecar_result=granted" {
		t.Fatalf("the customer ends at %q", next)
	}
	req := must(http.NewRequest("GET", local+"/bpgo/accounts", nil))
	req.Header.Set("Sidecar-Grant", "k-1")
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != 200 || !strings.Contains(string(body), "Compte de Marc") {
		t.Errorf("%v %d %s", err, response.StatusCode, body)
	}
}

// accepted fails unless a bank found nothing wrong with the latest call.
func accepted(t *testing.T, bank *sandbox.Bank, status int, body string) sandbox.Record {
	t.Helper()
	record := bank.Last()
	if status != 200 || !strings.Contains(body, `"result":true`) || len(record.Problems) > 0 || !record.SignatureOK {
		t.Fatalf("%d %s; the bank's problems: %q\n%s", status, body, record.Problems, record.RawHead)
	}
	return record
}

// TestExampleNamesTheRealBank holds that without any variable, the example is
// about the files and addresses that it shows.
func TestExampleNamesTheRealBank(t *testing.T) {
	output, exit := run(t, nil, "adapt", "--config", example, "--adapter", "caddyfile")
	if exit != 0 {
		t.Fatalf("exit status %d:\n%s", exit, output)
	}
	for _, want := range []string{
		`"base_url":"https://www.13807.live.api.89c3.com/stet/psd2/v1.4.2"`, `"certificate":"/run/tpp/acme-qwac.pem"`,
		`"listen":["127.0.0.1:8080"]`, `"persist":false`, `"{env.BERLIN_API_KEY}"`,
	} {
		if !strings.Contains(output, want) {
			t.Errorf("%s is not in %s", want, output)
		}
	}
}
