package caddymodule_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"crypto/tls"

	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// revocation lets the bank's revocation endpoint be known.
const revocation = "token {\nrevocation /stet/psd2/oauth/revoke\n}\n"

// grantToImport is a grant as the admin endpoint takes it; more are further members.
func grantToImport(name, refresh, more string) string {
	return fmt.Sprintf(`{"grant": %q, "refresh_token": %q, "authorized_at": %q%s}`,
		name, refresh, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), more)
}

// fingerprint is what stands for a grant's name.
func fingerprint(name string) string { return grants.ID{ASPSP: "bpgo", Name: name}.Fingerprint() }

// tear cuts the record of a grant off.
func (r *rig) tear(name string) {
	r.t.Helper()
	sum := sha256.Sum256([]byte(name))
	digest := hex.EncodeToString(sum[:])
	file := r.file("storage/tpp/grants/bpgo/" + digest[:2] + "/" + digest + ".jwe")
	content, err := os.ReadFile(file)
	r.check(err)
	r.check(os.WriteFile(file, content[:len(content)/2], 0o600))
}

// pair is what the bank gave for a PSU's authorization.
type tokenPair struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// authorizePSU plays another system of the TPP, from which its grants come: it
// has a PSU authorize at the bank.
func (r *rig) authorizePSU(login string) (pair tokenPair) {
	r.t.Helper()
	const back = "https://app.example/back"
	query := url.Values{"response_type": {"code"}, "client_id": {organization}, "redirect_uri": {back}, "scope": {"aisp"}, "state": {"s"}, "login": {login}}
	recorder := httptest.NewRecorder()
	r.bank.Control().ServeHTTP(recorder, httptest.NewRequest("GET", "/stet/psd2/oauth/authorize?"+query.Encode(), nil))
	location, err := url.Parse(recorder.Header().Get("Location"))
	r.check(err)
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {organization}, "redirect_uri": {back}, "code": {location.Query().Get("code")}}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		RootCAs: authority().Pool(), Certificates: []tls.Certificate{acme().qwac.TLSCertificate()},
	}}}
	response, err := client.PostForm(r.bank.URL()+"/stet/psd2/oauth/token", form)
	r.check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	r.check(err)
	if json.Unmarshal(body, &pair) != nil || pair.Access == "" || pair.Refresh == "" {
		r.t.Fatalf("%d %s, redirected to %v", response.StatusCode, body, location)
	}
	return pair
}

// TestAdminGrantThroughItsLife imports a grant that another system got, and
// follows it to its end.
func TestAdminGrantThroughItsLife(t *testing.T) {
	o := &operator{rig: newRig(t)}
	o.newKey("one")
	o.load(parts{tpp: o.vaultBlock("one"), aspsp: revocation})
	before := o.authorizePSU("D0999990I0")
	expiry := time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
	var state grants.State
	o.ask("POST", "/tpp/grants/bpgo", "application/json",
		grantToImport("alice", before.Refresh, fmt.Sprintf(`, "access_token": %q, "access_expiry": %q, "scope": "aisp"`, before.Access, expiry)), 201, &state)
	if state.Name != "alice" || state.Fingerprint != fingerprint("alice") || state.Status != grants.StatusActive || !state.HasRefreshToken ||
		state.AccessExpiry.Format(time.RFC3339) != expiry || time.Until(state.ConsentUntil) < 179*24*time.Hour || state.Scope != "aisp" {
		t.Errorf("%+v", state)
	}
	use := func() string {
		o.call("GET", "/bpgo/accounts", "", "Sidecar-Grant", "alice", "PSU-IP-Address", publicIP)
		return strings.TrimPrefix(o.bank.Last().Header.Get("Authorization"), "Bearer ")
	}
	if use() != before.Access {
		t.Error("the imported access token is not used")
	}
	calls := o.bank.TokenCalls()
	o.ask("POST", "/tpp/grants/bpgo/alice/refresh", "", "", 200, &state)
	after := use()
	if after == before.Access || after == "" || o.bank.TokenCalls() != calls+1 || state.RefreshedAt.IsZero() {
		t.Errorf("not refreshed: %d token calls, %+v", o.bank.TokenCalls()-calls, state)
	}
	o.refused("POST", "/tpp/grants/bpgo/alice/release", "", "", 409, "grant-not-held")
	o.refused("DELETE", "/tpp/grants/bpgo/alice", "", "", 409, "grant-active")

	var revoked struct {
		AtBank bool `json:"at_bank"`
		Grant  grants.State
		Error  string
	}
	o.ask("POST", "/tpp/grants/bpgo/alice/revoke", "", "", 200, &revoked)
	if !revoked.AtBank || revoked.Grant.Status != grants.StatusRevoked || revoked.Error != "" || o.bank.TokenState(sandbox.TokenHash(before.Refresh)).Live {
		t.Errorf("%+v", revoked)
	}
	o.refused("POST", "/tpp/grants/bpgo/alice/refresh", "", "", 409, "consent-revoked")
	o.ask("DELETE", "/tpp/grants/bpgo/alice", "", "", 200, nil)
	o.refused("GET", "/tpp/grants/bpgo/alice", "", "", 404, "grant-unknown")
	for _, action := range []string{"refresh", "release", "adopt", "revoke"} {
		o.refused("POST", "/tpp/grants/bpgo/alice/"+action, "", "", 404, "grant-unknown")
	}
	o.silent(before.Access, before.Refresh, after)
}

// TestAdminAdoptsGrant holds that a grant follows its bank to another client_id.
func TestAdminAdoptsGrant(t *testing.T) {
	o := &operator{rig: newRig(t)}
	o.newKey("one")
	o.load(parts{tpp: o.vaultBlock("one")})
	o.ask("POST", "/tpp/grants/bpgo", "", grantToImport("alice", o.authorizePSU("D0999990I0").Refresh, ""), 201, nil)
	o.load(parts{tpp: o.vaultBlock("one"), aspsp: "client_id given-anew"})
	o.rig.refused(o.call("GET", "/bpgo/accounts", "", "Sidecar-Grant", "alice"), sidecar.CodeGrantElsewhere, 409)
	var state grants.State
	o.ask("POST", "/tpp/grants/bpgo/alice/adopt", "", "", 200, &state)
	if state.ClientID != "given-anew" || state.Status != grants.StatusActive || !state.HasRefreshToken {
		t.Errorf("%+v", state)
	}
}

// TestAdminGrantOfRefusals holds what an operator is told when the bank does
// not do its part.
func TestAdminGrantOfRefusals(t *testing.T) {
	o := &operator{rig: newRig(t)}
	o.newKey("one")
	o.load(parts{tpp: o.vaultBlock("one"), aspsp: revocation})
	o.ask("POST", "/tpp/grants/bpgo", "", grantToImport("alice", "rt-that-the-bank-never-gave", ""), 201, nil)
	if text := o.refused("POST", "/tpp/grants/bpgo/alice/refresh", "", "", 409, "consent-revoked"); !strings.Contains(text, "invalid_grant") {
		t.Error(text)
	}
	var state grants.State
	o.ask("POST", "/tpp/grants/bpgo/alice/release", "", "", 200, &state)
	if state.Status != grants.StatusActive || state.Reason != grants.ReasonReleased {
		t.Errorf("%+v", state)
	}
	o.check(o.bank.Faults().SetToken(sandbox.Fault{Status: 503}))
	o.refused("POST", "/tpp/grants/bpgo/alice/refresh", "", "", 502, "token-endpoint-unavailable")
	// The grant is ended here whatever the bank makes of it.
	o.bank.Close()
	var revoked struct {
		AtBank      bool `json:"at_bank"`
		Grant       grants.State
		Error, Code string
	}
	o.ask("POST", "/tpp/grants/bpgo/alice/revoke", "", "", 200, &revoked)
	if revoked.AtBank || revoked.Grant.Status != grants.StatusRevoked || revoked.Error == "" || revoked.Code != "bank-unreachable" {
		t.Errorf("%+v", revoked)
	}
	o.silent("rt-that-the-bank-never-gave")
}

// TestAdminGrantNames holds that any name can be in a path.
func TestAdminGrantNames(t *testing.T) {
	o := &operator{rig: newRig(t)}
	o.newKey("one")
	o.load(parts{tpp: o.vaultBlock("one")})
	for path, name := range map[string]string{
		"a%2Fb": "a/b", "%2F": "/", "%2E": ".", "%2E%2E": "..", "a%2F..%2Fb": "a/../b", "x%2F%2Fy": "x//y", "%25": "%", "100%2525": "100%25",
		"refresh": "refresh", "a+b": "a+b", "a%3Fb%23c": "a?b#c", "%7Bgrant%7D": "{grant}", "a;b=c": "a;b=c", "%22%3C%26": `"<&`,
		strings.Repeat("%2F", 128): strings.Repeat("/", 128),
	} {
		o.ask("POST", "/tpp/grants/bpgo", "", grantToImport(name, "rt-of-name", ""), 201, nil)
		var state grants.State
		if o.ask("GET", "/tpp/grants/bpgo/"+path, "", "", 200, &state); state.Name != name {
			t.Errorf("%s: %q, want %q", path, state.Name, name)
		}
		o.ask("POST", "/tpp/grants/bpgo/"+path+"/revoke", "", "", 200, nil)
		o.ask("DELETE", "/tpp/grants/bpgo/"+path, "", "", 200, nil)
	}
	for _, path := range []string{"a%20b", "%C3%A9", "%00", strings.Repeat("x", 129)} {
		o.refused("GET", "/tpp/grants/bpgo/"+path, "", "", 400, "grant-name-invalid")
	}
	o.refused("GET", "/tpp/grants/bpgo/a/b", "", "", 404, "request-invalid")
	o.refused("GET", "/tpp/grants/bpgo/a/refresh", "", "", 405, "request-invalid")
	o.refused("POST", "/tpp/grants/bpgo/a", "", "", 405, "request-invalid")
	o.refused("GET", "/tpp/grants/bpgo/", "", "", 400, "grant-name-invalid")
	o.refused("GET", "/tpp/grants/bpgo", "", "", 405, "request-invalid")
	o.refused("GET", "/tpp/nothing", "", "", 404, "request-invalid")
}

func TestAdminListsGrants(t *testing.T) {
	o := &operator{rig: newRig(t)}
	o.newKey("one")
	o.load(parts{tpp: o.vaultBlock("one")})
	type page struct {
		Grants []grants.State
		Next   string
	}
	var empty page
	if a := o.ask("GET", "/tpp/grants?aspsp=bpgo", "", "", 200, &empty); !strings.Contains(a.body, `"grants":[]`) || empty.Next != "" {
		t.Error(a.body)
	}
	var lines, secrets []string
	for n := range 7 {
		secrets = append(secrets, fmt.Sprintf("rt-of-%d", n))
		lines = append(lines, grantToImport(fmt.Sprintf("psu-%d", n), secrets[n], ""))
	}
	o.ask("POST", "/tpp/grants/bpgo", "application/x-ndjson", strings.Join(lines, "\n"), 200, nil)
	o.tear("psu-3")
	seen, damaged, after := map[string]bool{}, 0, ""
	for pages := 0; ; pages++ {
		var p page
		o.ask("GET", "/tpp/grants?limit=2&aspsp=bpgo&after="+after, "", "", 200, &p)
		if len(p.Grants) > 2 || pages > 4 {
			t.Fatalf("%+v", p)
		}
		for _, state := range p.Grants {
			seen[state.Fingerprint] = true
			if state.Status == grants.StatusDamaged {
				damaged++
			}
		}
		if after = p.Next; after == "" {
			break
		}
	}
	if len(seen) != 7 || damaged != 1 || !seen[fingerprint("psu-0")] || !seen[fingerprint("psu-3")] {
		t.Errorf("%v, %d damaged", seen, damaged)
	}
	o.refused("GET", "/tpp/grants/bpgo/psu-3", "", "", 500, "grant-record-damaged")
	for _, query := range []string{"", "?aspsp=", "?aspsp=bpgo&limit=0", "?aspsp=bpgo&limit=x", "?aspsp=bpgo&after=psu-1", "?aspsp=..%2Fkeys"} {
		o.refused("GET", "/tpp/grants"+query, "", "", 400, "request-invalid")
	}
	o.silent(secrets...)
}

// TestAdminGrantsOfFormerASPSP holds what is possible when a bank was taken
// out of the configuration.
func TestAdminGrantsOfFormerASPSP(t *testing.T) {
	o := &operator{rig: newRig(t)}
	o.newKey("one")
	o.load(parts{tpp: o.vaultBlock("one")})
	o.ask("POST", "/tpp/grants/bpgo", "", grantToImport("alice", "rt-former", ""), 201, nil)
	o.loadText(strings.NewReplacer("aspsp bpgo", "aspsp other", "bpgo {", "other {").Replace(o.text(parts{tpp: o.vaultBlock("one")})))
	o.ask("GET", "/tpp/grants?aspsp=bpgo", "", "", 200, nil)
	o.ask("GET", "/tpp/grants/bpgo/alice", "", "", 200, nil)
	o.refused("POST", "/tpp/grants/bpgo/alice/refresh", "", "", 404, "unknown-aspsp")
	o.refused("POST", "/tpp/grants/bpgo", "", grantToImport("bob", "rt-former", ""), 404, "unknown-aspsp")
	var revoked struct {
		AtBank bool `json:"at_bank"`
		Grant  grants.State
		Error  string
	}
	o.ask("POST", "/tpp/grants/bpgo/alice/revoke", "", "", 200, &revoked)
	if revoked.AtBank || revoked.Grant.Status != grants.StatusRevoked || revoked.Error != "" {
		t.Errorf("%+v", revoked)
	}
	o.ask("DELETE", "/tpp/grants/bpgo/alice", "", "", 200, nil)
	o.silent("rt-former")
}
