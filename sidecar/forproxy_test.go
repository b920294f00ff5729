package sidecar_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// TestProxySeesNothingOfThePSU holds what a proxy between Prepare and RoundTrip
// gets against what the bank gets in the end: all of it, however little the
// proxy was shown.
func TestProxySeesNothingOfThePSU(t *testing.T) {
	for _, passHeaders := range []bool{false, true} {
		r := newRig(t, options{profile: "berlin-group", base: "/berlin/v1"})
		token := "Bearer " + r.clientToken("pisp")
		r.app.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			ex, err := sidecar.Route{ASPSP: r.aspsp}.Prepare(req, nil)
			r.check(err)
			shown := ex.ForProxy(req, passHeaders)
			if sidecar.FromContext(shown.Context()) != ex || shown.RequestURI != ex.Operation() || shown.ContentLength != 0 || shown.URL != req.URL {
				t.Errorf("the proxy gets %+v", shown)
			}
			for name := range shown.Header {
				if strings.HasPrefix(name, "Psu-") || name == "Authorization" || name == "Consent-Id" || !passHeaders && name != "User-Agent" {
					t.Errorf("the proxy sees %s", name)
				}
			}
			// What proxies add on their own, and the headers they are told to change.
			shown.Header.Set("X-Forwarded-For", "10.0.0.1")
			shown.Header.Set("Via", "1.1 proxy")
			if _, ok := shown.Header["User-Agent"]; !ok {
				shown.Header.Set("User-Agent", "")
			}
			if passHeaders {
				shown.Header.Set("Accept", "application/*")
			}
			response, err := ex.RoundTrip(shown)
			r.check(err)
			response.Body.Close()
			w.WriteHeader(response.StatusCode)
			r.check(ex.Finish(nil))
		})
		body := `{"instructedAmount":{"currency":"EUR","amount":"1.00"},"creditorAccount":{"iban":"FR7613807008043001965405255"},"creditorName":"M"}`
		record := r.accepted(r.call("POST", "/payments/sepa-credit-transfers", body, "Authorization", token, "PSU-IP-Address", publicIP,
			"PSU-ID", "PSU-1234", "Consent-ID", "c1", "Accept", "application/json", "Cookie", "s=1"), 201)
		head := string(record.RawHead)
		for _, line := range []string{"PSU-IP-Address: " + publicIP, "PSU-ID: PSU-1234", "Consent-ID: c1", "Authorization: " + token} {
			wantLine(t, head, line)
		}
		wantLine(t, head, map[bool]string{false: "Accept: application/json", true: "Accept: application/*"}[passHeaders])
		wantNo(t, head, "X-Forwarded-For", "Via", "Cookie")
	}
}

func TestHeadersAndPSUContextWhenTheProxyMayChangeHeaders(t *testing.T) {
	r := newRig(t, options{})
	r.passHeaders = true
	record := r.accepted(r.rawFunds("Connection: close, PSU-IP-Address, Digest",
		"PSU-IP-Address: "+publicIP+"\r\n"+strings.Join(forged, "\r\n")+"\r\n"), 200)
	if strings.Contains(strings.ToLower(string(record.RawHead)), "forged") {
		t.Errorf("forged headers arrived:\n%s", record.RawHead)
	}
	wantLine(t, string(record.RawHead), "PSU-IP-Address: "+publicIP)
}
