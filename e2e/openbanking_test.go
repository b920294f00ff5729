package e2e

import (
	"crypto"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

const (
	accessConsent = `{"Data":{"Permissions":["ReadAccountsDetail","ReadBalances","ReadTransactionsDetail"]},"Risk":{}}`
	initiation    = `{"InstructionIdentification":"I1","EndToEndIdentification":"E.1","InstructedAmount":{"Amount":"1.00","Currency":"EUR"},` +
		`"CreditorAccount":{"SchemeName":"UK.OBIE.IBAN","Identification":"DE89370400440532013000","Name":"Zażółć"}}`
	// The white space is part of what is signed.
	paymentConsent = `{"Data": {"Initiation": ` + initiation + `}, "Risk": {}}`
)

// keysNamed registers a key under a name.
func keysNamed(kid string, public crypto.PublicKey) *jose.JSONWebKeySet {
	return &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: kid}}}
}

// field is a text in a JSON object, at a path.
func field(t testing.TB, body string, path ...string) string {
	t.Helper()
	var value any
	check(t, json.Unmarshal([]byte(body), &value))
	for _, name := range path {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	text, ok := value.(string)
	if !ok {
		t.Fatalf("no text %v in %s", path, body)
	}
	return text
}

// openBank is an Open Banking bank with a profile, once for accounts and once
// for payments, as two scopes are two aspsps.
func openBank(name, profile, base string) []bankOf {
	var banks []bankOf
	for _, scope := range []string{"accounts", "payments"} {
		banks = append(banks, bankOf{name + "-" + scope, profile, base, fmt.Sprintf(`scope %s
			token_endpoint /obie/token
			redirect_uri %s-%s
			return_urls https://app.acme.example/connected
			token {
				assertion {
					key_id %s
				}
				authorize {
					endpoint /obie/authorize
				}
			}
			%s`, scope, callback, name+"-"+scope, kid, named)})
	}
	return banks
}

// authorize sends the PSU to the bank, about a consent unless it is "", and back.
func (p *process) authorize(bank, scope, grant, consent, login string) {
	p.t.Helper()
	query := url.Values{"aspsp": {bank}, "grant": {grant}, "scope": {scope}, "return_url": {"https://app.acme.example/connected"}}
	if consent != "" {
		query.Set("consent", consent)
	}
	a := do(p.app, get(p.t, "/authorize?"+query.Encode()))
	target, err := url.Parse(a.header.Get("Location"))
	check(p.t, err)
	if signed := target.Query().Get("request") != ""; a.status != http.StatusFound || signed != (consent != "") || target.Query().Has("claims") {
		p.t.Fatalf("%d %s", a.status, a.body)
	}
	back := p.world.consent(target.RequestURI() + "&login=" + login)
	a = do(p.app, get(p.t, "/callback-"+bank+"?"+back.Encode()))
	if to := a.header.Get("Location"); a.status != http.StatusSeeOther || !strings.Contains(to, "sidecar_result=granted") {
		p.t.Fatalf("%d %s %s", a.status, to, a.body)
	}
}

// callbacks is where banks send the PSU back to.
func callbacks(banks ...string) (site string) {
	for _, bank := range banks {
		site += fmt.Sprintf("tpp_callback /callback-%[1]s %[1]s\n", bank)
	}
	return site
}

// TestOpenBanking goes the whole way of UK Open Banking 3.1.5 as Carrefour's
// portal has it, in both readings of its "HTTP Signature certificate". What
// counts is what the bank has seen.
func TestOpenBanking(t *testing.T) {
	t.Parallel()
	for _, variant := range []struct {
		profile, base string
		// everything tells that all calls are signed, not only payments.
		everything bool
		auth       string // at the token endpoint
	}{
		{"carrefour", "/obie/open-banking/v3.1", false, sandbox.AuthTLS},
		{"carrefour/http-signature", "/obie-cavage/open-banking/v3.1", true, sandbox.AuthTLS},
		{"carrefour/private-key-jwt", "/obie/open-banking/v3.1", false, sandbox.AuthJWT},
	} {
		t.Run(variant.profile, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.TokenRules{}, parts{})
			p, err := issued()
			check(t, err)
			check(t, w.bank.Register(sandbox.Client{Organization: organization, Auth: variant.auth, Keys: keysNamed(kid, p.qseal.Certificate.PublicKey)}))
			w.bank.SetBrowserURL(w.network.url()) // which is what the sidecar takes for the bank
			config := w.serve(openBank("shop", variant.profile, variant.base)...)
			config.site += callbacks("shop-accounts", "shop-payments")
			sidecar := w.start("carrefour", func(p *parts) { p.tpp, p.site = config.tpp, config.site })
			w.readAccounts(t, sidecar, variant.everything)
			w.pay(t, sidecar, variant.everything)
		})
	}
}

func (w *world) readAccounts(t *testing.T, sidecar *process, signed bool) {
	const bank = "/shop-accounts/aisp"
	who := w.newPerson()
	interaction := uuid.NewString()
	a := sidecar.call("POST", bank+"/account-access-consents", "", accessConsent, "x-fapi-interaction-id", interaction)
	rec := w.accepted(t, a, http.StatusCreated, signed)
	if string(rec.Body) != accessConsent || rec.Header.Get("X-Fapi-Interaction-Id") != interaction || a.header.Get("X-Fapi-Interaction-Id") != interaction {
		t.Errorf("%s %v", rec.Body, a.header)
	}
	sidecar.authorize("shop-accounts", "openid accounts", "marc", field(t, a.body, "Data", "ConsentId"), who.login)
	a = sidecar.call("GET", bank+"/accounts", "", "", "Sidecar-Grant", "marc", "PSU-IP-Address", "81.2.69.160", "PSU-User-Agent", "app/1")
	rec = w.accepted(t, a, http.StatusOK, signed)
	if rec.Header.Get("X-Fapi-Customer-Ip-Address") != "81.2.69.160" || rec.Header.Get("X-Customer-User-Agent") != "app/1" ||
		uuid.Validate(rec.Header.Get("X-Fapi-Interaction-Id")) != nil || rec.Header.Get("X-Request-Id") != "" {
		t.Errorf("%v", rec.Header)
	}
	var list struct {
		Data struct{ Account []struct{ AccountId string } }
	}
	check(t, json.Unmarshal([]byte(a.body), &list))
	account := bank + "/accounts/" + list.Data.Account[0].AccountId
	for _, path := range []string{"/balances", "/transactions?page=2"} {
		w.accepted(t, sidecar.call("GET", account+path, "", "", "Sidecar-Grant", "marc"), http.StatusOK, signed)
	}
}

func (w *world) pay(t *testing.T, sidecar *process, everything bool) {
	const bank = "/shop-payments/pisp"
	key := uuid.NewString()
	a := sidecar.call("POST", bank+"/domestic-payment-consents", "", paymentConsent, "x-idempotency-key", key)
	rec := w.accepted(t, a, http.StatusCreated, true)
	if string(rec.Body) != paymentConsent || rec.Header.Get("X-Idempotency-Key") != key {
		t.Errorf("%s %v", rec.Body, rec.Header)
	}
	consent := field(t, a.body, "Data", "ConsentId")
	sidecar.authorize("shop-payments", "openid payments", "payment-1", consent, w.newPerson().login)
	body := fmt.Sprintf(`{"Data": {"ConsentId": %q, "Initiation": %s}, "Risk": {}}`, consent, initiation)
	for range 2 { // the application repeats it under its key, and pays once
		a = sidecar.call("POST", bank+"/domestic-payments", "", body, "Sidecar-Grant", "payment-1", "x-idempotency-key", "key.1",
			"PSU-IP-Address", "81.2.69.160", "x-fapi-auth-date", "Sun, 06 Nov 1994 08:49:37 GMT")
		rec = w.accepted(t, a, http.StatusCreated, true)
		if rec.Header.Get("X-Idempotency-Key") != "key.1" || string(rec.Body) != body {
			t.Errorf("%s %v", rec.Body, rec.Header)
		}
	}
	if w.bank.Payments() != 1 {
		t.Errorf("%d payments", w.bank.Payments())
	}
	if signature := rec.Header.Get("X-Jws-Signature"); everything == (signature != "") || everything == (rec.Header.Get("Signature") == "") {
		t.Errorf("%v", rec.Header)
	}
	w.bank.ExpireTokens() // the next call goes out twice, with a signature and a token of its own each
	again := sidecar.call("POST", bank+"/domestic-payment-consents", "", paymentConsent, "x-idempotency-key", uuid.NewString())
	w.accepted(t, again, http.StatusCreated, true)
	w.accepted(t, sidecar.call("GET", bank+"/domestic-payments/"+field(t, a.body, "Data", "DomesticPaymentId"), "", ""), http.StatusOK, everything)
}
