package sidecar_test

import (
	"errors"
	"strings"
	"testing"
	"time"

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

// TestAllMistakesAtOnce holds that nobody has to mend one to hear of the next.
func TestAllMistakesAtOnce(t *testing.T) {
	r := newRig(t, options{})
	change := func(c *sidecar.Config) {
		p := *c.Profile
		p.PSU.Rule, p.Headers.Allow, p.Fallback.Header = "maybe", []string{"Via"}, ""
		p.Operations = duplicate(c.Profile).Operations
		c.Profile, c.Fallback = &p, true
		c.BaseURL, c.TokenEndpoint = "http://bank.test/x", "http://tokens.test/t"
		c.MaxBody, c.ConnectTimeout, c.AnswerTimeout, c.IdleConns = -1, -1, -time.Second, -1
	}
	_, err := r.newASPSP(options{config: change})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"base_url", "token endpoint", "psu", "headers", "operations", "fallback", "max_body of -1", "connect_timeout of -1ns",
		"answer_timeout of -1s", "idle_conns of -1",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in: %v", want, err)
		}
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 10 {
		t.Errorf("%d lines", len(lines))
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
