package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// answer is what a client of a sidecar got.
type answer struct {
	status int
	code   string // of a refusal by the sidecar
	body   string
	header http.Header
	err    error
}

// ok reports whether the bank has honoured the call.
func (a answer) ok() bool { return a.err == nil && a.status == http.StatusOK }

// passing reports whether the answer tells to wait and repeat, and nothing else.
func (a answer) passing() bool {
	switch a.code {
	case "token-endpoint-unavailable", "token-endpoint-timeout", "vault-unavailable",
		"bank-unreachable", "bank-connect-timeout", "bank-timeout", "bank-connection-lost": // the bank was, or seemed, not there
		return true
	}
	return false
}

func do(client *http.Client, request *http.Request) answer {
	response, err := client.Do(request)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	a := answer{status: response.StatusCode, body: string(body), header: response.Header, err: err}
	var problem struct{ Code string }
	if a.status >= 400 && json.Unmarshal(body, &problem) == nil {
		a.code = problem.Code
	}
	return a
}

// get is a request of a browser, or of the app for one.
func get(t testing.TB, path string) *http.Request {
	t.Helper()
	request, err := http.NewRequest("GET", "http://sidecar"+path, nil)
	check(t, err)
	return request
}

// accounts is a call with the grant of a PSU.
func (p *process) accounts(who person) answer {
	request, err := http.NewRequest("GET", "http://sidecar/bpgo/accounts", nil)
	if err != nil {
		return answer{err: err}
	}
	request.Header.Set("Sidecar-Grant", who.login)
	a := do(p.app, request)
	if a.ok() && !strings.Contains(a.body, `"Compte de Test `+strings.TrimPrefix(who.login, "TEST")+`"`) {
		p.t.Errorf("the grant %s was answered with another's accounts: %s", who.login, a.body)
	}
	return a
}

// funds is a call without a grant.
func (p *process) funds() answer {
	request, err := http.NewRequest("POST", "http://sidecar/cards/funds-confirmations", strings.NewReader(
		`{"paymentCoverageRequestId":"1","instructedAmount":{"currency":"EUR","amount":"12.45"},`+
			`"accountId":{"iban":"FR7613807008043001965405255"}}`))
	if err != nil {
		return answer{err: err}
	}
	request.Header.Set("Content-Type", "application/json")
	return do(p.app, request)
}

// exchange posts a code through the sidecar, as an app does that owns the redirect.
func (p *process) exchange(who person, code string) answer {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}}
	request, err := http.NewRequest("POST", "http://sidecar/bpgo/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return answer{err: err}
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Sidecar-Grant", who.login)
	return do(p.app, request)
}

// grant makes the grant of a new PSU.
func (p *process) grant() person {
	p.t.Helper()
	who := p.world.newPerson()
	if a := p.exchange(who, p.world.code(who)); !a.ok() {
		p.t.Fatalf("no grant: %+v", a)
	}
	return who
}

// use wants the bank to honour a call with the grant.
func (p *process) use(who person) {
	p.t.Helper()
	if a := p.accounts(who); !a.ok() {
		p.t.Fatalf("%s does not get through with %s: %+v\n%s", p.name, who.login, a, tail(p.said.String()))
	}
}

// refused wants the sidecar to refuse a call with the grant, for that reason.
func (p *process) refused(who person, code string) answer {
	p.t.Helper()
	a := p.accounts(who)
	if a.code != code {
		p.t.Fatalf("%s answers %s with %+v, want %s\n%s", p.name, who.login, a, code, tail(p.said.String()))
	}
	return a
}

// settled calls until the answer is not only to wait and repeat.
func (p *process) settled(who person) answer {
	for deadline := time.Now().Add(2 * within); ; time.Sleep(50 * time.Millisecond) {
		a := p.accounts(who)
		if a.err == nil && !a.passing() || time.Now().After(deadline) {
			return a
		}
	}
}

// ask calls the admin endpoint, and reads its answer into what is given.
func (p *process) ask(method, path string, into any) answer {
	request, err := http.NewRequest(method, "http://localhost"+path, nil)
	if err != nil {
		return answer{err: err}
	}
	a := do(p.admin, request)
	if a.err == nil && into != nil {
		a.err = json.Unmarshal([]byte(a.body), into)
	}
	return a
}

// about is the admin endpoint's path of a grant.
func about(who person) string { return "/tpp/grants/bpgo/" + who.login }

// load gives the sidecar another configuration, as caddy reload does.
func (p *process) load(change ...func(*parts)) {
	p.t.Helper()
	for _, c := range change {
		c(&p.config)
	}
	request, err := http.NewRequest("POST", "http://localhost/load", strings.NewReader(p.world.caddyfile(p.name, p.config)))
	check(p.t, err)
	request.Header.Set("Content-Type", "text/caddyfile")
	request.Header.Set("Cache-Control", "must-revalidate")
	if a := do(p.admin, request); !a.ok() {
		p.t.Fatalf("%s does not load its configuration: %+v", p.name, a)
	}
}
