package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// TestCrash: a process that crashes, with tokens in memory and a refresh and a
// code exchange under way, prints where its goroutines are, and no secret. What
// it has printed is searched when the world ends.
func TestCrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.TokenRules{}, parts{
		token: "client_auth client_secret_basic\nauthorize {\nendpoint http://127.0.0.1:1/authorize\npkce on\n}",
	})
	const secret = "s3cret-of-the-client-0123456789"
	w.secret(secret)
	check(t, os.WriteFile(w.file("client-secret"), []byte(secret), 0o600))
	check(t, w.bank.Register(sandbox.Client{Organization: organization, Auth: sandbox.AuthBasic, Secret: secret}))
	p := w.start("crashing", func(c *parts) { c.aspsp = "client_secret {file." + w.file("client-secret") + "}" })
	hot, who, newcomer := p.grant(), p.grant(), w.newPerson()
	code := w.code(newcomer)
	begin := do(p.app, get(t, "/authorize?aspsp=bpgo&grant=begun&return_url=https://app.acme.example/connected"))
	if begin.status != 302 {
		t.Fatalf("%+v", begin)
	}
	bank, err := url.Parse(begin.header.Get("Location"))
	check(t, err)
	w.secret(bank.Query().Get("state"))
	p.use(hot)
	r, _ := w.record(who)
	w.bank.ExpireTokens()
	check(t, w.bank.Faults().SetToken(sandbox.Fault{Processed: true, Delay: sandbox.Wait(time.Minute)}))
	refresh, exchange := w.arrival(r.Refresh), w.arrival(code)
	go p.accounts(who)
	go p.exchange(newcomer, code)
	<-refresh
	<-exchange
	p.doomed()
	p.signal(syscall.SIGABRT)
	p.wait()
	if !p.saidAll("SIGABRT: abort", "goroutine ", "grants.(*held).") {
		t.Errorf("there is no dump: %s", tail(p.said.String()))
	}
}

// TestDetector: what the search for secrets would find.
func TestDetector(t *testing.T) {
	const secret = "aABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	w := &world{secrets: map[string]bool{secret: true}}
	d := w.detector()
	for _, text := range []string{
		secret, "x" + secret[:head] + "…",
		"Basic " + base64.StdEncoding.EncodeToString([]byte(secret)),
		base64.RawURLEncoding.EncodeToString([]byte("k:" + secret)),
		base64.StdEncoding.EncodeToString([]byte("12345" + secret + "6789")),
		hex.EncodeToString([]byte(secret)),
	} {
		if d.find(text) < 0 {
			t.Errorf("not found in %q", text)
		}
	}
	if d.find(strings.ToLower(secret)+" "+secret[:head-1]) >= 0 {
		t.Error("found where it is not")
	}
}
