package sidecar_test

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

func overrideToken(token string) profiles.Overrides { return profiles.Overrides{Token: []byte(token)} }

func stranger(t *testing.T) *testpki.Authority {
	t.Helper()
	a, err := testpki.NewAuthority(testpki.AuthorityOptions{CommonName: "Another CA"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestBankCertificateUntrusted(t *testing.T) {
	own := serverCertificate(t, testpki.Profile{})
	other := stranger(t)
	cases := map[string]struct {
		certificate tls.Certificate
		roots       *x509.CertPool
		detail      string
	}{
		"unknown authority": {own, other.Pool(), "signed by an unknown authority"},
		"wrong host":        {serverCertificate(t, testpki.Profile{DNSNames: []string{"other.test"}}), nil, "issued for another host name"},
		"expired":           {serverCertificate(t, testpki.Profile{NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}), nil, "expired or not yet valid"},
	}
	for name, c := range cases {
		for _, method := range []string{"GET", "POST"} {
			b := newRawBank(t, func(config *tls.Config) { config.Certificates = []tls.Certificate{c.certificate} }, answerOK)
			r := b.toward(t, options{config: func(config *sidecar.Config) {
				if c.roots != nil {
					config.TrustPool = c.roots
				}
			}})
			a := r.call(method, "/x", "", "Authorization", "Bearer x")
			if p := r.refusedAs(a, sidecar.CodeBankCertificate, 502, "no"); p.Detail != c.detail {
				t.Errorf("%s: detail %q", name, p.Detail)
			}
			if n := len(b.received()); n > 0 {
				t.Errorf("%s: the bank received a request", name)
			}
		}
	}
}

func TestBankRefusesTheQWAC(t *testing.T) {
	other := stranger(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		b := newRawBank(t, func(config *tls.Config) {
			config.ClientCAs, config.MinVersion, config.MaxVersion = other.Pool(), version, version
		}, answerOK)
		r := b.toward(t, options{})
		for range 3 {
			for _, body := range []string{"", "{}", strings.Repeat("x", 1<<20)} {
				a := r.call("POST", "/x", body, "Authorization", "Bearer x")
				p := r.refusedAs(a, sidecar.CodeCertificateRefused, 502, "no")
				if !strings.HasPrefix(p.Detail, "TLS alert: ") {
					t.Errorf("detail %q", p.Detail)
				}
			}
		}
		if n := len(b.received()); n > 0 {
			t.Errorf("the bank received %d requests", n)
		}
	}
}

func TestSandboxRefusesTheQWAC(t *testing.T) {
	r := newRig(t, options{bank: func(o *sandbox.Options) { o.ClientCAs = stranger(t).Pool() }})
	p := r.refusedAs(r.funds(), sidecar.CodeCertificateRefused, 502, "no")
	if p.Detail != "token endpoint" {
		t.Errorf("detail %q", p.Detail)
	}
}

func TestBankWithoutCommonTLSVersion(t *testing.T) {
	b := newRawBank(t, func(config *tls.Config) { config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, answerOK)
	r := b.toward(t, options{})
	r.refusedAs(r.call("GET", "/x", "", "Authorization", "Bearer x"), sidecar.CodeBankUnreachable, 502, "no")
}
