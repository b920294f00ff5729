package sandbox

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// TestOBIESignature: each single deviation has its sentence.
func TestOBIESignature(t *testing.T) {
	w := newWorld(t)
	token := w.obieToken("payments")
	member := func(name string, value any) func(*jwsMessage) {
		return func(m *jwsMessage) { m.protected[name] = value }
	}
	finish := func(change func(string) string) func(*jwsMessage) {
		return func(m *jwsMessage) { m.finish = change }
	}
	other := "{}"
	for name, test := range map[string]struct {
		change   func(*jwsMessage)
		status   int
		sentence string
	}{
		"as it should be":  {func(*jwsMessage) {}, 201, ""},
		"typ and cty":      {func(m *jwsMessage) { m.protected["typ"], m.protected["cty"] = "JOSE", "application/json" }, 201, ""},
		"another body":     {func(m *jwsMessage) { m.payload = &other }, 400, "does not verify over what was received"},
		"unencoded":        {func(m *jwsMessage) { m.plain = true }, 400, "does not verify over what was received"},
		"missing":          {finish(func(string) string { return "" }), 400, "is not protected header, two dots and signature"},
		"attached":         {finish(func(v string) string { return strings.Replace(v, "..", "."+b64([]byte("{}"))+".", 1) }), 400, "it carries the payload"},
		"padded":           {finish(func(v string) string { return v + "==" }), 400, "not base64url without padding"},
		"RS256":            {func(m *jwsMessage) { m.algorithm = "RS256" }, 400, "only PS256 is taken"},
		"ES256":            {func(m *jwsMessage) { m.algorithm, m.by = "ES256", w.qsealEC }, 400, "only PS256 is taken"},
		"b64 true":         {member("b64", true), 400, "b64 is there, which must not be since version 3.1.4"},
		"b64 false":        {func(m *jwsMessage) { m.protected["b64"], m.plain = false, true }, 400, "crit does not name b64"},
		"no kid":           {member("kid", nil), 400, "kid is missing"},
		"kid of another":   {member("kid", x5t(w.foreignQSEAL)), 400, "names no key that the TPP has registered"},
		"kid of EC":        {member("kid", x5t(w.qsealEC)), 400, "does not verify"},
		"by another":       {func(m *jwsMessage) { m.by = w.qseal2RSA }, 400, "does not verify"},
		"crit of two":      {member("crit", []string{iatName, issName}), 400, `crit does not name "http://openbanking.org.uk/tan"`},
		"crit too long":    {func(m *jwsMessage) { m.protected["crit"] = []string{iatName, issName, tanName, "kid"} }, 400, `crit names "kid"`},
		"crit twice":       {func(m *jwsMessage) { m.protected["crit"] = []string{iatName, iatName, issName, tanName} }, 400, "twice"},
		"crit of none":     {member("crit", []string{"x"}), 400, "which the protected header does not have"},
		"no crit":          {member("crit", nil), 400, "crit does not name"},
		"iat ahead":        {member(iatName, time.Now().Add(time.Minute).Unix()), 400, "is in the future"},
		"iat as text":      {member(iatName, "1501497671"), 400, "is no whole number of seconds"},
		"no tan":           {member(tanName, "x"), 400, "http://openbanking.org.uk/tan is not"},
		"iss of another":   {member(issName, "CN=someone"), 400, "is not the subject of the TPP's QSEAL"},
		"unknown member":   {member("jku", "x"), 400, "which the standard does not list"},
		"typ":              {member("typ", "JWT"), 400, "typ is not JOSE"},
		"cty":              {member("cty", "xml"), 400, "cty is neither json"},
		"no header":        {func(m *jwsMessage) { m.finish = func(string) string { return "x..x" } }, 400, "protected header"},
		"no idempotency":   {func(m *jwsMessage) { m.del("x-idempotency-key") }, 400, "the header x-idempotency-key is missing"},
		"long idempotency": {func(m *jwsMessage) { m.set("x-idempotency-key", strings.Repeat("x", 41)) }, 400, "longer than 40 characters"},
		"PSU headers":      {func(m *jwsMessage) { m.set("PSU-IP-Address", "81.2.69.160") }, 400, "is not known here"},
		"agent without ip": {func(m *jwsMessage) { m.set("x-customer-user-agent", "x") }, 400, "x-fapi-customer-ip-address is missing"},
		"private ip":       {func(m *jwsMessage) { m.set("x-fapi-customer-ip-address", "10.0.0.1") }, 400, "is not a public address"},
		"PSU there": {func(m *jwsMessage) {
			m.set("x-fapi-customer-ip-address", "81.2.69.160")
			m.set("x-customer-user-agent", "x")
		}, 201, ""},
		"auth date":         {func(m *jwsMessage) { m.set("x-fapi-auth-date", "2020-01-01") }, 400, "is not an IMF-fixdate"},
		"auth date is good": {func(m *jwsMessage) { m.set("x-fapi-auth-date", "Sun, 06 Nov 1994 08:49:37 GMT") }, 201, ""},
		"interaction id":    {func(m *jwsMessage) { m.set("x-fapi-interaction-id", "1") }, 400, "is no UUID"},
		"media type":        {func(m *jwsMessage) { m.set("Content-Type", "text/plain") }, 415, "is not application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			m := w.obieSigned("pisp/domestic-payment-consents", paymentConsent, token)
			test.change(m)
			w.expect(w.send(m.seal(t)), test.status, test.sentence)
		})
	}
	m := w.obieSigned("pisp/domestic-payment-consents", paymentConsent, token)
	w.expect(w.send(m.request), 400, "the header X-Jws-Signature is missing")
	if w.bank.Last().SignatureOK || w.bank.Stats().SignatureFailures == 0 {
		t.Error("an unsigned payment counts as signed")
	}
	r := w.obie("GET", "aisp/accounts", "", w.obieToken("accounts"))
	r.set("x-jws-signature", "x..x")
	w.expect(w.send(r), 400, "no body to sign")
}

// TestOBIEUnencoded is the signature up to version 3.1.3.
func TestOBIEUnencoded(t *testing.T) {
	w := newWorld(t)
	token := w.obieToken("payments")
	path := "/obie-unencoded/open-banking/v3.1/pisp/domestic-payment-consents"
	m := w.obieSigned(path, paymentConsent, token)
	m.protected["b64"], m.plain = false, true
	m.protected["crit"] = []string{"b64", iatName, issName, tanName}
	resp := w.send(m.seal(t))
	w.expect(resp, 201, "")
	w.expect(w.send(w.obieSigned(path, paymentConsent, token).seal(t)), 400, "b64 is not false")
}

// TestOBIERegistered: names that the TPP has registered.
func TestOBIERegistered(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		p, err := issuePKI()
		if err != nil {
			t.Fatal(err)
		}
		o.Clients = []Client{{Organization: orgID, Keys: keySet("90210ABAD", p.qseal), SigningIssuer: "0015800001041RHAAY/HQuZPIt3"}}
	})
	token := w.obieToken("payments")
	m := w.obieSigned("pisp/domestic-payment-consents", paymentConsent, token)
	m.protected["kid"], m.protected[issName] = "90210ABAD", "0015800001041RHAAY/HQuZPIt3"
	w.expect(w.send(m.seal(t)), 201, "")
	m = w.obieSigned("pisp/domestic-payment-consents", paymentConsent, token)
	m.protected["kid"] = "90210ABAD"
	w.expect(w.send(m.seal(t)), 400, `is not "0015800001041RHAAY/HQuZPIt3"`)
}

// TestOBIECavage is the reading that takes "HTTP Signature" by its word.
func TestOBIECavage(t *testing.T) {
	w := newWorld(t)
	token := w.obieToken("payments")
	prepare := func() *request {
		r := w.obie("POST", "/obie-cavage/open-banking/v3.1/pisp/domestic-payment-consents", paymentConsent, token)
		r.set("x-idempotency-key", uuid.NewString())
		r.set("Date", w.bank.now().UTC().Format(http.TimeFormat))
		r.set("Digest", digestOf(paymentConsent))
		r.signed = []string{"(request-target)", "host", "date", "digest"}
		r.sealedBy, r.algorithm, r.keyID = w.qseal, "rsa-sha256", serialIssuer(t, w.qseal)
		return r
	}
	for name, test := range map[string]struct {
		change   func(*request)
		status   int
		sentence string
	}{
		"SN and CA":       {func(*request) {}, 201, ""},
		"x5t#S256":        {func(r *request) { r.keyID = x5t(w.qseal) }, 201, ""},
		"strange keyId":   {func(r *request) { r.keyID = "x" }, 400, "keyId names no QSEAL"},
		"strange serial":  {func(r *request) { r.keyID = "SN=1,CA=x" }, 400, "which no registered QSEAL certificate has"},
		"digest unsigned": {func(r *request) { r.signed = r.signed[:3] }, 400, "digest is not signed"},
		"target unsigned": {func(r *request) { r.signed = r.signed[1:] }, 400, "(request-target) is not signed"},
		"wrong digest":    {func(r *request) { r.set("Digest", digestOf("x")) }, 400, "Digest does not match"},
		"no date":         {func(r *request) { r.del("Date"); r.signed = []string{"(request-target)", "host", "digest"} }, 400, "the header Date is missing"},
		"host unsigned":   {func(r *request) { r.signed = []string{"(request-target)", "date", "digest"} }, 400, "host is not signed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			r := prepare()
			test.change(r)
			w.expect(w.signAndSend(r), test.status, test.sentence)
		})
	}
	w.expect(w.send(prepare()), 400, "the header Signature is missing")
}
