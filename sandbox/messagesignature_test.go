package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// messageSigned signs by RFC 9421.
func (w *world) messageSigned(method, target, body, token string) *messageRequest {
	r := &request{method: method, target: target}
	r.set("Host", w.bank.Addr().String())
	r.set("Authorization", "Bearer "+token)
	r.set("X-Request-ID", uuid.NewString())
	m := &messageRequest{request: r, by: w.qseal, alg: "PS512", label: "rsa-pss-sha512", created: w.bank.now().Unix(), keyID: x5t(w.qseal),
		covered: []string{"@method", "@target-uri", "authorization", "x-request-id"}}
	if body != "" {
		r.json(body)
		sum := sha256.Sum256([]byte(body))
		r.set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
		m.covered = append(m.covered, "content-digest", "content-type")
	}
	return m
}

type messageRequest struct {
	*request
	by      *testpki.Issued
	alg     string // of JWS, to sign with
	label   string
	created int64
	keyID   string
	extra   string
	covered []string
}

func (m *messageRequest) seal(t *testing.T) *request {
	t.Helper()
	path, query, _ := strings.Cut(m.target, "?")
	derived := map[string]string{"@method": m.method, "@target-uri": "https://" + m.get("Host") + m.target, "@authority": m.get("Host"),
		"@scheme": "https", "@request-target": m.target, "@path": path, "@query": "?" + query}
	var lines, names []string
	for _, name := range m.covered {
		value, ok := derived[name]
		if !ok {
			value = m.get(name)
		}
		names = append(names, `"`+name+`"`)
		lines = append(lines, `"`+name+`": `+value)
	}
	input := "(" + strings.Join(names, " ") + ")"
	if m.created != 0 {
		input += fmt.Sprintf(";created=%d", m.created)
	}
	if m.keyID != "" {
		input += fmt.Sprintf(`;keyid="%s"`, m.keyID)
	}
	if m.label != "" {
		input += fmt.Sprintf(`;alg="%s"`, m.label)
	}
	input += m.extra
	lines = append(lines, `"@signature-params": `+input)
	m.set("Signature-Input", "sig1="+input)
	m.set("Signature", "sig1=:"+base64.StdEncoding.EncodeToString(joseSign(t, m.by, m.alg, strings.Join(lines, "\n")))+":")
	return m.request
}

func TestMessageSignature(t *testing.T) {
	w := newWorld(t)
	aisp, _ := w.psuToken("aisp", marc)
	pisp := w.cardToken("pisp")
	const accounts = "/rfc9421/v1/accounts"
	w.expect(w.send(w.messageSigned("GET", accounts+"?withBalance=true", "", aisp).seal(t)), 200, "")
	if rec := w.bank.Last(); !rec.SignatureOK || !strings.HasPrefix(rec.SigningString, "\"@method\": GET\n") {
		t.Errorf("%+v", rec)
	}
	m := w.messageSigned("POST", "/rfc9421/v1/payments/sepa-credit-transfers", payment, pisp)
	m.set("PSU-IP-Address", "81.2.69.160")
	m.covered = append(m.covered, "psu-ip-address")
	w.expect(w.send(m.seal(t)), 201, "")
	for name, test := range map[string]struct {
		change   func(*messageRequest)
		sentence string
	}{
		"EC": {func(m *messageRequest) {
			m.by, m.alg, m.label, m.keyID = w.qsealEC, "ES256", "ecdsa-p256-sha256", x5t(w.qsealEC)
		}, ""},
		"v1.5":   {func(m *messageRequest) { m.alg, m.label = "RS256", "rsa-v1_5-sha256" }, ""},
		"no alg": {func(m *messageRequest) { m.label = "" }, ""},
		"parts": {func(m *messageRequest) {
			m.covered = []string{"@method", "@authority", "@path", "@scheme", "x-request-id"}
		}, ""},
		"request-target":  {func(m *messageRequest) { m.covered = []string{"@method", "host", "@request-target", "x-request-id"} }, ""},
		"nonce, expires":  {func(m *messageRequest) { m.extra = fmt.Sprintf(`;nonce="n";tag="t";expires=%d`, m.created+60) }, ""},
		"nonce again":     {func(m *messageRequest) { m.extra = `;nonce="m"`; w.bank.jwtIDs.remember("nonce " + m.keyID + " m") }, "nonce in Signature-Input was used before"},
		"expired":         {func(m *messageRequest) { m.extra = fmt.Sprintf(`;expires=%d`, m.created) }, "expires is over"},
		"old":             {func(m *messageRequest) { m.created -= 70 }, "created is more than 1m0s in the past"},
		"ahead":           {func(m *messageRequest) { m.created += 10 }, "created is more than 2s in the future"},
		"no created":      {func(m *messageRequest) { m.created = 0 }, "no parameter created"},
		"no keyid":        {func(m *messageRequest) { m.keyID = "" }, "no parameter keyid"},
		"strange keyid":   {func(m *messageRequest) { m.keyID = "x" }, "names no key that the TPP has registered"},
		"alg of another":  {func(m *messageRequest) { m.label = "ed25519" }, "does not go with the RSA key"},
		"no method":       {func(m *messageRequest) { m.covered = m.covered[1:] }, "@method is not signed"},
		"no target":       {func(m *messageRequest) { m.covered = []string{"@method", "@path", "x-request-id"} }, "the target is not signed"},
		"no request id":   {func(m *messageRequest) { m.covered = m.covered[:3] }, "x-request-id is not signed"},
		"absent":          {func(m *messageRequest) { m.covered = append(m.covered, "x-none") }, "which the request does not have"},
		"status":          {func(m *messageRequest) { m.covered = append(m.covered, "@status") }, "which a request does not have"},
		"unknown":         {func(m *messageRequest) { m.extra = `;x="1"` }, "unknown parameter"},
		"created as text": {func(m *messageRequest) { m.created, m.extra = 0, `;created="1"` }, "is of the wrong type"},
		"psu unsigned":    {func(m *messageRequest) { m.set("PSU-IP-Address", "81.2.69.160") }, "psu-ip-address is not signed"},
		"wrong digest":    {func(m *messageRequest) { m.set("Content-Digest", "sha-256=:AAAA:") }, "Content-Digest does not match"},
		"old digest":      {func(m *messageRequest) { m.set("Content-Digest", "md5=:AAAA:") }, "neither sha-256 nor sha-512"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			m := w.messageSigned("GET", accounts, "", aisp)
			test.change(m)
			resp := w.send(m.seal(t))
			if (resp.status == 200) != (test.sentence == "") {
				t.Error(resp.status, resp.body)
			}
			w.expect(resp, resp.status, test.sentence)
		})
	}
	for name, test := range map[string]struct {
		input, signature, sentence string
	}{
		"two":     {`a=("@method"), b=("@method")`, "a=:AAAA:, b=:AAAA:", "none or more than one"},
		"labels":  {`a=("@method")`, "b=:AAAA:", "Signature-Input has the label"},
		"no list": {`a="@method"`, "a=:AAAA:", "is not a list of components"},
		"text":    {`a=("@method")`, `a="AAAA"`, "is not a byte sequence"},
		"cavage":  {`a=("@method")`, `keyId="x"`, "header Signature: there is no comma"},
		"req":     {`a=("@method";req)`, "a=:AAAA:", "has parameters"},
		"token":   {`a=(method)`, "a=:AAAA:", "is no text in quotation marks"},
		"case":    {`a=("Date")`, "a=:AAAA:", "in lower case"},
		"twice":   {`a=("date" "date")`, "a=:AAAA:", "twice"},
		"base64":  {`a=("date")`, "a=:A_A:", "is not base64 between two colons"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			r := w.messageSigned("GET", accounts, "", aisp).request
			r.set("Signature-Input", test.input)
			r.set("Signature", test.signature)
			w.expect(w.send(r), 401, test.sentence)
		})
	}
	r := w.messageSigned("GET", accounts, "", aisp).request
	w.expect(w.send(r), 401, "the header Signature-Input is missing")
	m = w.messageSigned("POST", "/rfc9421/v1/payments/sepa-credit-transfers", payment, pisp)
	m.del("Content-Digest")
	m.covered = m.covered[:4]
	w.expect(w.send(m.seal(t)), 401, "content-digest is not signed")
}

// TestShownSecrets: tokens that are signed, or in a body, are not shown.
func TestShownSecrets(t *testing.T) {
	w := newWorld(t)
	aisp, _ := w.psuToken("aisp", marc)
	w.expect(w.send(w.messageSigned("GET", "/rfc9421/v1/accounts", "", aisp).seal(t)), 200, "")
	w.send(w.polish(aisp, func(body string) string { return strings.Replace(body, `"token":"x"`, `"token": "`+aisp+`"`, 1) }).seal(t))
	w.expect(response{status: w.bank.Last().Status, body: ""}, 200, "")
	answer := httptest.NewRecorder()
	w.bank.Control().ServeHTTP(answer, httptest.NewRequest("GET", "/records", nil))
	if text := answer.Body.String(); strings.Contains(text, aisp) || strings.Count(text, "REDACTED") != 5 {
		t.Error(text)
	}
}
