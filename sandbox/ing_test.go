package sandbox

import (
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

const ingScopes = "payment-accounts:balances:view payment-accounts:transactions:view"

// ingRequest prepares a request in ING's way, not signed yet.
func (w *world) ingRequest(method, target string, form url.Values) *request {
	r := &request{method: method, target: target, sealedBy: w.qseal, algorithm: "rsa-sha256",
		signed: []string{"(request-target)", "date", "digest", "x-request-id"}}
	if form != nil {
		r.body = form.Encode()
	}
	r.set("Host", w.bank.Addr().String())
	r.set("Date", w.bank.now().UTC().Format(http.TimeFormat))
	r.set("Digest", digestOf(r.body))
	r.set("X-Request-ID", uuid.NewString())
	if form != nil {
		r.set("Content-Type", "application/x-www-form-urlencoded")
		r.set("Content-Length", strconv.Itoa(len(r.body)))
	}
	return r
}

// signApplication signs in Authorization, as for an application token.
func (r *request) signApplication(t *testing.T) {
	t.Helper()
	r.sign(t)
	r.set("Authorization", "Signature "+r.get("Signature"))
	r.del("Signature")
}

func pemLine(i *testpki.Issued) string {
	return strings.ReplaceAll(strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate.Raw}))), "\n", "")
}

func (w *world) ingApplication() *request {
	r := w.ingRequest("POST", "/oauth2/token", values("grant_type", "client_credentials"))
	r.set("TPP-Signature-Certificate", base64.StdEncoding.EncodeToString(w.qseal.Certificate.Raw))
	r.keyID = "SN=" + strings.ToUpper(w.qseal.Certificate.SerialNumber.Text(16))
	return r
}

// ingTokens gets an application token, its client_id and a customer's pair.
func (w *world) ingTokens() (application, clientID, access, refresh string) {
	w.Helper()
	r := w.ingApplication()
	r.signApplication(w.T)
	got := w.send(r).json(w.T)
	application, clientID = text(got["access_token"]), text(got["client_id"])
	if got["expires_in"] != 905.0 || got["refresh_token"] != nil || uuid.Validate(clientID) != nil {
		w.Fatalf("%v", got)
	}
	got = w.send(w.ingCustomer(application, clientID, "grant_type", "authorization_code", "code", w.ingCode(clientID), "redirect_uri", callback)).json(w.T)
	return application, clientID, text(got["access_token"]), text(got["refresh_token"])
}

func (w *world) ingCode(clientID string) string {
	w.Helper()
	q := values("response_type", "code", "client_id", clientID, "redirect_uri", callback, "scope", ingScopes, "login", marc)
	resp := w.send(&request{method: "GET", target: "/oauth2/authorize?" + q.Encode(), header: [][2]string{{"Host", "x"}}})
	to, err := url.Parse(resp.header.Get("Location"))
	if resp.status != 302 || err != nil {
		w.Fatalf("%d %s", resp.status, resp.body)
	}
	return to.Query().Get("code")
}

// ingCustomer is a signed request for a customer's token.
func (w *world) ingCustomer(application, clientID string, form ...string) *request {
	w.Helper()
	r := w.ingRequest("POST", "/oauth2/token", values(form...))
	r.set("Authorization", "Bearer "+application)
	r.keyID = clientID
	r.sign(w.T)
	return r
}

func TestINGTwoSteps(t *testing.T) {
	w := newWorld(t)
	application, clientID, access, refresh := w.ingTokens()
	got := w.send(w.ingCustomer(application, clientID, "grant_type", "refresh_token", "refresh_token", refresh)).json(t)
	if got["refresh_token"] != refresh || got["access_token"] == access {
		t.Errorf("%v", got)
	}
	if stats := w.bank.Stats(); stats.TokenCalls != 3 || stats.Tokens.PSUs[marc].Processed != 1 {
		t.Errorf("%+v", stats)
	}
	for _, target := range []string{"/v3/accounts", "/v3/accounts/038-CPT30019654051/balances"} {
		r := w.ingRequest("GET", target, nil)
		r.set("Authorization", "Bearer "+text(got["access_token"]))
		r.set("PSU-IP-Address", "81.2.69.160")
		r.keyID, r.signed = clientID, []string{"(request-target)", "x-request-id", "date", "digest"}
		w.expect(w.signAndSend(r), 200, "")
	}
	w.bank.SetBrowserURL("http://127.0.0.1:1")
	r := w.ingRequest("GET", "/oauth2/authorization-server-url?country_code=FR&scope="+url.QueryEscape(ingScopes), nil)
	r.set("Authorization", "Bearer "+application)
	r.keyID = clientID
	if resp := w.signAndSend(r); resp.status != 200 || text(resp.json(t)["location"]) != "http://127.0.0.1:1/oauth2/authorize" {
		t.Errorf("%d %s", resp.status, resp.body)
	}
	r = w.ingApplication()
	r.set("TPP-Signature-Certificate", pemLine(w.qseal))
	r.signed = r.signed[:3]
	r.signApplication(t)
	w.expect(w.send(r), 200, "")
}

// TestINGApplicationToken: each single deviation has its sentence.
func TestINGApplicationToken(t *testing.T) {
	w := newWorld(t)
	body := func(pairs ...string) func(*request) {
		return func(r *request) {
			r.body = values(pairs...).Encode()
			r.set("Content-Length", strconv.Itoa(len(r.body)))
			r.set("Digest", digestOf(r.body))
		}
	}
	for name, test := range map[string]struct {
		change   func(*request)
		status   int
		sentence string
	}{
		"with client_id":      {body("grant_type", "client_credentials", "client_id", orgID), 200, ""},
		"another client_id":   {body("grant_type", "client_credentials", "client_id", "x"), 401, "client_id is not the organizationIdentifier"},
		"another grant":       {body("grant_type", "refresh_token", "refresh_token", "x"), 400, "client_credentials is asked for with the signature in Authorization"},
		"no certificate":      {func(r *request) { r.del("TPP-Signature-Certificate") }, 401, "TPP-Signature-Certificate is missing"},
		"no certificate in":   {func(r *request) { r.set("TPP-Signature-Certificate", "eA==") }, 401, "holds no certificate"},
		"PEM without end":     {func(r *request) { r.set("TPP-Signature-Certificate", pemLine(w.qseal)[:100]) }, 401, "no closing marker"},
		"of another":          {func(r *request) { r.set("TPP-Signature-Certificate", pemLine(w.qsealEC)) }, 401, "another serial number"},
		"of another TPP":      {func(r *request) { w.resealed(r, w.foreignQSEAL) }, 401, "different organizationIdentifiers"},
		"not trusted":         {func(r *request) { w.resealed(r, w.untrustedSeal) }, 401, "not trusted"},
		"a QWAC":              {func(r *request) { w.resealed(r, w.qwac) }, 401, "is no QSEAL"},
		"issuer in keyId":     {func(r *request) { r.keyID += ",CA=x" }, 401, "with nothing behind"},
		"prefix in keyId":     {func(r *request) { r.keyID = "SN=0x1" }, 401, "plain hexadecimal"},
		"no SN":               {func(r *request) { r.keyID = r.keyID[3:] }, 401, "keyId is not SN="},
		"another order":       {func(r *request) { r.signed = []string{"date", "(request-target)", "digest"} }, 401, "the headers list is not"},
		"too much signed":     {func(r *request) { r.signed = append(r.signed, "host") }, 401, "the headers list is not"},
		"digest of another":   {func(r *request) { r.set("Digest", digestOf("x")) }, 400, "Digest does not match"},
		"old":                 {func(r *request) { r.set("Date", "Sun, 06 Nov 1994 08:49:37 GMT") }, 400, "away from the bank's clock"},
		"X-Request-ID":        {func(r *request) { r.set("X-Request-ID", "1") }, 400, "is no UUID"},
		"without request id":  {func(r *request) { r.del("X-Request-ID"); r.signed = r.signed[:3] }, 200, ""},
		"as the Berlin Group": {func(r *request) { r.set("Content-Type", "application/json") }, 400, "not application/x-www-form-urlencoded"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			r := w.ingApplication()
			test.change(r)
			r.signApplication(t)
			w.expect(w.send(r), test.status, test.sentence)
		})
	}
	r := w.ingApplication()
	r.signApplication(t)
	r.set("Authorization", strings.Replace(r.get("Authorization"), `signature="`, `signature="AAAA`, 1))
	w.expect(w.send(r), 401, "does not verify")
	r = w.ingApplication()
	w.expect(w.signAndSend(r), 401, "keyId is not a client_id")
}

// resealed makes a request bear another certificate, and its signature.
func (w *world) resealed(r *request, i *testpki.Issued) {
	r.set("TPP-Signature-Certificate", pemLine(i))
	r.keyID, r.sealedBy = "SN="+i.Certificate.SerialNumber.Text(16), i
	r.algorithm = "ecdsa-sha256"
}

func TestINGCustomerToken(t *testing.T) {
	w := newWorld(t)
	application, clientID, access, refresh := w.ingTokens()
	form := []string{"grant_type", "refresh_token", "refresh_token", refresh}
	w.expect(w.send(w.ingCustomer(access, clientID, form...)), 401, "the application token is expected")
	for name, test := range map[string]struct {
		change   func(*request)
		form     []string
		status   int
		sentence string
	}{
		"with client_id":     {nil, append(form, "client_id", clientID), 200, ""},
		"another client_id":  {nil, append(form, "client_id", orgID), 401, "not the one that came with the application token"},
		"no token":           {func(r *request) { r.del("Authorization") }, form, 401, "Authorization is missing"},
		"no signature":       {func(r *request) { r.keyID = "" }, form, 401, "Signature is missing"},
		"serial number":      {func(r *request) { r.keyID = "SN=" + w.qseal.Certificate.SerialNumber.Text(16) }, form, 401, "keyId is not a client_id"},
		"another key":        {func(r *request) { r.sealedBy, r.algorithm = w.qsealEC, "ecdsa-sha256" }, form, 401, "the QSEAL key is an RSA key"},
		"scope":              {nil, append(form, "scope", ingScopes), 400, "without scope"},
		"client_credentials": {nil, []string{"grant_type", "client_credentials"}, 400, "and nothing else is"},
		"another grant":      {nil, []string{"grant_type", "password"}, 400, "grant_type is none of"},
		"no redirect_uri":    {nil, []string{"grant_type", "authorization_code", "code", w.ingCode(clientID)}, 400, "redirect_uri is not that"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			r := w.ingRequest("POST", "/oauth2/token", values(test.form...))
			r.set("Authorization", "Bearer "+application)
			r.keyID = clientID
			if test.change != nil {
				test.change(r)
			}
			if r.keyID != "" {
				r.sign(t)
			}
			w.expect(w.send(r), test.status, test.sentence)
		})
	}
}

func TestINGAccounts(t *testing.T) {
	w := newWorld(t)
	application, clientID, access, _ := w.ingTokens()
	stet, _ := w.psuToken("aisp", "D0999991I0")
	for name, test := range map[string]struct {
		token, keyID string
		sentence     string
	}{
		"application token":   {application, clientID, "lacks the scope payment-accounts"},
		"token of another id": {stet, clientID, "keyId is not the client_id that the token was issued to"},
		"keyId of STET":       {access, serialIssuer(t, w.qseal), "keyId is not a client_id"},
	} {
		r := w.ingRequest("GET", "/v3/accounts", nil)
		r.set("Authorization", "Bearer "+test.token)
		r.keyID = test.keyID
		r.sign(t)
		resp := w.send(r)
		if joined := strings.Join(w.bank.Last().Problems, "\n"); resp.status/100 != 4 || !strings.Contains(joined, test.sentence) {
			t.Errorf("%s: %d %s", name, resp.status, joined)
		}
	}
}
