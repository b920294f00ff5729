package caddymodule_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestOrdinarySettingsDoNotBreakSigning runs the main job behind settings that
// change a request or its answer on their way through Caddy.
func TestOrdinarySettingsDoNotBreakSigning(t *testing.T) {
	const proxy = "tpp_proxy bpgo"
	for name, site := range map[string]string{
		"header_up": `handle_path /bpgo/* {
			tpp_proxy bpgo {
				header_up Host elsewhere.example
				header_up Digest SHA-256=wrong
				header_up -Date
				header_up Signature wrong
				header_up Authorization "Bearer wrong"
				header_up PSU-IP-Address 10.0.0.1
				header_up X-Request-ID overwritten
				header_up X-Internal secret
			}
		}`,
		"header_down":           "handle_path /bpgo/* {\n tpp_proxy bpgo {\n header_down -Server\n }\n}",
		"rewrite":               "rewrite /bpgo/* /funds-confirmations\n" + proxy,
		"uri":                   "uri strip_prefix /bpgo\n" + proxy,
		"method":                "method POST\nuri strip_prefix /bpgo\n" + proxy,
		"request_header":        "request_header Host elsewhere.example\nrequest_header X-Internal secret\nrequest_header +X-Forwarded-For 10.0.0.1\nuri strip_prefix /bpgo\n" + proxy,
		"encode":                "encode gzip zstd\nuri strip_prefix /bpgo\n" + proxy,
		"header":                "header X-App yes\nheader -Server\nuri strip_prefix /bpgo\n" + proxy,
		"request_body":          "request_body {\nmax_size 1MB\n}\nuri strip_prefix /bpgo\n" + proxy,
		"flush_interval":        "handle_path /bpgo/* {\n tpp_proxy bpgo {\n flush_interval -1\n }\n}",
		"trusted_proxies":       "handle_path /bpgo/* {\n tpp_proxy bpgo {\n trusted_proxies private_ranges 127.0.0.0/8\n }\n}",
		"buffers":               "handle_path /bpgo/* {\n tpp_proxy bpgo {\n request_buffers 1MB\n response_buffers 1MB\n }\n}",
		"verbose_logs":          "handle_path /bpgo/* {\n tpp_proxy bpgo {\n verbose_logs\n }\n}",
		"handle_response":       "handle_path /bpgo/* {\n tpp_proxy bpgo {\n @ok status 200\n handle_response @ok {\n copy_response\n }\n }\n}",
		"matcher":               "@post method POST\nuri strip_prefix /bpgo\ntpp_proxy @post bpgo",
		"named matcher on path": "route {\n tpp_proxy /none/* bpgo\n uri strip_prefix /bpgo\n tpp_proxy /funds-confirmations bpgo\n}",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.load(parts{site: site})
			record := r.compliant(r.funds("PSU-IP-Address", publicIP, "X-Forwarded-For", "10.1.2.3", "X-Forwarded-Host", "inside.example",
				"Forwarded", "for=10.1.2.3", "Via", "1.1 inside", "X-Real-Ip", "10.1.2.3", "Traceparent", "00-1-2-01"))
			if got := record.Header["Psu-Ip-Address"]; len(got) != 1 || got[0] != publicIP {
				t.Errorf("PSU-IP-Address is %q", got)
			}
			for _, leak := range []string{"10.1.2.3", "10.0.0.1", "inside", "elsewhere", "Internal", "secret", "overwritten", "raceparent", "Caddy"} {
				if strings.Contains(string(record.RawHead), leak) {
					t.Errorf("%q leaked to the bank:\n%s", leak, record.RawHead)
				}
			}
		})
	}
}

// TestConnectionHeaderCannotStrip holds that an app's Connection header takes
// nothing away from what is signed, or from the PSU context.
func TestConnectionHeaderCannotStrip(t *testing.T) {
	r := newRig(t)
	r.load(parts{})
	conn, err := net.DialTimeout("tcp", r.app, time.Second)
	r.check(err)
	defer conn.Close()
	r.check(conn.SetDeadline(time.Now().Add(10 * time.Second)))
	fmt.Fprintf(conn, "POST /bpgo/funds-confirmations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nPSU-IP-Address: %s\r\n"+
		"Connection: Digest, Date, Signature, X-Request-ID, Authorization, PSU-IP-Address, Content-Type\r\nContent-Length: %d\r\n\r\n%s", publicIP, len(fundsBody), fundsBody)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	r.check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	r.check(err)
	record := r.bank.Last()
	// Content-Type is the app's own; RFC 9110 section 7.6.1 lets it end at this hop.
	// The bank then misses it, but the signature is sound and the PSU is there.
	if !record.SignatureOK || record.Header.Get("PSU-IP-Address") != publicIP || record.Header.Get("Digest") == "" {
		t.Errorf("signature %v, status %d, %s, at the bank:\n%s", record.SignatureOK, response.StatusCode, body, record.RawHead)
	}
}
