package sidecar_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/caddy-tpp/caddy-tpp/answers"
	"github.com/caddy-tpp/caddy-tpp/certs"
	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/links"
	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	organization = "PSDFR-ACPR-12345"
	publicIP     = "9.9.9.9"
	fundsBody    = `{"paymentCoverageRequestId":"MyCoverage123456","instructedAmount":{"currency":"EUR","amount":"12.45"},"accountId":{"iban":"FR7613807008043001965405255"}}`
)

// allRoles covers every scope that the tests ask for.
var allRoles = []string{"PSP_AI", "PSP_PI", "PSP_IC"}

// authority is the test PKI's certification authority and one TPP of it; RSA
// keys take long to make, so all tests share them.
var authority = sync.OnceValue(func() *testpki.Authority {
	a, err := testpki.NewAuthority(testpki.AuthorityOptions{CommonName: "Test QTSP CA", Organization: "Test QTSP", OrganizationIdentifier: "NTRFR-123456789", Country: "FR"})
	if err != nil {
		panic(err)
	}
	return a
})

type pair struct{ qwac, qseal *testpki.Issued }

var firstTPP = sync.OnceValue(func() pair { return newTPP() })

func newTPP() pair {
	qwac, qseal, err := testpki.NewTPP(authority(), time.Now(), organization, allRoles)
	if err != nil {
		panic(err)
	}
	return pair{qwac, qseal}
}

// rig is a bank, a sidecar in front of it, and a plain HTTP listener for the app.
type rig struct {
	t        testing.TB
	dir      string
	bank     *sandbox.Bank
	identity *certs.Identity
	tokens   *tokens.Cache
	storage  *storagetest.Memory // of the grants
	grants   *grants.Store       // nil without options.grants
	aspsp    *sidecar.ASPSP
	others   []*sidecar.ASPSP
	registry *sidecar.Registry
	app      *httptest.Server
	mu       sync.Mutex
	events   []sidecar.Event
	begun    int // exchanges
	// installed is what install wrote last.
	installed pair
	// passHeaders is given to ForProxy.
	passHeaders bool
	replays     []string
	reasons     []string // of Hooks.Fallback
	unlinked    []error
	verdicts    []string // of Hooks.Verified
	relinked    []sidecar.LinksOutcome
	// reached is given to Route.
	reached links.Address
}

// options change what newRig builds.
type options struct {
	bank      func(*sandbox.Options)
	config    func(*sidecar.Config)
	overrides profiles.Overrides
	profile   string // default bpce
	base      string // default /stet/psd2/v1.4.2
	byHost    bool
	grants    bool // keep grants
}

func newRig(t testing.TB, o options) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir()}
	r.startBank(o.bank)
	r.install(firstTPP())
	source := certs.Source{CertFile: filepath.Join(r.dir, "qseal.pem"), KeyFile: filepath.Join(r.dir, "qseal-key.pem")}
	var err error
	r.identity, _, err = certs.NewIdentity(certs.IdentityOptions{
		Name: "acme", QSEAL: &source,
		QWAC: certs.Source{CertFile: filepath.Join(r.dir, "qwac.pem"), KeyFile: filepath.Join(r.dir, "qwac-key.pem")},
	})
	r.check(err)
	r.tokens = tokens.NewCache(tokens.CacheOptions{})
	t.Cleanup(r.tokens.Close)
	if o.grants {
		r.openVault()
	}
	r.aspsp, err = r.newASPSP(o)
	r.check(err)
	t.Cleanup(r.aspsp.Close)
	r.registry = sidecar.NewRegistry(r.aspsp)
	r.app = httptest.NewServer(r.handler(o.byHost))
	t.Cleanup(r.app.Close)
	return r
}

func (r *rig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) startBank(change func(*sandbox.Options)) {
	r.t.Helper()
	server, err := authority().Issue(testpki.Profile{
		Kind: testpki.Server, CommonName: "bank.test", DNSNames: []string{"bank.test", "localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Key: "p256",
	})
	r.check(err)
	bankOptions := sandbox.Options{
		ClientCAs: authority().Pool(), Certificate: server.TLSCertificate(), QSEALs: []*x509.Certificate{firstTPP().qseal.Certificate},
	}
	if change != nil {
		change(&bankOptions)
	}
	r.bank, err = sandbox.New(bankOptions)
	r.check(err)
	r.check(r.bank.Start("127.0.0.1:0"))
	r.t.Cleanup(func() { r.check(r.bank.Close()) })
}

// install writes a TPP's certificates to the rig's files.
func (r *rig) install(p pair) {
	r.t.Helper()
	r.installed = p
	_, _, err := p.qwac.WriteFiles(r.dir, "qwac")
	r.check(err)
	_, _, err = p.qseal.WriteFiles(r.dir, "qseal")
	r.check(err)
}

func (r *rig) newASPSP(o options) (*sidecar.ASPSP, error) {
	r.t.Helper()
	if o.profile == "" {
		o.profile = "bpce"
	}
	if o.base == "" {
		o.base = "/stet/psd2/v1.4.2"
	}
	set, err := profiles.Builtin()
	r.check(err)
	profile, err := set.Get(o.profile)
	r.check(err)
	profile, err = profile.With(o.overrides)
	r.check(err)
	config := sidecar.Config{
		Name: "bank", Profile: profile, BaseURL: r.bank.URL() + o.base,
		Identity: r.identity, IdentityName: "acme", TrustPool: authority().Pool(),
	}
	if o.config != nil {
		o.config(&config)
	}
	return sidecar.New(config, sidecar.Dependencies{Tokens: r.tokens, Grants: r.grants, Hooks: sidecar.Hooks{
		Done: func(event sidecar.Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, event)
		},
		Replayed: func(_, _, cause string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.replays = append(r.replays, cause)
		},
		Fallback: func(_, operation, requestID, reason string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.reasons = append(r.reasons, operation+" "+requestID+" "+reason)
		},
		Verified: func(_, operation, _ string, verdict answers.Verdict) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.verdicts = append(r.verdicts, operation+" "+verdict.String())
		},
		Relinked: func(_ string, outcome sidecar.LinksOutcome) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.relinked = append(r.relinked, outcome)
		},
		Unlinked: func(_, _ string, err error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.unlinked = append(r.unlinked, err)
		},
	}})
}

// handler does what the Caddy module does, with the least possible proxy.
func (r *rig) handler(byHost bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		route := sidecar.Route{ASPSP: r.aspsp}
		r.mu.Lock()
		r.begun++
		r.mu.Unlock()
		var err error
		if byHost {
			if route, err = r.registry.RouteByHost(req); err != nil {
				sidecar.AsRefusal(err).Write(w)
				return
			}
		}
		route.Reached = r.reached
		ex, err := route.Prepare(req, func(template string) string { return req.Header.Get(strings.Trim(template, "{}")) })
		if err != nil {
			tell(w, err)
			return
		}
		response, err := ex.RoundTrip(ex.ForProxy(req, r.passHeaders))
		if err != nil {
			tell(w, ex.Finish(err))
			return
		}
		defer response.Body.Close()
		for name, values := range response.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(response.StatusCode)
		if _, err = io.Copy(w, response.Body); err != nil {
			ex.Abort(req.Context().Err())
			panic(http.ErrAbortHandler) // as proxies do, so that the app sees that the answer is cut short
		}
		r.check(ex.Finish(nil))
	})
}

// tell answers the app with a refusal, unless it went away.
func tell(w http.ResponseWriter, err error) {
	if errors.Is(err, context.Canceled) {
		panic(http.ErrAbortHandler)
	}
	sidecar.AsRefusal(err).Write(w)
}
