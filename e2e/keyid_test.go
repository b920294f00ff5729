package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// TestKeyIDVariants: BPCE's documents name three forms of keyId. A bank that
// insists on one takes what the variant of that form sends, and no other's.
func TestKeyIDVariants(t *testing.T) {
	t.Parallel()
	const certificateURL = "signature {\nkey_id {\nurl https://tpp.example/qseal_{fingerprint}\n}\n}\n"
	forms := []struct{ demanded, profile, settings string }{
		{sandbox.KeyIDSerialIssuer, "bpce", ""},
		{sandbox.KeyIDCertificateURL, "bpce/certificate-url", certificateURL},
		{sandbox.KeyIDClientID, "bpce/client-id", ""},
	}
	for _, demanded := range forms {
		t.Run(demanded.demanded, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.TokenRules{}, parts{}, func(_ *world, o *sandbox.Options) { o.KeyID = demanded.demanded })
			var banks []bankOf
			for _, form := range forms {
				banks = append(banks, bankOf{strings.ReplaceAll(form.demanded, "-", ""), form.profile, "/stet/psd2/v1.4.2", form.settings})
			}
			config := w.serve(banks...)
			sidecar := w.start("keyid", func(p *parts) { p.tpp, p.site = config.tpp, config.site })
			for i, form := range forms {
				a := sidecar.call("POST", "/"+banks[i].name+"/funds-confirmations", "",
					`{"paymentCoverageRequestId":"1","instructedAmount":{"currency":"EUR","amount":"12.45"},"accountId":{"iban":"FR7613807008043001965405255"}}`)
				if form.demanded == demanded.demanded {
					w.accepted(t, a, http.StatusOK, true)
				} else if rec := w.bank.Last(); a.err != nil || a.status == http.StatusOK || rec.SignatureOK {
					t.Errorf("%s was taken for %s: %v %d", form.profile, demanded.demanded, a.err, a.status)
				}
			}
		})
	}
}
