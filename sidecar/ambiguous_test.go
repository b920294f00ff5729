package sidecar_test

import (
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// TestByHostNeverGuesses holds that a call that fits several ASPSPs goes out
// under none of their identities.
func TestByHostNeverGuesses(t *testing.T) {
	r := newRig(t, options{})
	named := func(name, base string) *sidecar.ASPSP {
		a, err := r.newASPSP(options{config: func(c *sidecar.Config) {
			c.Name, c.BaseURL, c.TokenEndpoint = name, base, "https://tokens.test/t"
		}})
		r.check(err)
		t.Cleanup(a.Close)
		return a
	}
	for name, test := range map[string]struct {
		bases  [2]string
		call   string
		routed string // "": refused
		warned bool
	}{
		"the same":                   {[2]string{"https://bank.test/v1", "https://bank.test/v1"}, "http://bank.test/v1/accounts", "", true},
		"written differently":        {[2]string{"https://BANK.test:443/v1/", "https://bank.test/%761"}, "http://bank.test/v1/accounts", "", true},
		"without a path":             {[2]string{"https://bank.test", "https://bank.test/"}, "http://bank.test/accounts", "", true},
		"another version":            {[2]string{"https://bank.test/v1", "https://bank.test/v2"}, "http://bank.test/v2/accounts", "second", false},
		"one below the other":        {[2]string{"https://bank.test/v1/x", "https://bank.test/v1"}, "http://bank.test/v1/x/accounts", "first", false},
		"another host":               {[2]string{"https://bank.test/v1", "https://other.test/v1"}, "http://other.test/v1/accounts", "second", false},
		"another port, given":        {[2]string{"https://bank.test:1/v1", "https://bank.test:2/v1"}, "http://bank.test:2/v1/accounts", "second", false},
		"the port 443, given none":   {[2]string{"https://bank.test:1/v1", "https://bank.test/v1"}, "http://bank.test/v1/accounts", "second", false},
		"another port, given none":   {[2]string{"https://bank.test:1/v1", "https://bank.test:2/v1"}, "http://bank.test/v1/accounts", "", false},
		"another port and version":   {[2]string{"https://bank.test:1/v1", "https://bank.test:2/v2"}, "http://bank.test/v2/accounts", "second", false},
		"two versions of one bank's": {[2]string{"https://tokens.test/v1", "https://tokens.test/v2"}, "http://tokens.test/t", "first", false},
	} {
		registry := sidecar.NewRegistry(named("second", test.bases[1]), named("first", test.bases[0]))
		if err := registry.Ambiguous(); test.warned != (err != nil) ||
			err != nil && (!strings.Contains(err.Error(), "first and second") || !strings.Contains(err.Error(), "name the ASPSP in tpp_proxy")) {
			t.Errorf("%s: %v", name, err)
		}
		route, err := registry.RouteByHost(httpRequest(t, test.call))
		if test.routed != "" {
			if err != nil || route.ASPSP.Name() != test.routed {
				t.Errorf("%s: %+v %v", name, route, err)
			}
			continue
		}
		if refusal := sidecar.AsRefusal(err); err == nil || refusal.Code != sidecar.CodeUnknownASPSP || !strings.Contains(refusal.Detail, "several ASPSPs") {
			t.Errorf("%s: %+v %v", name, route, err)
		}
	}
}
