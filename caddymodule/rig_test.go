package caddymodule_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// frame is the configuration that most tests run. {{ASPSP}} goes into the aspsp
// block, {{TPP}} into tpp and {{SITE}} into the site; without one, the site
// passes everything below /bpgo to the bank.
const frame = `{
	admin 127.0.0.1:{{ADMIN}}
	persist_config off
	auto_https off
	grace_period 5s
	storage file_system "{{DIR}}/storage"
	log {
		output file "{{DIR}}/caddy.log" {
			roll_disabled
		}
		level DEBUG
	}
	{{GLOBAL}}
	tpp {
		certificate_poll 50ms
		identity acme {
			qwac "{{DIR}}/acme-qwac.pem" "{{DIR}}/acme-qwac-key.pem"
			qseal "{{DIR}}/acme-qseal.pem" "{{DIR}}/acme-qseal-key.pem"
		}
		aspsp bpgo {
			profile bpce
			base_url {{BANK}}/stet/psd2/v1.4.2
			identity acme
			trust_pool "{{DIR}}/bank-ca.pem"
			{{ASPSP}}
		}
		{{TPP}}
	}
}
:{{APP}} {
	bind 127.0.0.1
	{{SITE}}
}
`

const mainSite = `tpp_proxy /bpgo/* bpgo {
		strip_prefix /bpgo
	}`

// rig is a bank, Caddy in this process, and an app that calls it.
type rig struct {
	t    testing.TB
	dir  string
	bank *sandbox.Bank
	// bankURL is where the configuration's bank is, bank's unless a test sets another.
	bankURL    string
	app, admin string // addresses
	loads      int
}

// parts fill the frame.
type parts struct{ global, tpp, aspsp, site string }

// newRig makes a rig with certificates and a bank, and loads nothing yet.
func newRig(t testing.TB, changes ...func(*sandbox.Options)) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), app: freeAddress(t), admin: freeAddress(t)}
	r.install("acme", acme())
	r.check(os.WriteFile(r.file("bank-ca.pem"), authority().PEM(), 0o600))
	r.bank = r.newBank(changes...)
	r.check(r.bank.Start("127.0.0.1:0"))
	r.bankURL = r.bank.URL()
	t.Cleanup(func() {
		stop(t)
		if t.Failed() {
			t.Logf("Caddy's log:\n%s", r.log())
		}
	})
	return r
}

// newBank makes a sandbox bank that accepts acme and bolt.
func (r *rig) newBank(changes ...func(*sandbox.Options)) *sandbox.Bank {
	r.t.Helper()
	options := sandbox.Options{
		ClientCAs: authority().Pool(), Certificate: bankCertificate().TLSCertificate(),
		QSEALs: []*x509.Certificate{acme().qseal.Certificate},
	}
	for _, change := range changes {
		change(&options)
	}
	bank, err := sandbox.New(options)
	r.check(err)
	r.t.Cleanup(func() { r.check(bank.Close()) })
	return bank
}

func (r *rig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) file(name string) string { return filepath.Join(r.dir, name) }

// log is what Caddy has logged so far.
func (r *rig) log() string {
	content, err := os.ReadFile(r.file("caddy.log"))
	if err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	return string(content)
}

// install writes a TPP's certificates to <name>-qwac.pem and so on.
func (r *rig) install(name string, pair tpp) {
	r.t.Helper()
	for slot, issued := range map[string]*testpki.Issued{"qwac": pair.qwac, "qseal": pair.qseal} {
		_, _, err := issued.WriteFiles(r.dir, name+"-"+slot)
		r.check(err)
	}
}

// text fills the frame.
func (r *rig) text(p parts) string {
	if p.site == "" {
		p.site = mainSite
	}
	parts := strings.NewReplacer("{{GLOBAL}}", p.global, "{{TPP}}", p.tpp, "{{ASPSP}}", p.aspsp, "{{SITE}}", p.site)
	_, appPort, _ := net.SplitHostPort(r.app)
	_, adminPort, _ := net.SplitHostPort(r.admin)
	places := strings.NewReplacer("{{DIR}}", r.dir, "{{BANK}}", r.bankURL, "{{APP}}", appPort, "{{ADMIN}}", adminPort)
	return places.Replace(parts.Replace(frame))
}

// adapt turns a Caddyfile into JSON.
func adapt(text string) ([]byte, error) {
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	return config, err
}

// load runs a configuration, in place of one that runs.
func (r *rig) load(p parts) {
	r.t.Helper()
	r.loadText(r.text(p))
}

func (r *rig) loadText(text string) {
	r.t.Helper()
	config, err := adapt(text)
	r.check(err)
	r.check(loadConfig(config))
	r.loads++
}

func loadConfig(config []byte) error { return caddy.Load(config, true) }

// validate does what "caddy validate" does.
func (r *rig) validate(p parts) error {
	r.t.Helper()
	config, err := adapt(r.text(p))
	r.check(err)
	var parsed caddy.Config
	r.check(json.Unmarshal(config, &parsed))
	return caddy.Validate(&parsed)
}

// stop ends Caddy, with the admin endpoint that caddy.Stop leaves running.
func stop(t testing.TB) {
	t.Helper()
	if err := caddy.Load([]byte(`{"admin": {"disabled": true, "config": {"persist": false}}}`), true); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
}

// freeAddress is a loopback address that nothing listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// answer is what the app got.
type answer struct {
	status int
	header http.Header
	body   string
}

// request makes a plain request of the app. headers are name, value pairs.
func (r *rig) request(method, path, body string, headers ...string) *http.Request {
	r.t.Helper()
	req, err := http.NewRequest(method, "http://"+r.app+path, strings.NewReader(body))
	r.check(err)
	if body == "" {
		req.Body, req.GetBody = http.NoBody, nil
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	return req
}

// form makes a request with a form, as to a token endpoint.
func (r *rig) form(path, body string, headers ...string) *http.Request {
	r.t.Helper()
	req := r.request("POST", path, body, headers...)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

// plain is an app's HTTP client without cleverness: a fresh connection for each
// call, nothing followed, nothing unpacked.
func plain() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (r *rig) do(client *http.Client, req *http.Request) answer {
	r.t.Helper()
	response, err := client.Do(req)
	for again := 0; r.loads > 1 && disconnected(err) && again < 3; again++ {
		// A reload may cost a connection before the call is taken: see TestReloadUnderLoad.
		if req.GetBody != nil {
			req.Body, _ = req.GetBody()
		}
		response, err = client.Do(req)
	}
	r.check(err)
	defer response.Body.Close()
	var body bytes.Buffer
	_, err = io.Copy(&body, response.Body)
	r.check(err)
	return answer{response.StatusCode, response.Header, body.String()}
}

func (r *rig) call(method, path, body string, headers ...string) answer {
	r.t.Helper()
	return r.do(plain(), r.request(method, path, body, headers...))
}

// funds makes the call of the main job.
func (r *rig) funds(headers ...string) answer {
	r.t.Helper()
	return r.call("POST", "/bpgo/funds-confirmations", fundsBody, headers...)
}
