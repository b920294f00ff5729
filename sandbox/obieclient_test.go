package sandbox

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

const (
	obieBase   = "/obie/open-banking/v3.1/"
	initiation = `{"InstructionIdentification":"I1","EndToEndIdentification":"E1","InstructedAmount":{"Amount":"1.00","Currency":"EUR"},` +
		`"CreditorAccount":{"SchemeName":"UK.OBIE.IBAN","Identification":"DE89370400440532013000","Name":"Merchant"}}`
	paymentConsent = `{"Data":{"Initiation":` + initiation + `},"Risk":{}}`
	accessConsent  = `{"Data":{"Permissions":["ReadAccountsDetail","ReadBalances","ReadTransactionsDetail"]},"Risk":{}}`
)

// obieToken asks for a token of the TPP's own.
func (w *world) obieToken(scope string) string {
	w.Helper()
	resp := w.sendAs(w.qwac, w.formRequest("/obie/token", values("grant_type", "client_credentials", "client_id", orgID, "scope", scope)))
	if resp.status != 200 {
		w.Fatalf("%d %s", resp.status, resp.body)
	}
	return text(resp.json(w.T)["access_token"])
}

// obie prepares a call, not signed.
func (w *world) obie(method, path, body, token string) *request {
	r := &request{method: method, target: obieBase + path}
	if strings.HasPrefix(path, "/") {
		r.target = path
	}
	r.set("Host", w.bank.Addr().String())
	r.set("Authorization", "Bearer "+token)
	r.set("x-fapi-interaction-id", uuid.NewString())
	r.set("Accept", "application/json")
	if body != "" {
		r.json(body)
	}
	return r
}

// obieSigned prepares a payment call.
func (w *world) obieSigned(path, body, token string) *jwsMessage {
	r := w.obie("POST", path, body, token)
	r.set("x-idempotency-key", uuid.NewString())
	subject, err := gatewayName(w.qseal.Certificate.RawSubject)
	if err != nil {
		w.Fatal(err)
	}
	return &jwsMessage{request: r, algorithm: "PS256", by: w.qseal, protected: map[string]any{"kid": x5t(w.qseal), iatName: w.bank.now().Unix(),
		issName: subject, tanName: "openbanking.org.uk", "crit": []string{iatName, issName, tanName}}}
}

// obieCode sends the PSU to the bank with a signed request about a consent.
func (w *world) obieCode(scope, intent string) string {
	w.Helper()
	claims := map[string]any{"iss": orgID, "aud": w.bank.URL(), "client_id": orgID, "response_type": "code", "redirect_uri": callback,
		"scope": "openid " + scope, "nonce": "n1", "state": "s1", "jti": uuid.NewString(), "exp": w.bank.now().Add(time.Minute).Unix(),
		"claims": map[string]any{"id_token": map[string]any{"openbanking_intent_id": map[string]any{"value": intent, "essential": true}}}}
	payload, err := json.Marshal(claims)
	if err != nil {
		w.Fatal(err)
	}
	input := b64([]byte(`{"alg":"PS256","typ":"oauth-authz-req+jwt"}`)) + "." + b64(payload)
	q := values("client_id", orgID, "login", marc, "request", input+"."+b64(joseSign(w.T, w.qseal, "PS256", input)))
	return w.obieBack(q)
}

func (w *world) obieBack(q url.Values) string {
	w.Helper()
	resp := w.send(&request{method: "GET", target: "/obie/authorize?" + q.Encode(), header: [][2]string{{"Host", "x"}}})
	to, err := url.Parse(resp.header.Get("Location"))
	if resp.status != 302 || err != nil {
		w.Fatalf("%d %s", resp.status, resp.body)
	}
	return to.Query().Get("code")
}

// obieUnder exchanges a code for a token under the consent.
func (w *world) obieUnder(code string) string {
	w.Helper()
	resp := w.sendAs(w.qwac, w.formRequest("/obie/token", values("grant_type", "authorization_code", "code", code,
		"redirect_uri", callback, "client_id", orgID)))
	if resp.status != 200 {
		w.Fatalf("%d %s", resp.status, resp.body)
	}
	return text(resp.json(w.T)["access_token"])
}

// dataOf is Data of an answer.
func dataOf(t *testing.T, resp response) map[string]any {
	t.Helper()
	data, _ := resp.json(t)["Data"].(map[string]any)
	return data
}

// obieConsent has a consent made and agreed to.
func (w *world) obieConsent(scope, path, body string) (id, token string) {
	w.Helper()
	own := w.obieToken(scope)
	var resp response
	if scope == "payments" {
		resp = w.send(w.obieSigned(path, body, own).seal(w.T))
	} else {
		resp = w.send(w.obie("POST", path, body, own))
	}
	w.expect(resp, 201, "")
	id = text(dataOf(w.T, resp)["ConsentId"])
	return id, w.obieUnder(w.obieCode(scope, id))
}
