package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// TestING is the container Authorization: ING wants its application token
// asked for with the signature there, and all else signed in Signature under
// the client_id that came along.
func TestING(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{"ing", "ing/with-request-id", "ing/client-order"} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.TokenRules{}, parts{})
			w.bank.SetBrowserURL(w.network.url())
			const scope = "payment-accounts:balances:view payment-accounts:transactions:view"
			config := w.serve(bankOf{"ing", profile, "", fmt.Sprintf(`scope %q
				redirect_uri %s-ing
				return_urls https://app.acme.example/connected
				token {
					authorize {
						endpoint /oauth2/authorize
					}
				}`, scope, callback)})
			config.site += callbacks("ing")
			sidecar := w.start("ing", func(p *parts) { p.tpp, p.site = config.tpp, config.site })
			sidecar.authorize("ing", scope, "marc", "", w.newPerson().login)
			application := w.bank.Records()[0]
			if authorization := application.Header.Get("Authorization"); !application.SignatureOK || application.Operation != "token" ||
				!strings.HasPrefix(authorization, `Signature keyId="SN=`) || application.Header.Get("Signature") != "" {
				t.Errorf("%s %q %v", application.Operation, authorization, application.Problems)
			}
			a := sidecar.call("GET", "/ing/v3/accounts", "", "", "Sidecar-Grant", "marc", "PSU-IP-Address", "81.2.69.160")
			rec := w.accepted(t, a, http.StatusOK, true)
			if strings.HasPrefix(rec.KeyID, "SN=") || rec.Header.Get("Tpp-Signature-Certificate") != "" {
				t.Errorf("%s %v", rec.KeyID, rec.Header)
			}
		})
	}
}

// TestBerlinGroup signs as chapter 12 of the implementation guidelines says,
// certificate included.
func TestBerlinGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.TokenRules{}, parts{})
	banks := []bankOf{{"date", "berlin-group", "/berlin/v1", fromApp}, {"no-date", "berlin-group/no-date", "/berlin/v1", fromApp},
		{"spaces", "berlin-group/keep-spaces", "/berlin/v1", fromApp}}
	config := w.serve(banks...)
	sidecar := w.start("berlin", func(p *parts) { p.tpp, p.site = config.tpp, config.site })
	aisp, pisp := w.token("aisp"), w.token("pisp")
	for _, bank := range banks {
		a := sidecar.call("GET", "/"+bank.name+"/accounts?withBalance=true", aisp, "", "Consent-ID", "c", "PSU-IP-Address", "81.2.69.160")
		w.accepted(t, a, http.StatusOK, true)
		a = sidecar.call("POST", "/"+bank.name+"/payments/sepa-credit-transfers", pisp, transfer, "PSU-IP-Address", "81.2.69.160",
			"TPP-Redirect-URI", "https://app.acme.example/back?a=b", "PSU-ID", "someone")
		rec := w.accepted(t, a, http.StatusCreated, true)
		for _, name := range []string{"digest: ", "x-request-id: ", "psu-id: someone", "tpp-redirect-uri: https://app.acme.example/back?a=b"} {
			if !strings.Contains(rec.SigningString, name) {
				t.Errorf("%s: %s is not signed: %s", bank.profile, name, rec.SigningString)
			}
		}
	}
}
