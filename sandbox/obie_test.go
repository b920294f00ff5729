package sandbox

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestOBIEAccounts(t *testing.T) {
	w := newWorld(t)
	id, token := w.obieConsent("accounts", "aisp/account-access-consents", accessConsent)
	resp := w.send(w.obie("GET", "aisp/accounts", "", token))
	w.expect(resp, 200, "")
	if accounts := list(dataOf(t, resp), "Account"); len(accounts) != 3 || !strings.Contains(resp.body, "FR7613807008043001965405158") {
		t.Error(resp.body)
	}
	if resp.header.Get("x-jws-signature") != "" || uuid.Validate(resp.header.Get("x-fapi-interaction-id")) != nil {
		t.Error(resp.header)
	}
	own := "aisp/accounts/038-CPT30019654051"
	w.expect(w.send(w.obie("GET", own, "", token)), 200, "")
	w.expect(w.send(w.obie("GET", own+"/balances", "", token)), 200, "")
	resp = w.send(w.obie("GET", own+"/transactions?fromBookingDateTime="+w.bank.now().AddDate(0, 0, -50).UTC().Format("2006-01-02T15:04:05"), "", token))
	links, _ := resp.json(t)["Links"].(map[string]any)
	seen := len(list(dataOf(t, resp), "Transaction"))
	for pages := 1; links["Next"] != nil; pages++ {
		target, ok := strings.CutPrefix(text(links["Next"]), w.bank.URL())
		if !ok || pages > 5 {
			t.Fatalf("%s", links)
		}
		resp = w.send(w.obie("GET", target, "", token))
		links, _ = resp.json(t)["Links"].(map[string]any)
		seen += len(list(dataOf(t, resp), "Transaction"))
	}
	if seen != 50 || links["Prev"] == nil {
		t.Errorf("%d transactions, %s", seen, links)
	}
	cc := w.obieToken("accounts")
	if got := dataOf(t, w.send(w.obie("GET", "aisp/account-access-consents/"+id, "", cc))); got["Status"] != "Authorised" {
		t.Error(got)
	}
	if resp := w.send(w.obie("DELETE", "aisp/account-access-consents/"+id, "", cc)); resp.status != 204 {
		t.Errorf("%d %s", resp.status, resp.body)
	}
	w.expect(w.send(w.obie("GET", "aisp/accounts", "", token)), 401, "unknown or was revoked")
	w.expect(w.send(w.obie("GET", "aisp/accounts", "", cc)), 403, "wants one of authorization_code")
}

func TestOBIEPayments(t *testing.T) {
	w := newWorld(t)
	id, token := w.obieConsent("payments", "pisp/domestic-payment-consents", paymentConsent)
	body := fmt.Sprintf(`{"Data":{"ConsentId":%q,"Initiation":%s},"Risk":{}}`, id, initiation)
	first := w.obieSigned("pisp/domestic-payments", body, token)
	resp := w.send(first.seal(t))
	w.expect(resp, 201, "")
	if rec := w.bank.Last(); !rec.SignatureOK || rec.QSEAL == nil || rec.KeyID != x5t(w.qseal) ||
		!strings.HasSuffix(rec.SigningString, "."+b64([]byte(body))) {
		t.Errorf("%+v", rec)
	}
	made := text(dataOf(t, resp)["DomesticPaymentId"])
	// The same key and body is the same payment, whatever else is new.
	again := w.obieSigned("pisp/domestic-payments", body, token)
	again.set("x-idempotency-key", first.get("x-idempotency-key"))
	repeated := w.send(again.seal(t))
	w.expect(repeated, 201, "")
	if repeated.body != resp.body || w.bank.Payments() != 1 {
		t.Errorf("%s, %d payments", repeated.body, w.bank.Payments())
	}
	other := w.obieSigned("pisp/domestic-payments", body+" ", token)
	other.set("x-idempotency-key", first.get("x-idempotency-key"))
	w.expect(w.send(other.seal(t)), 400, "was used before, with another body")
	w.expect(w.send(w.obieSigned("pisp/domestic-payments", body, token).seal(t)), 400, "the consent was used for a payment already")
	w.expect(w.send(w.obie("GET", "pisp/domestic-payments/"+made, "", w.obieToken("payments"))), 200, "")
	if resp := w.send(w.obie("GET", "pisp/domestic-payments/x", "", w.obieToken("payments"))); !strings.Contains(resp.body, "UK.OBIE.Resource.NotFound") {
		t.Error(resp.body)
	}
}

func TestOBIEFunds(t *testing.T) {
	w := newWorld(t)
	id, token := w.obieConsent("fundsconfirmations", "cbpii/funds-confirmation-consents",
		`{"Data":{"DebtorAccount":{"SchemeName":"UK.OBIE.IBAN","Identification":"FR7613807008043001965405255","Name":"Marc"}}}`)
	for sum, want := range map[string]bool{"459.56": true, "459.57": false} {
		resp := w.send(w.obie("POST", "cbpii/funds-confirmations",
			fmt.Sprintf(`{"Data":{"ConsentId":%q,"Reference":"R","InstructedAmount":{"Amount":%q,"Currency":"EUR"}}}`, id, sum), token))
		w.expect(resp, 201, "")
		if dataOf(t, resp)["FundsAvailable"] != want {
			t.Error(resp.body)
		}
	}
}

// TestOBIEConsents: what the bank thinks of consents and authorizations.
func TestOBIEConsents(t *testing.T) {
	w := newWorld(t)
	token := w.obieToken("accounts")
	for body, sentence := range map[string]string{
		`{}`: "no JSON object with Data",
		`{"Data":{"Permissions":["ReadBalances"]}}`:                                                            "Risk is missing",
		`{"Data":{"Permissions":[]},"Risk":{}}`:                                                                "Permissions is missing or empty",
		`{"Data":{"Permissions":["ReadEverything"]},"Risk":{}}`:                                                "permission that is not known",
		`{"Data":{"Permissions":["ReadBalances"],"x":1},"Risk":{}}`:                                            "Data holds a member",
		`{"Data":{"Permissions":["ReadBalances"],"ExpirationDateTime":"2020-01-01T00:00:00+00:00"},"Risk":{}}`: "is not in the future",
		`{"Data":{"Permissions":["ReadBalances"],"ExpirationDateTime":"soon"},"Risk":{}}`:                      "is no time",
	} {
		w.expect(w.send(w.obie("POST", "aisp/account-access-consents", body, token)), 400, sentence)
	}
	resp := w.send(w.obie("POST", "aisp/account-access-consents", `{"Data":{"Permissions":["ReadBalances"]},"Risk":{}}`, token))
	id := text(dataOf(t, resp)["ConsentId"])
	under := w.obieUnder(w.obieCode("accounts", id))
	w.expect(w.send(w.obie("GET", "aisp/accounts", "", under)), 403, "the consent does not hold ReadAccountsBasic")
	w.expect(w.send(w.obie("POST", "aisp/account-access-consents", accessConsent, under)), 403, "wants one of client_credentials")
	w.expect(w.send(w.obie("GET", "aisp/account-access-consents/x", "", token)), 400, "no such consent")
	w.expect(w.send(w.obie("GET", "aisp/nothing", "", token)), 404, "no such resource")
	w.expect(w.send(w.obie("GET", "pisp/domestic-payments/x", "", token)), 403, "lacks the scope payments")
	w.expect(w.send(w.obie("PUT", "aisp/accounts", "", under)), 405, "GET is expected")

	plain := values("client_id", orgID, "response_type", "code", "redirect_uri", callback, "scope", "accounts", "openbanking_intent_id", id)
	refused := func(q url.Values, sentence string) {
		t.Helper()
		w.expect(w.send(&request{method: "GET", target: "/obie/authorize?" + q.Encode(), header: [][2]string{{"Host", "x"}}}), 400, sentence)
	}
	refused(plain, "it belongs in claims of a signed request object")
	claims := values("client_id", orgID, "response_type", "code", "redirect_uri", callback, "scope", "accounts",
		"claims", `{"id_token":{"openbanking_intent_id":{"value":"x","essential":true}}}`)
	refused(claims, "claims is not in a signed request object")
	if err := w.bank.SetRules(Rules{Authorize: AuthorizeRules{IntentParameter: true}}); err != nil {
		t.Fatal(err)
	}
	if w.obieBack(plain) == "" {
		t.Error("no code")
	}
	refused(claims, "names no consent of this client")
	plain.Set("scope", "payments")
	refused(plain, "the scope is not that of the consent")
	plain.Set("scope", "aisp")
	refused(plain, "the scope is not known")
	resp = w.sendAs(w.qwac, w.formRequest("/obie/token", values("grant_type", "client_credentials", "client_id", orgID, "scope", "aisp")))
	w.expect(resp, 400, "the scope is not known")
}

// TestOBIERejected: the PSU says no.
func TestOBIERejected(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rules.Authorize.IntentParameter = true })
	token := w.obieToken("accounts")
	id := text(dataOf(t, w.send(w.obie("POST", "aisp/account-access-consents", accessConsent, token)))["ConsentId"])
	q := values("client_id", orgID, "response_type", "code", "redirect_uri", callback, "scope", "accounts", "openbanking_intent_id", id, "login", "deny")
	resp := w.send(&request{method: "GET", target: "/obie/authorize?" + q.Encode(), header: [][2]string{{"Host", "x"}}})
	if !strings.Contains(resp.header.Get("Location"), "access_denied") {
		t.Error(resp.header)
	}
	if got := dataOf(t, w.send(w.obie("GET", "aisp/account-access-consents/"+id, "", token))); got["Status"] != "Rejected" {
		t.Error(got)
	}
}

// TestOBIEUnattended: reads without the PSU are counted, consents are not.
func TestOBIEUnattended(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.UnattendedPerDay = 1 })
	_, token := w.obieConsent("accounts", "aisp/account-access-consents", accessConsent)
	w.obieConsent("accounts", "aisp/account-access-consents", accessConsent)
	w.expect(w.send(w.obie("GET", "aisp/accounts", "", token)), 200, "")
	w.expect(w.send(w.obie("GET", "aisp/accounts", "", token)), 429, "more than 1 calls without")
	r := w.obie("GET", "aisp/accounts", "", token)
	r.set("x-fapi-customer-ip-address", "81.2.69.160")
	w.expect(w.send(r), 200, "")
}
