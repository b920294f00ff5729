package e2e

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// world is a bank, a storage, and any number of sidecars on it.
type world struct {
	t       testing.TB
	dir     string // certificates, keys, sockets
	storage string // what the sidecars share
	bank    *sandbox.Bank
	network *relay
	config  parts // of all sidecars, unless they say otherwise

	mu        sync.Mutex
	secrets   map[string]bool // codes, tokens, states, client secrets
	processes []*process
	psus      int
	sent      map[string]int // token requests that arrived, by digest of code or refresh token
	watched   map[string]chan struct{}
}

// newWorld makes a bank and a network to it. Whoever ends the test has looked
// for secrets in everything that its processes left behind.
func newWorld(t testing.TB, rules sandbox.TokenRules, config parts, adjust ...func(*world, *sandbox.Options)) *world {
	t.Helper()
	p, err := issued()
	check(t, err)
	dir, err := os.MkdirTemp("", "tpp-e2e-") // t.TempDir's names are too long for sockets
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &world{t: t, dir: dir, storage: filepath.Join(dir, "storage"), config: config,
		secrets: make(map[string]bool), sent: make(map[string]int), watched: make(map[string]chan struct{})}
	self, err := os.Executable()
	check(t, err)
	check(t, os.Symlink(self, w.file(command)))
	w.install("qwac", p.qwac)
	w.install("qseal", p.qseal)
	check(t, os.WriteFile(w.file("bank-ca.pem"), p.authority.PEM(), 0o600))
	w.newKey("key-1")
	options := sandbox.Options{ClientCAs: p.authority.Pool(), Certificate: p.bank.TLSCertificate(),
		QSEALs: []*x509.Certificate{p.qseal.Certificate}, Rules: sandbox.Rules{Tokens: rules},
		OnIssue: w.secret, OnReceive: w.received}
	for _, change := range adjust {
		change(w, &options)
	}
	w.bank, err = sandbox.New(options)
	check(t, err)
	check(t, w.bank.Start("127.0.0.1:0"))
	t.Cleanup(func() { check(t, w.bank.Close()) })
	w.network = newRelay(t, w.bank.Addr().String())
	t.Cleanup(w.end)
	return w
}

// newRotating has a bank that replaces refresh tokens, and that ends an
// authorization whose refresh token comes again.
func newRotating(t testing.TB) *world {
	t.Helper()
	return newWorld(t, sandbox.TokenRules{Refresh: sandbox.RefreshRotated, ReuseDetection: true}, parts{token: "refresh_survives off"})
}

func (w *world) file(name string) string { return filepath.Join(w.dir, name) }

type issuedFiles interface {
	WriteFiles(dir, name string) (string, string, error)
}

// install puts a certificate and its key where the sidecars read them.
func (w *world) install(name string, pair issuedFiles) {
	w.t.Helper()
	_, _, err := pair.WriteFiles(w.dir, name)
	check(w.t, err)
}

// newKey makes a key of the vault.
func (w *world) newKey(name string) {
	w.t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	check(w.t, os.WriteFile(w.file(name), []byte(hex.EncodeToString(key)), 0o600))
	w.secret(hex.EncodeToString(key))
}

// secret notes what must appear nowhere.
func (w *world) secret(value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets[value] = true
}

// received counts the token requests that reach the bank.
func (w *world) received(r *sandbox.Record) {
	if r.Operation != "token" {
		return
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range []string{"code", "refresh_token"} {
		if value := form.Get(name); value != "" {
			w.sent[value]++
			if arrived := w.watched[value]; arrived != nil && w.sent[value] == 1 {
				close(arrived)
			}
		}
	}
}

// arrivals is how often the bank got that code or refresh token.
func (w *world) arrivals(value string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent[value]
}

// arrival is closed when the bank first gets that code or refresh token.
func (w *world) arrival(value string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	arrived := make(chan struct{})
	w.watched[value] = arrived
	return arrived
}

// person is a PSU, whose grant has the PSU's login as its name.
type person struct{ login string }

// newPerson is a PSU that nobody has met yet.
func (w *world) newPerson() person {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.psus++
	return person{fmt.Sprintf("TEST%d", w.psus)}
}

// callback is the redirect_uri of all.
const callback = "https://pay.acme.example/callback"

// code lets the PSU consent at the bank, for the app that owns the redirect.
func (w *world) code(who person) string {
	w.t.Helper()
	query := url.Values{"response_type": {"code"}, "client_id": {organization}, "scope": {"aisp"},
		"redirect_uri": {callback}, "login": {who.login}}
	back := w.consent("/stet/psd2/oauth/authorize?" + query.Encode())
	if back.Get("code") == "" {
		w.t.Fatalf("the bank gives no code: %s", back)
	}
	return back.Get("code")
}

// consent follows a browser to the bank, and gives what comes back.
func (w *world) consent(target string) url.Values {
	w.t.Helper()
	answer := httptest.NewRecorder()
	w.bank.Control().ServeHTTP(answer, httptest.NewRequest("GET", target, nil))
	to, err := url.Parse(answer.Header().Get("Location"))
	if err != nil || answer.Code != 302 {
		w.t.Fatalf("the bank answers %d: %s", answer.Code, answer.Body)
	}
	return to.Query()
}

// honoured reports whether the bank has a live authorization of the PSU.
func (w *world) honoured(who person) bool { return len(w.bank.Pairs(who.login)) > 0 }

// refreshes are what the bank counted for the PSU.
func (w *world) refreshes(who person) sandbox.RefreshStats {
	return w.bank.Stats().Tokens.PSUs[who.login]
}

// recordFile is where the grant's record lies.
func (w *world) recordFile(who person) string {
	sum := sha256.Sum256([]byte(who.login))
	digest := hex.EncodeToString(sum[:])
	return filepath.Join(w.storage, "tpp", "grants", "bpgo", digest[:2], digest+".jwe")
}

// parts are what differs between configurations.
type parts struct {
	tpp   string // in the tpp option, vault apart
	vault string // in vault, instead of its key
	aspsp string // in the aspsp
	token string // in its token section
	// timeouts are those of the aspsp, 2 seconds each unless given.
	timeouts string
	// storage is where the storage is, if not where the others have it.
	storage string
	global  string
	site    string // in the site, beside what is there
}

// caddyfile is the configuration of the sidecar of that name.
func (w *world) caddyfile(name string, p parts) string {
	if p.vault == "" {
		p.vault = fmt.Sprintf("key k1 {file.%s}", w.file("key-1"))
	}
	if p.timeouts == "" {
		p.timeouts = "connect_timeout 2s\nanswer_timeout 2s"
	}
	if p.storage == "" {
		p.storage = w.storage
	}
	return strings.NewReplacer("{{DIR}}", w.dir, "{{NAME}}", name, "{{BANK}}", w.network.url(), "{{CALLBACK}}", callback,
		"{{STORAGE}}", p.storage, "{{VAULT}}", p.vault, "{{TPP}}", p.tpp, "{{ASPSP}}", p.aspsp, "{{TOKEN}}", p.token, "{{TIMEOUTS}}", p.timeouts,
		"{{GLOBAL}}", p.global, "{{SITE}}", p.site).Replace(frame)
}

const frame = `{
	admin "unix/{{DIR}}/{{NAME}}.admin"
	persist_config off
	auto_https off
	grace_period 10s
	storage file_system "{{STORAGE}}"
	log {
		level DEBUG
	}
	{{GLOBAL}}
	tpp {
		certificate_poll 100ms
		vault {
			recheck 1s
			{{VAULT}}
		}
		identity acme {
			qwac "{{DIR}}/qwac.pem" "{{DIR}}/qwac-key.pem"
			qseal "{{DIR}}/qseal.pem" "{{DIR}}/qseal-key.pem"
		}
		aspsp bpgo {
			profile bpce
			base_url {{BANK}}/stet/psd2/v1.4.2
			identity acme
			scope aisp
			trust_pool "{{DIR}}/bank-ca.pem"
			{{TIMEOUTS}}
			redirect_uri {{CALLBACK}}
			return_urls https://app.acme.example/connected
			hide_tokens on
			token {
				grant none
				{{TOKEN}}
			}
			{{ASPSP}}
		}
		aspsp cards {
			profile bpce
			base_url {{BANK}}/stet/psd2/v1.4.2
			identity acme
			scope cbpii
			trust_pool "{{DIR}}/bank-ca.pem"
		}
		{{TPP}}
	}
}
:8080 {
	bind "unix/{{DIR}}/{{NAME}}.app"
	tpp_health /-/health
	tpp_authorize /authorize
	tpp_callback /callback bpgo
	tpp_proxy /bpgo/* bpgo {
		strip_prefix /bpgo
	}
	tpp_proxy /cards/* cards {
		strip_prefix /cards
	}
	{{SITE}}
}
`
