package caddymodule_test

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

const relinking = `token {
				grant none
				from_app on
			}
			rewrite_links on
			links {
				fields _links.*.href
				headers Location
			}`

// linkingBank answers with links to itself.
func linkingBank(t *testing.T) *rawBank {
	return newRawBank(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Location", "https://"+r.Host+"/stet/psd2/v1.4.2/payments/1")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"_links":{"a":{"href":"https://`+r.Host+`/stet/psd2/v1.4.2/accounts?page=2"},"b":{"href":"/stet/psd2/v1.4.2/accounts"}},"n":1.00}`)
	})
}

// Whatever takes the prefix off, links have it again.
func TestLinksAsTheAppCalled(t *testing.T) {
	b := linkingBank(t)
	tests := []struct{ name, site, call, prefix string }{
		{"strip_prefix", "tpp_proxy /bpgo/* bpgo {\nstrip_prefix /bpgo\n}", "/bpgo/accounts", "/bpgo"},
		{"handle_path", "handle_path /banks/bpgo/* {\ntpp_proxy bpgo\n}", "/banks/bpgo/accounts", "/banks/bpgo"},
		{"uri strip_prefix", "route {\nuri strip_prefix /x\ntpp_proxy bpgo\n}", "/x/accounts", "/x"},
		{"both", "handle_path /banks/* {\ntpp_proxy bpgo {\nstrip_prefix /bpgo\n}\n}", "/banks/bpgo/accounts?x=1", "/banks/bpgo"},
		{"none", "tpp_proxy bpgo", "/accounts", ""},
		{"the prefix alone", "tpp_proxy /bpgo* bpgo {\nstrip_prefix /bpgo\n}", "/bpgo", "/bpgo"},
		{"escapes", "tpp_proxy /bpgo/* bpgo {\nstrip_prefix /bpgo\n}", "/bpgo/a%2Fb", "/bpgo"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			r.bankURL = b.url()
			r.load(parts{aspsp: relinking, site: test.site})
			a := r.call("GET", test.call, "", "Authorization", "Bearer x")
			want := `{"_links":{"a":{"href":"http://` + r.app + test.prefix + `/accounts?page=2"},"b":{"href":"` + test.prefix + `/accounts"}},"n":1.00}`
			if a.body != want || a.header.Get("Location") != "http://"+r.app+test.prefix+"/payments/1" || a.header.Get(sidecar.HeaderLinks) != "rewritten" {
				t.Errorf("%v\ngot  %s\nwant %s", a.header, a.body, want)
			}
		})
	}
}

// After a rewrite that did more, nobody knows what the app would have to call.
func TestLinksStayAfterRewrite(t *testing.T) {
	r := newRig(t)
	r.bankURL = linkingBank(t).url()
	r.load(parts{aspsp: relinking, site: "rewrite /x/* /accounts\ntpp_proxy bpgo"})
	a := r.call("GET", "/x/y", "", "Authorization", "Bearer x")
	if a.status != 201 || strings.Contains(a.body, r.app) || !strings.HasPrefix(a.header.Get(sidecar.HeaderLinks), "untouched; ") {
		t.Errorf("%v %s", a.header, a.body)
	}
}

// A proxy in front that is to be believed says what the app called.
func TestLinksBehindAProxy(t *testing.T) {
	r := newRig(t)
	r.bankURL = linkingBank(t).url()
	for global, origin := range map[string]string{"": "http://" + r.app, "servers {\ntrusted_proxies static private_ranges\n}": "https://tpp.example"} {
		r.load(parts{global: global, aspsp: relinking})
		a := r.call("GET", "/bpgo/accounts", "", "Authorization", "Bearer x", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "tpp.example")
		if got := a.header.Get("Location"); got != origin+"/bpgo/payments/1" {
			t.Errorf("%q: %s", global, got)
		}
	}
}

// An app that uses Caddy as its HTTP proxy gets links that it can call through it.
func TestLinksOfAProxyByHost(t *testing.T) {
	r := newRig(t)
	b := linkingBank(t)
	r.bankURL = b.url()
	r.load(parts{aspsp: relinking, site: "tpp_proxy"})
	proxy := &url.URL{Scheme: "http", Host: r.app}
	req, err := http.NewRequest(http.MethodGet, "http://"+b.address+"/stet/psd2/v1.4.2/accounts", http.NoBody)
	r.check(err)
	req.Header.Set("Authorization", "Bearer x")
	response, err := (&http.Transport{Proxy: http.ProxyURL(proxy), DisableKeepAlives: true}).RoundTrip(req)
	r.check(err)
	defer response.Body.Close()
	if got := response.Header.Get("Location"); got != "http://"+b.address+"/stet/psd2/v1.4.2/payments/1" {
		t.Error(got)
	}
}

// Verdicts reach the app, the metrics and, without any value, the log.
func TestVerdictsAreTold(t *testing.T) {
	r := newRig(t)
	const secret = `{"iban":"FR7613807008043001965405255"}`
	sum := sha256.Sum256([]byte(secret))
	b := newRawBank(t, "127.0.0.1:0", func(w http.ResponseWriter, req *http.Request) {
		digest := base64.StdEncoding.EncodeToString(sum[:])
		if strings.HasSuffix(req.URL.Path, "/bad") {
			digest = base64.StdEncoding.EncodeToString(make([]byte, 32))
		}
		w.Header().Set("Digest", "SHA-256="+digest)
		_, _ = io.WriteString(w, secret)
	})
	r.bankURL = b.url()
	settings := func(mode string) parts {
		return parts{aspsp: "token {\ngrant none\nfrom_app on\n}\nresponses {\nverify " + mode + "\ncontainer digest\n}",
			site: "handle /metrics {\nmetrics\n}\n" + mainSite, global: "metrics"}
	}
	r.load(settings("report"))
	for path, want := range map[string]string{"/bpgo/good": "valid", "/bpgo/bad": "invalid; digest does not belong to the body"} {
		if a := r.call("GET", path, "", "Authorization", "Bearer x"); a.status != 200 || a.header.Get(sidecar.HeaderVerdict) != want || a.body != secret {
			t.Errorf("%s: %d %v", path, a.status, a.header)
		}
	}
	metrics := r.call("GET", "/metrics", "").body
	for _, line := range []string{
		`caddy_tpp_answer_signatures_total{aspsp="bpgo",operation="other",outcome="valid"} 1`,
		`caddy_tpp_answer_signatures_total{aspsp="bpgo",operation="other",outcome="invalid"} 1`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %s", line)
		}
	}
	r.load(settings("enforce"))
	r.refused(r.call("GET", "/bpgo/bad", "", "Authorization", "Bearer x"), sidecar.CodeAnswerSignature, 502)
	told := 0
	for line := range strings.SplitSeq(r.log(), "\n") {
		if !strings.Contains(line, `"logger":"tpp"`) {
			continue
		}
		if strings.Contains(line, "FR76") || strings.Contains(line, "AAAAAAAAAA") {
			t.Error(line)
		}
		if strings.Contains(line, `"msg":"signature of an answer"`) && strings.Contains(line, `"level":"warn"`) && strings.Contains(line, `"reason":"digest does not belong to the body"`) {
			told++
		}
	}
	if told != 2 {
		t.Errorf("told %d times", told)
	}
}
