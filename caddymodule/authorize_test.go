package caddymodule_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	_ "github.com/caddyserver/caddy/v2/modules/caddyevents/eventsconfig"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// heard is an event handler as a user may write one.
type heard struct{}

var (
	heardMu     sync.Mutex
	heardEvents []map[string]string
)

func init() { caddy.RegisterModule(heard{}) }

func (heard) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.tpp_test", New: func() caddy.Module { return new(heard) }}
}

func (heard) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { d.Next(); return nil }

func (heard) Handle(_ context.Context, event caddy.Event) error {
	data := map[string]string{"name": event.Name()}
	for key, value := range event.Data {
		data[key] = caddy.ToString(value)
	}
	heardMu.Lock()
	defer heardMu.Unlock()
	heardEvents = append(heardEvents, data)
	return nil
}

// awaitEvent waits for an event of a name.
func awaitEvent(t *testing.T, name string) map[string]string {
	t.Helper()
	for range 200 {
		heardMu.Lock()
		for _, event := range heardEvents {
			if event["name"] == name {
				heardMu.Unlock()
				return event
			}
		}
		heardMu.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("no event %s in %v", name, heardEvents)
	return nil
}

var _ caddyevents.Handler = heard{}

// portal is a rig with the redirect, and the bank's page for browsers.
type portal struct {
	*operator
	browser *httptest.Server
}

const returnURL = "https://app.acme.example/done/k?tab=1"

func newPortal(t *testing.T) *portal {
	t.Helper()
	heardMu.Lock()
	heardEvents = nil
	heardMu.Unlock()
	p := &portal{operator: &operator{rig: newRig(t)}}
	p.browser = httptest.NewServer(p.bank.Control())
	t.Cleanup(p.browser.Close)
	p.newKey("one")
	p.load(p.parts(""))
	return p
}

func (p *portal) parts(token string) parts {
	return parts{
		global: "events {\non * tpp_test\n}",
		tpp:    p.vaultBlock("one"),
		aspsp: fmt.Sprintf("scope aisp\nredirect_uri http://%s/back/bpgo\nreturn_urls https://app.acme.example/done\n"+
			"token {\ngrant none\nauthorize {\nendpoint %s/stet/psd2/oauth/authorize?lang=fr\n}\n%s\n}", p.app, p.browser.URL, token),
		site: metricsSite + "\n\ttpp_authorize /begin\n\ttpp_callback /back/bpgo bpgo",
	}
}

// begin asks for the address to send a customer to.
func (p *portal) begin(query url.Values) answer {
	p.t.Helper()
	return p.call("GET", "/begin?"+query.Encode(), "")
}

// visit plays the browser, from an address to the one it is sent on to.
func (p *portal) visit(address string) answer {
	p.t.Helper()
	req, err := http.NewRequest("GET", address, nil)
	p.check(err)
	return p.do(plain(), req)
}

func wish(grant string) url.Values {
	return url.Values{"aspsp": {"bpgo"}, "grant": {grant}, "return_url": {returnURL}}
}

// A customer goes to the bank and comes back, and the grant is there.
func TestAuthorize(t *testing.T) {
	p := newPortal(t)
	a := p.begin(wish("customer-4711"))
	if a.status != http.StatusFound || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Referrer-Policy") != "no-referrer" {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	asked, err := url.Parse(a.header.Get("Location"))
	p.check(err)
	query := asked.Query()
	if query.Get("client_id") != organization || query.Get("scope") != "aisp" || query.Get("lang") != "fr" || len(query.Get("state")) > 34 || len(query.Get("state")) < 26 {
		t.Errorf("the customer is sent to %s", asked)
	}
	back := p.visit(asked.String()).header.Get("Location")
	a = p.visit(back)
	if got := a.header.Get("Location"); a.status != http.StatusSeeOther || got != returnURL+"&sidecar_grant=customer-4711&sidecar_result=granted" {
		t.Fatalf("%d %s %s", a.status, got, a.body)
	}
	a = p.call("GET", "/bpgo/accounts", "", "Sidecar-Grant", "customer-4711", "PSU-IP-Address", publicIP)
	if a.status != 200 || !strings.Contains(a.body, "Compte de Marc") {
		t.Errorf("%d %s", a.status, a.body)
	}
	// The same answer a second time is nobody's.
	p.rig.refused(p.visit(back), sidecar.CodeCallbackState, 400)

	calls := p.bank.TokenCalls()
	p.ask("POST", "/tpp/grants/bpgo/customer-4711/revoke", "", "", 200, nil)
	event := awaitEvent(t, "tpp_grant_revoked")
	if event["grant"] != "customer-4711" || event["aspsp"] != "bpgo" || event["fingerprint"] != fingerprint("customer-4711") {
		t.Errorf("event %v", event)
	}
	if p.bank.TokenCalls() != calls {
		t.Error("revoking asked the token endpoint")
	}
	for _, secret := range []string{"customer-4711", query.Get("state"), "code="} {
		for line := range strings.Lines(p.log()) {
			// Caddy's admin endpoint logs the address of each of its requests.
			if strings.Contains(line, secret) && !strings.Contains(line, `"logger":"admin`) {
				t.Errorf("%q is in the log: %s", secret, line)
			}
		}
	}
}

// A customer who says no, and a bank that says so, end at the app as well.
func TestAuthorizeEndsWithout(t *testing.T) {
	p := newPortal(t)
	for login, want := range map[string]string{
		"deny": "sidecar_result=denied&sidecar_error=access_denied", "error:server_error": "sidecar_result=failed&sidecar_error=server_error",
	} {
		at := p.begin(wish("k")).header.Get("Location") + "&login=" + url.QueryEscape(login)
		a := p.visit(p.visit(at).header.Get("Location"))
		if got := a.header.Get("Location"); got != returnURL+"&sidecar_grant=k&"+want {
			t.Errorf("%s: %d %s", login, a.status, got)
		}
	}
	p.check(p.bank.Faults().SetToken(sandbox.Fault{Status: 503}))
	a := p.visit(p.visit(p.begin(wish("k")).header.Get("Location")).header.Get("Location"))
	if got := a.header.Get("Location"); got != returnURL+"&sidecar_grant=k&sidecar_result=failed&sidecar_error="+string(sidecar.CodeAuthorizationLost) {
		t.Errorf("bank down: %d %s", a.status, got)
	}
}

// What cannot begin, and what answers nothing, is refused with its reason.
func TestAuthorizeRefusals(t *testing.T) {
	p := newPortal(t)
	with := func(name string, values ...string) url.Values {
		query := wish("k")
		query[name] = values
		return query
	}
	for name, c := range map[string]struct {
		query url.Values
		code  sidecar.Code
		want  int
	}{
		"no such ASPSP":   {with("aspsp", "bgpo"), sidecar.CodeUnknownASPSP, 404},
		"no grant":        {with("grant"), sidecar.CodeGrantName, 400},
		"two grants":      {with("grant", "a", "b"), sidecar.CodeAuthorizeParameter, 400},
		"no return URL":   {with("return_url"), sidecar.CodeReturnURL, 400},
		"another host":    {with("return_url", "https://app.acme.example.evil/done"), sidecar.CodeReturnURL, 400},
		"beside the path": {with("return_url", "https://app.acme.example/done/../admin"), sidecar.CodeReturnURL, 400},
		"scope":           {with("scope", "a\"b"), sidecar.CodeAuthorizeParameter, 400},
	} {
		t.Run(name, func(t *testing.T) { p.rig.refused(p.begin(c.query), c.code, c.want) })
	}
	p.rig.refused(p.call("POST", "/begin?"+wish("k").Encode(), ""), sidecar.CodeMethodRefused, 405)
	p.rig.refused(p.call("POST", "/back/bpgo?code=c&state=s", ""), sidecar.CodeMethodRefused, 405)
	p.rig.refused(p.call("GET", "/back/bpgo?code=c&state=s", ""), sidecar.CodeCallbackState, 400)
	p.rig.refused(p.call("GET", "/back/bpgo?code=c", ""), sidecar.CodeCallbackParameter, 400)
	if n := p.bank.Stats().Requests; n != 0 {
		t.Errorf("the bank got %d requests", n)
	}
}

// A consent that is about to end is announced once, also over a reload.
func TestConsentAnnounced(t *testing.T) {
	p := newPortal(t)
	pair := p.authorizePSU("D0999992I0")
	p.ask("POST", "/tpp/grants/bpgo", "", grantToImport("customer-0815", pair.Refresh,
		fmt.Sprintf(`, "consent_until": %q`, time.Now().Add(5*24*time.Hour+time.Hour).UTC().Format(time.RFC3339))), 201, nil)
	var grant struct {
		ConsentUntil time.Time `json:"consent_until"`
	}
	a := p.ask("GET", "/tpp/grants/bpgo/customer-0815", "", "", 200, nil)
	p.check(json.Unmarshal([]byte(a.body), &grant))
	if left := time.Until(grant.ConsentUntil); left > 6*24*time.Hour {
		t.Fatalf("the consent has %s", left)
	}
	// Consents are looked through every hour: let an hour have passed.
	state := p.file("storage/tpp/clock/state.jwe")
	p.eventually(func() bool { _, err := os.Stat(state); return err == nil })
	p.check(os.Remove(state))
	p.load(p.parts(""))
	event := awaitEvent(t, "tpp_grant_consent_expiring")
	if event["grant"] != "customer-0815" || event["days"] != "6" {
		t.Errorf("event %v", event)
	}
	if got := p.scrape()[`caddy_tpp_grant_events_total{aspsp="bpgo",kind="consent_expiring_7d"}`]; got != 1 {
		t.Errorf("counted %v times", got)
	}
}
