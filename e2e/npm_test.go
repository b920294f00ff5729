//go:build npm

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// npmCheck is what testdata/npm/verify.mjs is to verify.
type npmCheck struct {
	Name      string `json:"name"`
	Container string `json:"container"`
	Raw       []byte `json:"raw"`
	// Certificate is the QSEAL in PEM.
	Certificate string `json:"certificate"`
	// Change are texts of the request whose last byte counts.
	Change []string `json:"change"`

	Signed   []string        `json:"signed,omitempty"`
	B64      bool            `json:"b64"`
	Crit     []string        `json:"crit,omitempty"`
	Kid      string          `json:"kid,omitempty"`
	Audience string          `json:"audience,omitempty"`
	Issuer   string          `json:"issuer,omitempty"`
	Data     json.RawMessage `json:"data,omitempty"`

	profile, config string // of the aspsp
	base, path      string
	method, body    string
}

// npmBody holds what breaks careless implementations: dots, a number with
// zeros at its end, and characters that are not ASCII.
const npmBody = `{"Data": {"amount": 1.00, "text": "a.b. Zażółć"}}`

const openBanking = "http://openbanking.org.uk/"

func npmChecks() []npmCheck {
	kid := "signature {\nkey_id {\nvalue kid-1\n}\n}\n"
	claims := []string{openBanking + "iat", openBanking + "iss", openBanking + "tan"}
	return []npmCheck{
		{Name: "cavage GET", Container: "signature", profile: "bpce", base: "/stet/psd2/v1.4.2", method: "GET", path: "/accounts?a=b%2Fc",
			Signed: []string{"(request-target)", "date", "x-request-id"}, Change: []string{"GET /stet/psd2/v1.4.2/accounts"}},
		{Name: "cavage POST", Container: "signature", profile: "bpce", base: "/stet/psd2/v1.4.2", method: "POST", path: "/funds-confirmations", body: npmBody,
			Signed: []string{"(request-target)", "date", "x-request-id", "digest", "content-type"}, Change: []string{"1.00", "application/json", "funds-confirmations"}},
		{Name: "JWS", Container: "jws", profile: "obie", config: kid, base: "/open-banking/v3.1", method: "POST", path: "/pisp/domestic-payments", body: npmBody,
			B64: true, Crit: claims, Kid: "kid-1", Change: []string{"1.00", "a.b.", "x-jws-signature: eyJ"}},
		{Name: "JWS, b64 false", Container: "jws", profile: "obie/unencoded", config: kid, base: "/open-banking/v3.1.3", method: "POST", path: "/pisp/domestic-payments", body: npmBody,
			Crit: claims, Kid: "kid-1", Change: []string{"1.00", "a.b.", "x-jws-signature: eyJ"}},
		{Name: "JWS of headers, GET", Container: "http-headers-jws", profile: "georgia", base: "/georgia/v1", method: "GET", path: "/accounts?a=b%2Fc",
			Change: []string{"GET /georgia", "x-jws-signature: eyJ"}},
		{Name: "JWS of headers, POST", Container: "http-headers-jws", profile: "georgia", base: "/georgia/v1", method: "POST", path: "/payments/domestic", body: npmBody,
			Change: []string{"1.00", "application/json", "payments/domestic"}},
		{Name: "RFC 9421, GET", Container: "message-signature", profile: "rfc9421", config: kid, base: "/rfc9421/v1", method: "GET", path: "/accounts?a=b%2Fc",
			Kid: "kid-1", Signed: []string{"@method", "@target-uri", "x-request-id"}, Change: []string{"GET /rfc9421", "Signature-Input: sig1"}},
		{Name: "RFC 9421, POST", Container: "message-signature", profile: "rfc9421", config: kid, base: "/rfc9421/v1", method: "POST", path: "/payments", body: npmBody,
			Kid: "kid-1", Signed: []string{"@method", "@target-uri", "x-request-id", "content-digest"}, Change: []string{"1.00", "application/json", "Content-Digest: sha-256=:"}},
		{Name: "JWT", Container: "jwt", profile: "open-finance-brasil", config: kid, base: "/open-banking", method: "POST", path: "/payments/v4/consents", body: npmBody,
			Issuer: organization, Change: []string{"\r\n\r\neyJ"}},
	}
}

// TestNPM has public implementations verify what the sidecar sends. It is left
// out of ordinary runs, since it needs npm and its registry:
//
//	go test -tags nobadger,nomysql,nopgx,npm -run TestNPM ./e2e
func TestNPM(t *testing.T) {
	_, err := exec.LookPath("npm")
	check(t, err) // whoever asks for this test by its tag must have it
	p, err := issued()
	check(t, err)
	bank := newRecorder(t, p)
	checks := npmChecks()
	var config parts
	for i := range checks {
		c := &checks[i]
		config.tpp += fmt.Sprintf("aspsp npm%d {\nprofile %s\nbase_url https://%s%s\nidentity acme\ntrust_pool \"{{DIR}}/bank-ca.pem\"\ntoken {\ngrant none\nfrom_app\n}\n%s}\n",
			i, c.profile, bank.listener.Addr(), c.base, c.config)
		config.site += fmt.Sprintf("tpp_proxy /npm%d/* npm%[1]d {\nstrip_prefix /npm%[1]d\n}\n", i)
	}
	w := newWorld(t, sandbox.TokenRules{}, parts{})
	config.tpp = strings.ReplaceAll(config.tpp, "{{DIR}}", w.dir)
	sidecar := w.start("npm", func(all *parts) { all.tpp, all.site = config.tpp, config.site })
	for i := range checks {
		c := &checks[i]
		certificate, err := os.ReadFile(w.file("qseal.pem"))
		check(t, err)
		c.Certificate = string(certificate)
		c.Audience = "https://" + bank.listener.Addr().String() + c.base + c.path
		if c.body != "" {
			c.Data = json.RawMessage(c.body)
		}
		c.Raw = c.receive(t, sidecar, i, bank)
	}
	verifyWithNPM(t, checks)
	sidecar.stop()
}

// receive has a request go through the sidecar and gives what arrived.
func (c *npmCheck) receive(t *testing.T, sidecar *process, i int, r *recorder) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), c.method, fmt.Sprintf("http://sidecar/npm%d%s", i, c.path), strings.NewReader(c.body))
	check(t, err)
	request.Header.Set("Authorization", "Bearer t")
	if c.body != "" {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("PSU-IP-Address", "8.8.8.8")
	}
	response, err := sidecar.app.Do(request)
	check(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	check(t, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	raw := r.raw[c.base+c.path]
	if response.StatusCode != http.StatusOK || raw == nil {
		t.Fatalf("%s: status %d: %s", c.Name, response.StatusCode, text)
	}
	return raw
}

// verifyWithNPM installs the implementations and asks them.
func verifyWithNPM(t *testing.T, checks []npmCheck) {
	t.Helper()
	dir := t.TempDir()
	for _, file := range []string{"package.json", "package-lock.json", "verify.mjs"} {
		data, err := os.ReadFile(filepath.Join("testdata", "npm", file))
		check(t, err)
		check(t, os.WriteFile(filepath.Join(dir, file), data, 0o600))
	}
	run := func(input []byte, name string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		cmd.Stdin = bytes.NewReader(input)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	run(nil, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	input, err := json.Marshal(checks)
	check(t, err)
	out := run(input, "node", "verify.mjs")
	if passed := strings.Count(out, "ok "); passed != len(checks) {
		t.Errorf("%d of %d passed:\n%s", passed, len(checks), out)
	}
	t.Log("\n" + out)
}
