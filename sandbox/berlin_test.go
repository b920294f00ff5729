package sandbox

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// berlin prepares a request of chapter 12.
func (w *world) berlin(method, path, body, token string) *request {
	r := w.stet(method, "/berlin/v1/"+path, body, token)
	r.set("Digest", digestOf(body))
	r.set("TPP-Signature-Certificate", base64.StdEncoding.EncodeToString(w.qseal.Certificate.Raw))
	r.set("Consent-ID", "c1")
	r.signed = []string{"digest", "x-request-id", "date"}
	return r
}

const payment = `{"instructedAmount":{"currency":"EUR","amount":"12.50"},"debtorAccount":{"iban":"FR7613807008043001965405158"},` +
	`"creditorName":"Merchant","creditorAccount":{"iban":"DE89370400440532013000"}}`

func TestBerlin(t *testing.T) {
	// The bank learns the certificate from the header, not from registration.
	w := newWorld(t, func(o *Options) { o.QSEALs = o.QSEALs[1:] })
	aisp, _ := w.psuToken("aisp", "D0999990I0")
	pisp, card := w.cardToken("pisp"), w.cardToken("piisp")

	resp := w.signAndSend(w.berlin("GET", "accounts?withBalance=true", "", aisp))
	w.expect(resp, 200, "")
	if n := len(list(resp.json(t), "accounts")); n != 3 || !strings.Contains(resp.body, `"4348.95"`) {
		t.Error(resp.body)
	}
	resp = w.signAndSend(w.berlin("POST", "payments/sepa-credit-transfers", payment, pisp))
	w.expect(resp, 201, "")
	if got := resp.json(t); got["transactionStatus"] != "RCVD" || got["paymentId"] == "" || resp.header.Get("ASPSP-SCA-Approach") != "REDIRECT" {
		t.Error(resp.body)
	}
	for amount, want := range map[string]bool{"459.56": true, "459.57": false} {
		body := `{"account":{"iban":"FR7613807008043001965405255"},"instructedAmount":{"currency":"EUR","amount":"` + amount + `"}}`
		resp = w.signAndSend(w.berlin("POST", "funds-confirmations", body, card))
		w.expect(resp, 200, "")
		if resp.json(t)["fundsAvailable"] != want {
			t.Error(resp.body)
		}
	}
	r := w.berlin("GET", "accounts", "", aisp)
	r.keyID = strings.ReplaceAll(r.keyID, " ", "%20")
	r.signed = []string{"digest", "x-request-id"}
	w.expect(w.signAndSend(r), 200, "")
}

func TestBerlinRefusals(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0") // for the weak key
	w := newWorld(t)
	aisp, _ := w.psuToken("aisp", "D0999990I0")
	pisp := w.cardToken("pisp")
	weak, err := w.ca.Issue(testpki.Profile{Kind: testpki.QSEAL, Key: "rsa1024", OrganizationIdentifier: orgID, Roles: allRoles, NCAID: "FR-ACPR", NCAName: "x"})
	if err != nil {
		t.Fatal(err)
	}
	certificate := func(i *testpki.Issued) string { return base64.StdEncoding.EncodeToString(i.Certificate.Raw) }
	sealedBy := func(i *testpki.Issued, algorithm string) func(*request) {
		return func(r *request) {
			r.sealedBy, r.algorithm, r.keyID = i, algorithm, serialIssuer(t, i)
			r.set("TPP-Signature-Certificate", certificate(i))
		}
	}
	sign := func(names ...string) func(*request) { return func(r *request) { r.signed = names } }
	tests := []struct {
		name, method, path, body string
		change                   func(*request)
		status                   int
		code, sentence           string
	}{
		{"request target", "GET", "accounts", "", sign("(request-target)", "digest", "x-request-id"), 401, "SIGNATURE_INVALID", "must not be signed"},
		{"digest not signed", "GET", "accounts", "", sign("x-request-id", "date"), 401, "SIGNATURE_INVALID", "digest is not signed"},
		{"PSU-ID not signed", "GET", "accounts", "", func(r *request) { r.set("PSU-ID", "x") }, 401, "SIGNATURE_INVALID", "psu-id is not signed"},
		{"no digest", "GET", "accounts", "", func(r *request) { r.del("Digest"); r.signed = []string{"x-request-id"} }, 401, "SIGNATURE_INVALID", "Digest is missing"},
		{"no certificate", "GET", "accounts", "", func(r *request) { r.del("TPP-Signature-Certificate") }, 401, "CERTIFICATE_MISSING", "TPP-Signature-Certificate is missing"},
		{"another certificate", "GET", "accounts", "", func(r *request) { r.set("TPP-Signature-Certificate", certificate(w.qsealEC)) }, 401, "SIGNATURE_INVALID", "another serial number"},
		{"no base64", "GET", "accounts", "", func(r *request) { r.set("TPP-Signature-Certificate", "-----BEGIN") }, 401, "CERTIFICATE_INVALID", "not base64 of a DER"},
		{"no DER", "GET", "accounts", "", func(r *request) { r.set("TPP-Signature-Certificate", "AAAA") }, 401, "CERTIFICATE_INVALID", "holds no certificate"},
		{"unqualified", "GET", "accounts", "", func(r *request) { r.set("TPP-Signature-Certificate", certificate(w.server)) }, 401, "CERTIFICATE_INVALID", "no qualified certificate"},
		{"untrusted", "GET", "accounts", "", func(r *request) {
			sealedBy(w.untrustedSeal, "ecdsa-sha256")(r)
			r.keyID = strings.Replace(r.keyID, "CN=Test QTSP CA,2.5.4.97=#0c1156415446522d3132333435363738393031", "CN=Another CA", 1)
		}, 401, "CERTIFICATE_INVALID", "not trusted"},
		{"of another TPP", "GET", "accounts", "", sealedBy(w.foreignQSEAL, "ecdsa-sha256"), 401, "CERTIFICATE_INVALID", "different organizationIdentifiers"},
		{"QWAC as seal", "GET", "accounts", "", sealedBy(w.qwac, "ecdsa-sha256"), 401, "CERTIFICATE_INVALID", "not eseal"},
		{"weak key", "GET", "accounts", "", sealedBy(weak, "rsa-sha256"), 401, "CERTIFICATE_INVALID", "key is too short"},
		{"keyId form", "GET", "accounts", "", func(r *request) { r.keyID = orgID }, 401, "SIGNATURE_INVALID", "does not begin with SN="},
		{"no consent", "GET", "accounts", "", func(r *request) { r.del("Consent-ID") }, 400, "FORMAT_ERROR", "Consent-ID is missing"},
		{"no token", "GET", "accounts", "", func(r *request) { r.del("Authorization") }, 401, "TOKEN_INVALID", "Authorization is missing"},
		{"scope", "POST", "payments/sepa-credit-transfers", payment, func(r *request) { r.set("Authorization", "Bearer "+aisp) }, 403, "ROLE_INVALID", "lacks the scope pisp"},
		{"payment without PSU", "POST", "payments/sepa-credit-transfers", payment, func(r *request) { r.del("PSU-IP-Address") }, 400, "FORMAT_ERROR", "mandatory on payments"},
		{"product", "POST", "payments/gold", payment, nil, 404, "PRODUCT_UNKNOWN", "product is not offered"},
		{"payment body", "POST", "payments/sepa-credit-transfers", "{}", nil, 400, "FORMAT_ERROR", "not a single payment"},
		{"payment amount", "POST", "payments/sepa-credit-transfers", strings.Replace(payment, "12.50", "0", 1), nil, 400, "FORMAT_ERROR", "not a positive amount"},
		{"payment account", "POST", "payments/sepa-credit-transfers", strings.Replace(payment, "DE89", "DE88", 1), nil, 400, "FORMAT_ERROR", "no valid IBAN"},
		{"resource", "GET", "nothing", "", nil, 404, "RESOURCE_UNKNOWN", "no such resource"},
		{"verb", "DELETE", "accounts", "", nil, 405, "SERVICE_INVALID", "GET is expected"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			token := aisp
			if test.method == "POST" {
				token = pisp
			}
			r := w.berlin(test.method, test.path, test.body, token)
			if test.change != nil {
				test.change(r)
			}
			resp := w.signAndSend(r)
			w.expect(resp, test.status, test.sentence)
			message, ok := list(resp.json(t), "tppMessages")[0].(map[string]any)
			if !ok || message["code"] != test.code || message["category"] != "ERROR" {
				t.Errorf("%s", resp.body)
			}
		})
	}
}
