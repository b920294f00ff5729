package sidecar_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

func TestConfigurationRefused(t *testing.T) {
	r := newRig(t, options{})
	cases := map[string]struct {
		change func(*sidecar.Config)
		names  string
	}{
		"http":              {func(c *sidecar.Config) { c.BaseURL = "http://bank.test/x" }, "https://"},
		"no scheme":         {func(c *sidecar.Config) { c.BaseURL = "bank.test/x" }, "https://"},
		"no host":           {func(c *sidecar.Config) { c.BaseURL = "https:///x" }, "names no host"},
		"no URL":            {func(c *sidecar.Config) { c.BaseURL = "https://bank.test/%zz" }, "is not a URL"},
		"user":              {func(c *sidecar.Config) { c.BaseURL = "https://u:p4ss@bank.test" }, "without user"},
		"query":             {func(c *sidecar.Config) { c.BaseURL = "https://bank.test/?key=p4ss" }, "without user"},
		"fragment":          {func(c *sidecar.Config) { c.BaseURL = "https://bank.test/#p4ss" }, "without user"},
		"token over http":   {func(c *sidecar.Config) { c.TokenEndpoint = "http://bank.test/token" }, "token endpoint"},
		"no token endpoint": {func(c *sidecar.Config) { c.Profile = without(c.Profile) }, "token_endpoint"},
		"two in one":        {func(c *sidecar.Config) { c.Profile = duplicate(c.Profile) }, "operations"},
		"psu rule":          {func(c *sidecar.Config) { p := *c.Profile; p.PSU.Rule = "maybe"; c.Profile = &p }, "psu"},
		"forbidden header":  {func(c *sidecar.Config) { p := *c.Profile; p.Headers.Allow = []string{"Via"}; c.Profile = &p }, "headers"},
		"role not there": {func(c *sidecar.Config) {
			p := *c.Profile
			p.Roles = map[string]string{"cbpii": "PSP_AS"}
			c.Profile = &p
		}, "identity acme"},
		"signature unusable": {func(c *sidecar.Config) { p := *c.Profile; p.Signature.Algorithm = "ecdsa-sha256"; c.Profile = &p }, "signature"},
	}
	for name, c := range cases {
		_, err := r.newASPSP(options{config: c.change})
		if err == nil || !errors.Is(err, sidecar.ErrConfig) || !strings.Contains(err.Error(), "aspsp bank: ") || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.Contains(err.Error(), "p4ss") {
			t.Errorf("%s: the error tells a secret: %v", name, err)
		}
	}
}

func without(p *profiles.Profile) *profiles.Profile {
	q := *p
	q.Token.Endpoint = ""
	return &q
}

func duplicate(p *profiles.Profile) *profiles.Profile {
	q := *p
	q.Operations = append(q.Operations[:1:1], q.Operations...)
	return &q
}

func TestDefaultPortIsNeitherSignedNorSent(t *testing.T) {
	r := newRig(t, options{})
	for _, base := range []string{"https://Bank.Test:443/x/", "https://bank.test/x"} {
		a, err := r.newASPSP(options{config: func(c *sidecar.Config) { c.BaseURL, c.TokenEndpoint = base, "https://tokens.test:8443/t" }})
		r.check(err)
		defer a.Close()
		if a.Address() != "bank.test:443" {
			t.Errorf("address %q", a.Address())
		}
		if _, err := sidecar.NewRegistry(a).RouteByHost(httpRequest(t, "http://BANK.test/x/accounts")); err != nil {
			t.Error(err)
		}
		if c := a.Config(); c.MaxBody != sidecar.DefaultMaxBody || c.AnswerTimeout != sidecar.DefaultAnswerTimeout || c.Scope != "cbpii" {
			t.Errorf("defaults %+v", c)
		}
	}
}
