package sandbox

import (
	"fmt"
	"testing"
)

// coverage writes the body of a funds confirmation.
func coverage(id, amount, currency, iban string) string {
	return fmt.Sprintf(`{"paymentCoverageRequestId":%q,"instructedAmount":{"currency":%q,"amount":%q},"accountId":{"iban":%q}}`,
		id, currency, amount, iban)
}

// TestAcceptance runs the eight tests of BPCE's product page on both versions,
// with a client_credentials token and with persona Marc's own.
func TestAcceptance(t *testing.T) {
	const rich, poor = "FR7613807008043001965405158", "FR7613807008043001965405255"
	tests := []struct {
		name, method, body string
		status             int
		result, code       any
	}{
		{"1 covered", "POST", coverage("T1", "458.99", "EUR", poor), 200, true, nil},
		{"2 not enough funds", "POST", coverage("T2", "4348.96", "EUR", rich), 200, false, nil},
		{"3 method GET", "GET", "", 405, nil, "NIMP"},
		{"4 IBAN wrong", "POST", coverage("T4", "4179", "EUR", "FRXXXX807008043001965405158"), 400, nil, "AC01"},
		{"4 IBAN missing", "POST", `{"paymentCoverageRequestId":"T4","instructedAmount":{"currency":"EUR","amount":"4179"},"accountId":{}}`, 400, nil, "AC01"},
		{"5 structure missing", "POST", `{"paymentCoverageRequestId":"T5","accountId":{"iban":"` + rich + `"}}`, 400, nil, "FF01"},
		{"6 amount empty", "POST", coverage("T6", "", "EUR", rich), 400, nil, "FF01"},
		{"7 currency empty", "POST", coverage("T7", "4349", "", rich), 400, nil, "FF01"},
		{"8 request id missing", "POST", coverage("", "4349", "EUR", rich), 400, nil, "FF01"},
		{"limit is covered", "POST", coverage("L1", "4348.95", "EUR", rich), 200, true, nil},
		{"amount as number", "POST", `{"paymentCoverageRequestId":"N","instructedAmount":{"currency":"EUR","amount":12},"accountId":{"iban":"` + rich + `"}}`, 400, nil, "FF01"},
		{"unknown field", "POST", `{"surprise":1}`, 400, nil, "FF01"},
		{"two values", "POST", coverage("L1", "1", "EUR", rich) + "{}", 400, nil, "FF01"},
		{"unknown account", "POST", coverage("U", "1", "EUR", "DE89370400440532013000"), 400, nil, "AC01"},
		{"closed account", "POST", coverage("C", "1", "EUR", "FR7613807008043001965499054"), 400, nil, "AC04"},
		{"blocked account", "POST", coverage("B", "1", "EUR", "FR7613807008043001965499151"), 400, nil, "AC06"},
	}
	w := newWorld(t)
	for _, v := range []struct{ version, scope string }{{"v1", "piisp"}, {"v1.4.2", "cbpii"}} {
		app := w.cardToken(v.scope)
		psu, _ := w.psuToken(v.scope, "D0999990I0")
		for who, token := range map[string]string{"client_credentials": app, "Marc": psu} {
			for _, test := range tests {
				t.Run(v.version+"/"+who+"/"+test.name, func(t *testing.T) {
					w := &world{t, w.pki, w.bank}
					path := "/stet/psd2/" + v.version + "/funds-confirmations"
					r := w.stet(test.method, path, test.body, token)
					resp := w.signAndSend(r)
					got := resp.json(t)
					if resp.status != test.status || got["result"] != test.result || got["error"] != test.code {
						t.Errorf("%d %s", resp.status, resp.body)
					}
					if resp.header.Get("X-Request-ID") != r.get("X-Request-ID") || resp.header.Get("X-CorrelationID") == "" {
						t.Errorf("correlation headers: %v", resp.header)
					}
					if test.status == 200 {
						self := got["_links"].(map[string]any)["self"].(map[string]any)["href"]
						if self != w.bank.URL()+path || resp.header.Get("Content-Type") != typeHAL {
							t.Errorf("self %v, %v", self, resp.header)
						}
					}
					if !w.bank.Last().SignatureOK || w.bank.Last().Operation != "funds-confirmations" {
						t.Errorf("record: %+v", w.bank.Last())
					}
				})
			}
		}
	}
}

// TestScopeOfFundsConfirmation: each version wants its own name of the role,
// and another PSU's account is not granted.
func TestScopeOfFundsConfirmation(t *testing.T) {
	w := newWorld(t)
	aisp, _ := w.psuToken("aisp", "D0999990I0")
	body := coverage("A", "1", "EUR", "FR7613807008043001965405158")
	for path, token := range map[string]string{
		"/stet/psd2/v1/funds-confirmations":     w.cardToken("cbpii"),
		"/stet/psd2/v1.4.2/funds-confirmations": aisp,
	} {
		resp := w.signAndSend(w.stet("POST", path, body, token))
		w.expect(resp, 403, "lacks the scope")
		if resp.json(t)["error"] != "BADS" {
			t.Error(resp.body)
		}
	}
	marie, _ := w.psuToken("cbpii", "D0999991I0")
	resp := w.signAndSend(w.stet("POST", "/stet/psd2/v1.4.2/funds-confirmations", body, marie))
	w.expect(resp, 403, "not consented")
}

// TestPersonas holds the table against itself: check digits, and ids that
// follow from the IBAN.
func TestPersonas(t *testing.T) {
	n := 0
	for _, p := range personas() {
		for _, a := range p.Accounts {
			n++
			if !validIBAN(a.IBAN) || len(a.ID) != 18 {
				t.Errorf("%s: %+v", p.Name, a)
			}
		}
	}
	for _, a := range shut() {
		if !validIBAN(a.IBAN) {
			t.Errorf("%+v", a)
		}
	}
	if n != 14 {
		t.Errorf("%d accounts, want 14", n)
	}
	if a, owner, _ := accountByIBAN("FR7617515000920400430518020"); a.ID != "038-CPT04004305180" || owner != "755238649" || a.Cents != -15000 {
		t.Errorf("Lea: %+v %s", a, owner)
	}
}
