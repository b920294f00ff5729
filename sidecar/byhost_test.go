package sidecar_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// sharing is a rig with bpce and bpce-v1 on one bank, found by host.
func sharing(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, options{byHost: true})
	v1, err := r.newASPSP(options{profile: "bpce-v1", base: "/stet/psd2/v1", config: func(c *sidecar.Config) { c.Name = "old" }})
	r.check(err)
	t.Cleanup(v1.Close)
	r.registry = sidecar.NewRegistry(v1, r.aspsp)
	return r
}

func TestAppUsesTheSidecarAsItsProxy(t *testing.T) {
	r := sharing(t)
	proxy, err := url.Parse(r.app.URL)
	r.check(err)
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), DisableKeepAlives: true}
	for path, aspsp := range map[string]string{"/stet/psd2/v1.4.2/accounts?a=%2F": "bank", "/stet/psd2/v1/accounts?": "old"} {
		response, err := transport.RoundTrip(httpRequest(t, "http://"+r.bank.Addr().String()+path))
		r.check(err)
		response.Body.Close()
		r.verified(path)
		if got := r.lastEvent(); got.ASPSP != aspsp || got.Operation != "accounts" {
			t.Errorf("%s went through %s as %s", path, got.ASPSP, got.Operation)
		}
	}
}

func httpRequest(t *testing.T, address string) *http.Request {
	t.Helper()
	req, err := http.NewRequest("GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestAppKeepsTheBanksHostName(t *testing.T) {
	r := sharing(t)
	host := r.bank.Addr().String()
	name, _, _ := strings.Cut(host, ":")
	cases := []struct {
		host, path, aspsp string
		code              sidecar.Code
	}{
		{host, "/stet/psd2/v1.4.2/accounts", "bank", ""},
		{host, "/stet/psd2/v1/accounts", "old", ""},
		{host, "/stet/psd2/v1.4.2", "bank", ""},
		{name, "/stet/psd2/v1.4.2/accounts/a%2Fb/balances", "bank", ""},
		{name + ".", "/stet/psd2/v1/%61ccounts", "old", ""},
		{host, "/stet/psd2/v1.4.2x/accounts", "", sidecar.CodeOutsideBaseURL},
		{host, "/stet/psd2/v1.4", "", sidecar.CodeOutsideBaseURL},
		{host, "//stet/psd2/v1/accounts", "", sidecar.CodeOutsideBaseURL},
		{host, "/", "", sidecar.CodeOutsideBaseURL},
		{"elsewhere.test", "/stet/psd2/v1/accounts", "", sidecar.CodeUnknownASPSP},
		{"", "/stet/psd2/v1/accounts", "", sidecar.CodeUnknownASPSP},
		{"[::1]:443", "/stet/psd2/v1/accounts", "", sidecar.CodeUnknownASPSP},
		{host, "/stet/psd2/oauth/token", "", sidecar.CodeTokenEndpointClosed},
	}
	for _, c := range cases {
		before := len(r.bank.Records())
		a := r.raw("GET " + c.path + " HTTP/1.1\r\nHost: " + c.host + "\r\nConnection: close\r\n\r\n")
		if c.code != "" {
			r.refused(a, c.code)
			if len(r.bank.Records()) != before {
				t.Errorf("%s%s reached the bank", c.host, c.path)
			}
			continue
		}
		record := r.verified(c.path)
		if got := r.lastEvent().ASPSP; got != c.aspsp {
			t.Errorf("%s%s went through %q, want %q", c.host, c.path, got, c.aspsp)
		}
		if record.Host != host {
			t.Errorf("Host on the wire %q, want %q", record.Host, host)
		}
	}
}

func TestByHostPortDecidesAmongBanksOnOneName(t *testing.T) {
	r := newRig(t, options{byHost: true})
	var other *sandbox.Bank
	second := newRig(t, options{config: func(c *sidecar.Config) { c.Name = "second" }})
	other = second.bank
	r.registry = sidecar.NewRegistry(r.aspsp, second.aspsp)
	for _, bank := range []*sandbox.Bank{r.bank, other} {
		r.raw("GET /stet/psd2/v1.4.2/accounts HTTP/1.1\r\nHost: " + bank.Addr().String() + "\r\nConnection: close\r\n\r\n")
		if got := bank.Last(); got.Operation != "accounts" || !got.SignatureOK {
			t.Errorf("the bank at %s got %+v", bank.Addr(), got)
		}
	}
	if got, want := r.registry.Names(), []string{"bank", "second"}; strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("names %v", got)
	}
	if r.registry.Get("second") != second.aspsp || r.registry.Get("third") != nil {
		t.Error("Get does not find by name")
	}
}
