package caddymodule_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// byHost is the site for apps that keep the bank's own address.
const byHost = "tpp_proxy"

// ownURL is the bank's URL as an app has it that knows of no sidecar, in plain http.
func (r *rig) ownURL(path string) string {
	return strings.Replace(r.bankURL, "https://", "http://", 1) + "/stet/psd2/v1.4.2" + path
}

// TestHTTPProxySetting makes calls as an app does whose HTTP client has the
// sidecar as its proxy: in absolute form.
func TestHTTPProxySetting(t *testing.T) {
	r := newRig(t)
	r.load(parts{site: byHost})
	client := plain()
	client.Transport.(*http.Transport).Proxy = http.ProxyURL(must(url.Parse("http://" + r.app)))
	req := r.request("POST", "", fundsBody, "PSU-IP-Address", publicIP, "Proxy-Connection", "keep-alive")
	// net/http calls a loopback address through a proxy only if the proxy is set by hand, as here.
	req.URL = must(url.Parse(r.ownURL("/funds-confirmations")))
	req.Host = ""
	record := r.compliant(r.do(client, req))
	if record.RequestURI != "/stet/psd2/v1.4.2/funds-confirmations" || record.Header.Get("Proxy-Connection") != "" {
		t.Errorf("the bank got %s with Proxy-Connection %q", record.RequestURI, record.Header.Get("Proxy-Connection"))
	}
}

// TestHostsEntry makes a call as an app does to which a hosts entry gives the
// sidecar for the bank's name.
func TestHostsEntry(t *testing.T) {
	r := newRig(t)
	r.load(parts{site: byHost})
	req := r.request("POST", "/stet/psd2/v1.4.2/funds-confirmations", fundsBody, "PSU-IP-Address", publicIP)
	req.Host = strings.TrimPrefix(r.bankURL, "https://")
	r.compliant(r.do(plain(), req))

	req = r.request("POST", "/funds-confirmations", fundsBody)
	req.Host = strings.TrimPrefix(r.bankURL, "https://")
	r.refused(r.do(plain(), req), sidecar.CodeOutsideBaseURL, 404)

	req = r.request("GET", "/stet/psd2/v1.4.2/accounts", "")
	req.Host = "elsewhere.example"
	r.refused(r.do(plain(), req), sidecar.CodeUnknownASPSP, 404)
	if calls := r.bank.Stats().Requests; calls != 2 {
		t.Errorf("the bank got %d requests, want token and call only", calls)
	}
}

// TestConnectIsRefused holds that an app that wants to tunnel https through the
// sidecar is told why that cannot be signed.
func TestConnectIsRefused(t *testing.T) {
	r := newRig(t)
	r.load(parts{site: byHost})
	conn, err := net.DialTimeout("tcp", r.app, time.Second)
	r.check(err)
	defer conn.Close()
	r.check(conn.SetDeadline(time.Now().Add(5 * time.Second)))
	host := strings.TrimPrefix(r.bankURL, "https://")
	fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", host, host)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	r.check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	r.check(err)
	p := r.refused(answer{response.StatusCode, response.Header, string(body)}, sidecar.CodeMethodRefused, 405)
	if !strings.Contains(p.Remedy, "http://") {
		t.Errorf("the remedy does not say how to call instead: %s", p.Remedy)
	}
	if stats := r.bank.Stats(); stats.Connections != 0 {
		t.Error("the bank was contacted")
	}
}

// TestSharedAddressIsNotGuessed holds that of two ASPSPs with one address, none
// is taken by host, and that both can be called by name.
func TestSharedAddressIsNotGuessed(t *testing.T) {
	r := newRig(t)
	twin := `aspsp bpgo-twin {
		profile bpce
		base_url {{BANK}}/stet/psd2/v1.4.2
		identity acme
		trust_pool "{{DIR}}/bank-ca.pem"
	}`
	const warning = "aspsps bpgo and bpgo-twin have the same base_url"
	r.load(parts{tpp: twin})
	if strings.Contains(r.log(), warning) {
		t.Error("warned although nothing is found by host")
	}
	r.load(parts{tpp: twin, site: stripSite})
	if !strings.Contains(r.log(), warning) {
		t.Error("not warned")
	}
	r.compliant(r.funds("PSU-IP-Address", publicIP))
	calls := r.bank.Stats().Requests
	req := r.request("POST", "/stet/psd2/v1.4.2/funds-confirmations", fundsBody, "PSU-IP-Address", publicIP)
	req.Host = strings.TrimPrefix(r.bankURL, "https://")
	if p := r.refused(r.do(plain(), req), sidecar.CodeUnknownASPSP, 404); !strings.Contains(p.Detail, "name one in tpp_proxy") {
		t.Errorf("%+v", p)
	}
	if now := r.bank.Stats().Requests; now != calls {
		t.Error("the bank was called")
	}
}
