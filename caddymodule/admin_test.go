package caddymodule_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
	"github.com/caddy-tpp/caddy-tpp/signer"
)

// ask calls the admin endpoint and decodes what it answers into value, if any.
func (r *rig) ask(method, path string, status int, value any) answer {
	r.t.Helper()
	req, err := http.NewRequest(method, "http://"+r.admin+path, nil)
	r.check(err)
	a := r.do(plain(), req)
	if a.status != status {
		r.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.body, status)
	}
	if value != nil {
		r.check(json.Unmarshal([]byte(a.body), value))
	}
	return a
}

// secretless fails if an answer holds a secret.
func (r *rig) secretless(a answer) {
	r.t.Helper()
	token := strings.TrimPrefix(r.bank.Last().Header.Get("Authorization"), "Bearer ")
	for _, secret := range []string{"PRIVATE KEY", token} {
		if secret != "" && strings.Contains(a.body, secret) {
			r.t.Errorf("a secret is in %s", a.body)
		}
	}
}

func TestAdminShowsIdentities(t *testing.T) {
	r := newRig(t)
	r.load(parts{})
	var identities []struct {
		Name         string
		Generation   int
		Certificates []struct {
			Slot, File, Subject, Serial string
			NotAfter                    time.Time `json:"not_after"`
			Thumbprint                  string    `json:"x5t_s256"`
			OrganizationIdentifier      string    `json:"organization_identifier"`
			Roles                       []string
			NCA                         string
		}
	}
	r.secretless(r.ask("GET", "/tpp/identities", 200, &identities))
	if len(identities) != 1 || identities[0].Name != "acme" || identities[0].Generation != 1 || len(identities[0].Certificates) != 2 {
		t.Fatalf("%+v", identities)
	}
	for n, issued := range []*testpki.Issued{acme().qwac, acme().qseal} {
		c := identities[0].Certificates[n]
		// As "caddy tpp cert" and the keyId have it: Go's own form has no name for organizationIdentifier.
		if want := must(signer.RenderDN(issued.Certificate.RawSubject, "openssl-utf8", false)); c.Subject != want || !strings.Contains(want, "organizationIdentifier="+organization) {
			t.Errorf("subject %q, want %q", c.Subject, want)
		}
		if c.Serial != issued.Certificate.SerialNumber.Text(16) || !c.NotAfter.Equal(issued.Certificate.NotAfter) ||
			c.OrganizationIdentifier != organization || len(c.Roles) != len(allRoles) || c.NCA != "FR-ACPR" ||
			len(c.Thumbprint) != 43 || !strings.HasPrefix(c.File, r.dir) {
			t.Errorf("%+v", c)
		}
	}
}

func TestAdminReloadsCertificates(t *testing.T) {
	r := newRig(t)
	r.check(r.bank.AddQSEAL(renewed().qseal.Certificate))
	// The poll is far off, so that only the endpoint can have done it.
	r.loadText(strings.Replace(r.text(parts{}), "certificate_poll 50ms", "certificate_poll 1h", 1))
	var result struct {
		Changed    bool
		Error      string
		Generation int
	}
	r.ask("POST", "/tpp/identities/acme/reload", 200, &result)
	if result.Changed || result.Generation != 1 {
		t.Errorf("nothing changed, but: %+v", result)
	}
	r.install("acme", renewed())
	r.ask("POST", "/tpp/identities/acme/reload", 200, &result)
	if !result.Changed || result.Generation != 2 {
		t.Errorf("%+v", result)
	}
	record := r.compliant(r.funds("PSU-IP-Address", publicIP))
	if record.ClientCert.SerialNumber.Cmp(renewed().qwac.Certificate.SerialNumber) != 0 {
		t.Error("the former certificate went out")
	}
	r.check(os.WriteFile(r.file("acme-qwac.pem"), []byte("half"), 0o600))
	r.secretless(r.ask("POST", "/tpp/identities/acme/reload", 409, &result))
	if result.Generation != 2 || !strings.Contains(result.Error, "acme-qwac.pem") {
		t.Errorf("%+v", result)
	}
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	if a := r.ask("POST", "/tpp/identities/acne/reload", 404, nil); !strings.Contains(a.body, `no identity \"acne\"`) {
		t.Error(a.body)
	}
	r.ask("GET", "/tpp/identities/acme/reload", 405, nil)
}

func TestAdminShowsASPSPs(t *testing.T) {
	r := newRig(t)
	r.load(parts{aspsp: "fallback\nheaders {\nset X-Api-Key {file." + r.file("acme-qwac-key.pem") + "}\n}"})
	var aspsps []map[string]any
	r.secretless(r.ask("GET", "/tpp/aspsps", 200, &aspsps))
	if len(aspsps) != 1 {
		t.Fatal(aspsps)
	}
	for key, want := range map[string]any{
		"name": "bpgo", "profile": "bpce", "base_url": r.bankURL + "/stet/psd2/v1.4.2", "identity": "acme", "scope": "cbpii", "fallback": true,
	} {
		if aspsps[0][key] != want {
			t.Errorf("%s is %v, want %v", key, aspsps[0][key], want)
		}
	}
	if id, _ := aspsps[0]["key_id"].(string); !strings.HasPrefix(id, "SN="+acme().qseal.Certificate.SerialNumber.Text(16)+",CA=") {
		t.Errorf("key_id is %q", id)
	}
}

func TestAdminDropsTokens(t *testing.T) {
	r := newRig(t)
	r.load(parts{})
	r.ask("GET", "/tpp/tokens", 200, nil)
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	a := r.ask("GET", "/tpp/tokens", 200, nil)
	r.secretless(a)
	if !strings.Contains(a.body, "bpgo") || !strings.Contains(a.body, "cbpii") {
		t.Errorf("the token is not listed: %s", a.body)
	}
	var dropped struct{ Dropped int }
	if r.ask("DELETE", "/tpp/tokens/other", 200, &dropped); dropped.Dropped != 0 {
		t.Errorf("%d tokens of another bank", dropped.Dropped)
	}
	if r.ask("DELETE", "/tpp/tokens/bpgo", 200, &dropped); dropped.Dropped != 1 {
		t.Errorf("%d tokens", dropped.Dropped)
	}
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	if calls := r.bank.TokenCalls(); calls != 2 {
		t.Errorf("%d token calls", calls)
	}
}

func TestAdminWithoutApp(t *testing.T) {
	r := newRig(t)
	r.check(loadConfig([]byte(`{"admin": {"listen": "` + r.admin + `", "config": {"persist": false}}}`)))
	for _, path := range []string{"/tpp/identities", "/tpp/aspsps", "/tpp/tokens", "/tpp/nothing"} {
		if a := r.ask("GET", path, 404, nil); !strings.Contains(path, "nothing") && !strings.Contains(a.body, "no tpp app") {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}

// TestHealth holds that the health probe fails, and calls are refused, from the
// moment that a certificate is over.
func TestHealth(t *testing.T) {
	r := newRig(t)
	end := time.Now().Add(2 * time.Second)
	short := issue(t, testpki.QWAC, func(p *testpki.Profile) { p.NotAfter = end })
	r.install("acme", tpp{short, acme().qseal})
	r.load(parts{site: mainSite + "\nhandle /-/health {\ntpp_health\n}"})
	a := r.call("GET", "/-/health", "")
	if a.status != 200 || !strings.Contains(a.body, `"status":"ok"`) || !strings.Contains(a.body, `"acme":"ok"`) || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	time.Sleep(time.Until(short.Certificate.NotAfter.Add(time.Second)))
	a = r.call("GET", "/-/health", "")
	if a.status != 503 || !strings.Contains(a.body, "certificate-unusable") || !strings.Contains(a.body, "acme-qwac.pem expired") {
		t.Errorf("%d %s", a.status, a.body)
	}
	p := r.refused(r.funds("PSU-IP-Address", publicIP), sidecar.CodeCertificateUnusable, 503)
	if !strings.Contains(p.Detail, "acme-qwac.pem") {
		t.Errorf("%+v", p)
	}
	// A renewed certificate mends it without a reload.
	r.install("acme", acme())
	r.eventually(func() bool { return r.call("GET", "/-/health", "").status == 200 })
	r.compliant(r.funds("PSU-IP-Address", publicIP))
}
