package caddymodule_test

import (
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/standard"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"
	_ "github.com/caddyserver/caddy/v2/modules/logging"
	_ "github.com/caddyserver/caddy/v2/modules/metrics"

	_ "github.com/caddy-tpp/caddy-tpp/caddymodule"
	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// Goroutines that Caddy, or a library of its, starts and leaves to end by
// themselves. Nothing of this module is among them.
var caddysOwn = []goleak.Option{
	// certmagic refreshes a lock of the storage until it sees, after its pause
	// of five seconds, that the lock is gone.
	goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"),
	// reverse_proxy drops dynamic hosts that were not used lately, one goroutine for the process.
	goleak.IgnoreAnyFunction("github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy.(*Upstream).fillDynamicHost.func1.1"),
}

func TestMain(m *testing.M) {
	// Caddy looks for its data and configuration folders when it starts.
	home, err := os.MkdirTemp("", "caddymodule-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, name := range []string{"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		os.Setenv(name, home)
	}
	goleak.VerifyTestMain(m, append(caddysOwn, goleak.Cleanup(func(status int) {
		os.RemoveAll(home)
		os.Exit(status)
	}))...)
}

const (
	organization = "PSDFR-ACPR-12345"
	// publicIP is a PSU's address that appears nowhere else, for looking for it in logs.
	publicIP  = "9.9.9.9"
	iban      = "FR7613807008043001965405255"
	fundsBody = `{"paymentCoverageRequestId":"MyCoverage123456","instructedAmount":{"currency":"EUR","amount":"12.45"},"accountId":{"iban":"` + iban + `"}}`
)

// allRoles covers every scope that the tests ask for.
var allRoles = []string{"PSP_AI", "PSP_PI", "PSP_IC"}

// authority issues all certificates of the tests.
var authority = sync.OnceValue(func() *testpki.Authority {
	return must(testpki.NewAuthority(testpki.AuthorityOptions{
		CommonName: "Test QTSP CA", Organization: "Test QTSP", OrganizationIdentifier: "NTRFR-123456789", Country: "FR",
	}))
})

// tpp is a TPP's pair of certificates.
type tpp struct{ qwac, qseal *testpki.Issued }

// RSA keys take long to make, so the tests share three TPPs: acme, bolt and the
// one that acme's certificates are renewed with.
var (
	acme    = sync.OnceValue(func() tpp { return newTPP(organization) })
	renewed = sync.OnceValue(func() tpp { return newTPP(organization) })
	bolt    = sync.OnceValue(func() tpp { return newTPP("PSDDE-BAFIN-98765") })
)

func newTPP(organization string) tpp {
	qwac, qseal, err := testpki.NewTPP(authority(), time.Now(), organization, allRoles)
	if err != nil {
		panic(err)
	}
	return tpp{qwac, qseal}
}

// bankCertificate is the banks' server certificate.
var bankCertificate = sync.OnceValue(func() *testpki.Issued {
	return must(authority().Issue(testpki.Profile{
		Kind: testpki.Server, CommonName: "bank.test", DNSNames: []string{"bank.test", "localhost"},
		IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Key: "p256",
	}))
})

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
