package sidecar_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/certs"
	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

func TestMainJobOverHTTP2(t *testing.T) {
	r := newRig(t, options{
		bank:   func(o *sandbox.Options) { o.HTTP2 = true },
		config: func(c *sidecar.Config) { c.HTTP2 = true },
	})
	for range 3 {
		record := r.accepted(r.funds("PSU-IP-Address", publicIP, "PSU-User-Agent", "Mozilla/5.0"), 200)
		if record.Proto != "HTTP/2.0" || record.Host != r.bank.Addr().String() || string(record.Body) != fundsBody {
			t.Errorf("%s to %s with %s", record.Proto, record.Host, record.Body)
		}
		if got := record.Header.Values("User-Agent"); len(got) == 1 && strings.Contains(got[0], "Go-http-client/2") {
			t.Errorf("User-Agent %q", got)
		}
	}
	r.call("GET", "/accounts?a=%2F", "")
	last := r.bank.Last()
	r.checkVerified(last)
	if last.Proto != "HTTP/2.0" || last.RequestURI != "/stet/psd2/v1.4.2/accounts?a=%2F" || last.Header.Get("Content-Length") != "" || len(last.Body) > 0 {
		t.Errorf("%s %s %v", last.Proto, last.RequestURI, last.Header)
	}
	r.bank.ExpireTokens()
	r.accepted(r.funds(), 200)
	if n := r.bank.Stats().Connections; n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestHTTP2IsOnlyUsedIfConfigured(t *testing.T) {
	r := newRig(t, options{bank: func(o *sandbox.Options) { o.HTTP2 = true }})
	if record := r.accepted(r.funds(), 200); record.Proto != "HTTP/1.1" {
		t.Errorf("%s", record.Proto)
	}
	r = newRig(t, options{config: func(c *sidecar.Config) { c.HTTP2 = true }})
	if record := r.accepted(r.funds(), 200); record.Proto != "HTTP/1.1" {
		t.Errorf("%s with a bank that has no h2", record.Proto)
	}
}

// secondTPP has EC keys, which are quick to make.
func secondTPP(t testing.TB) pair {
	t.Helper()
	return issue(t, testpki.Profile{Key: "p256"}, testpki.Profile{Key: "p256"})
}

// issue makes a TPP's pair from two profiles that need not say who it is.
func issue(t testing.TB, qwac, qseal testpki.Profile) pair {
	t.Helper()
	var issued [2]*testpki.Issued
	for i, p := range []testpki.Profile{qwac, qseal} {
		p.Kind = []testpki.Kind{testpki.QWAC, testpki.QSEAL}[i]
		p.OrganizationIdentifier, p.NCAName, p.NCAID, p.Country = organization, "ACPR", "FR-ACPR", "FR"
		if p.Roles == nil {
			p.Roles = allRoles
		}
		var err error
		if issued[i], err = authority().Issue(p); err != nil {
			t.Fatal(err)
		}
	}
	return pair{issued[0], issued[1]}
}

func (r *rig) newIdentity(p pair, dir string) *certs.Identity {
	r.t.Helper()
	former := r.dir
	defer func() { r.dir = former }()
	r.dir = dir
	r.install(p)
	identity, _, err := certs.NewIdentity(certs.IdentityOptions{
		Name: "other", QSEAL: &certs.Source{CertFile: dir + "/qseal.pem", KeyFile: dir + "/qseal-key.pem"},
		QWAC: certs.Source{CertFile: dir + "/qwac.pem", KeyFile: dir + "/qwac-key.pem"},
	})
	r.check(err)
	return identity
}

func TestTwoIdentitiesAndTwoBanksNeverMix(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		second := secondTPP(t)
		adjust := func(o *sandbox.Options) {
			o.HTTP2 = http2
			o.QSEALs = append(o.QSEALs, second.qseal.Certificate)
		}
		first := newRig(t, options{bank: adjust, config: func(c *sidecar.Config) { c.HTTP2 = http2 }})
		other := newRig(t, options{bank: adjust, config: func(c *sidecar.Config) { c.HTTP2 = http2 }})
		identities := []*certs.Identity{first.identity, first.newIdentity(second, t.TempDir())}
		serials := []pair{firstTPP(), second}
		for round := range 3 {
			for _, r := range []*rig{first, other} {
				for i, identity := range identities {
					if round == 0 {
						a, err := r.newASPSP(options{overrides: signatureAuto, config: func(c *sidecar.Config) {
							c.HTTP2, c.Identity, c.IdentityName, c.Name = http2, identity, []string{"acme", "other"}[i], []string{"a", "b"}[i]
						}})
						r.check(err)
						t.Cleanup(a.Close)
						r.others = append(r.others, a)
					}
					r.aspsp = r.others[i]
					record := r.accepted(r.funds(), 200)
					if got, want := record.ClientCert.SerialNumber, serials[i].qwac.Certificate.SerialNumber; got.Cmp(want) != 0 {
						t.Errorf("h2 %t: identity %d showed the QWAC %x, want %x", http2, i, got, want)
					}
					if got, want := record.QSEAL.SerialNumber, serials[i].qseal.Certificate.SerialNumber; got.Cmp(want) != 0 {
						t.Errorf("h2 %t: identity %d signed with %x, want %x", http2, i, got, want)
					}
				}
			}
		}
	}
}

func TestAuthorityIsTheSignedHost(t *testing.T) {
	b := newH2Bank(t, func(http.ResponseWriter, *http.Request) {})
	r := b.toward(t, options{
		config:    func(c *sidecar.Config) { c.HTTP2 = true },
		overrides: overrideSignature(`{"signed":["(request-target)","host","date","x-request-id"]}`),
	})
	r.call("GET", "/x", "", "Authorization", "Bearer x")
	got := b.last(t)
	if want := strings.TrimPrefix(b.url(), "https://"); got.Host != want || got.ProtoMajor != 2 {
		t.Errorf("%s :authority %q, want %q", got.Proto, got.Host, want)
	}
	text := "(request-target): get /base/x\nhost: " + got.Host + "\ndate: " + got.Header.Get("Date") + "\nx-request-id: " + got.Header.Get("X-Request-ID")
	checkRSA(t, got.Header.Get("Signature"), text)
}
