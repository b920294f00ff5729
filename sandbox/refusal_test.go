package sandbox

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

const fundsPath = "/stet/psd2/v1.4.2/funds-confirmations"

// TestRefusals triggers every check of a STET call once. change runs before
// the request is signed, tamper after.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	token := w.cardToken("cbpii")
	body := coverage("R", "1.00", "EUR", "FR7613807008043001965405158")
	header := func(name, value string) func(*request) { return func(r *request) { r.set(name, value) } }
	drop := func(name string) func(*request) { return func(r *request) { r.del(name) } }
	unsign := func(name string) func(*request) {
		return func(r *request) {
			var kept []string
			for _, s := range r.signed {
				if s != name {
					kept = append(kept, s)
				}
			}
			r.signed = kept
		}
	}
	both := func(fs ...func(*request)) func(*request) {
		return func(r *request) {
			for _, f := range fs {
				f(r)
			}
		}
	}
	again := func(name, value string) func(*request) {
		return func(r *request) { r.header = append(r.header, [2]string{name, value}) }
	}
	psu := func(name, value string) func(*request) {
		return func(r *request) { r.set(name, value); r.signed = append(r.signed, strings.ToLower(name)) }
	}
	tests := []struct {
		name           string
		change, tamper func(*request)
		status         int
		sentence       string
	}{
		{"nothing", nil, nil, 200, ""},
		{"rsa-sha512", func(r *request) { r.algorithm = "rsa-sha512" }, nil, 200, ""},
		{"EC key", func(r *request) {
			r.sealedBy, r.keyID, r.algorithm = w.qsealEC, serialIssuer(t, w.qsealEC), "ecdsa-sha256"
		}, nil, 200, ""},
		{"no PSU at all", both(drop("PSU-IP-Address"), unsign("psu-ip-address")), nil, 200, ""},
		{"all PSU headers", both(psu("PSU-IP-Port", "443"), psu("PSU-HTTP-Method", "GET"), psu("PSU-Date", "2026-01-02T03:04:05Z"),
			psu("PSU-GEO-Location", "GEO:52.506931;13.144558"), psu("PSU-User-Agent", "x"), psu("PSU-Referer", "x"), psu("PSU-Accept", "x"),
			psu("PSU-Device-ID", uuid.NewString())), nil, 200, ""},

		{"no signature", nil, drop("Signature"), 400, "Signature is missing"},
		{"broken signature header", nil, header("Signature", `keyId="x"`), 400, "lacks the parameter algorithm"},
		{"altered target", nil, func(r *request) { r.target += "?a=1" }, 400, "does not verify"},
		{"altered date", nil, func(r *request) {
			r.set("Date", w.bank.now().UTC().Add(-5*time.Second).Format(http.TimeFormat))
		}, 400, "does not verify"},
		{"altered request id", nil, func(r *request) { r.set("X-Request-ID", uuid.NewString()) }, 400, "does not verify"},
		{"altered PSU address", nil, header("PSU-IP-Address", "81.2.69.161"), 400, "does not verify"},
		{"altered body", nil, func(r *request) { r.body = strings.Replace(r.body, "1.00", "9.00", 1) }, 400, "Digest does not match"},
		{"altered body and digest", nil, func(r *request) {
			r.body = strings.Replace(r.body, "1.00", "9.00", 1)
			r.set("Digest", digestOf(r.body))
		}, 400, "does not verify"},
		{"another key", func(r *request) { r.sealedBy = w.qsealEC }, nil, 400, "does not verify"},
		{"label of another key", func(r *request) { r.algorithm = "ecdsa-sha256" }, nil, 400, "the QSEAL key is an RSA key"},
		{"unknown label", func(r *request) { r.algorithm = "hs2019" }, nil, 400, "is not one of rsa-sha256"},
		{"label in another case", func(r *request) { r.algorithm = "RSA-SHA256" }, nil, 400, "is not one of rsa-sha256"},
		{"request target not signed", unsign("(request-target)"), nil, 400, "(request-target) is not signed"},
		{"date not signed", unsign("date"), nil, 400, "date is not signed"},
		{"request id not signed", unsign("x-request-id"), nil, 400, "x-request-id is not signed"},
		{"digest not signed", unsign("digest"), nil, 400, "digest is not signed"},
		{"content type not signed", unsign("content-type"), nil, 400, "content-type is not signed"},
		{"PSU header not signed", header("PSU-User-Agent", "x"), nil, 400, "psu-user-agent is not signed"},
		{"signed but absent", nil, drop("PSU-IP-Address"), 400, "which the request does not have"},
		{"created", nil, func(r *request) {
			r.set("Signature", strings.Replace(r.get("Signature"), `headers="`, `headers="(created) `, 1))
		}, 400, "which rsa and ecdsa algorithms must not have"},

		{"wrong serial", func(r *request) { r.keyID = strings.Replace(r.keyID, "SN=", "SN=1", 1) }, nil, 400, "which no registered QSEAL certificate has"},
		{"serial with 0x", func(r *request) { r.keyID = strings.Replace(r.keyID, "SN=", "SN=0x", 1) }, nil, 400, "without prefix"},
		{"no serial", func(r *request) { r.keyID = "SN=,CA=x" }, nil, 400, "not plain hexadecimal"},
		{"no CA", func(r *request) { r.keyID = "SN=1f" }, nil, 400, "no ,CA="},
		{"keyId of another form", func(r *request) { r.keyID = orgID }, nil, 400, "does not begin with SN="},
		{"issuer in Go's order", func(r *request) {
			r.keyID = "SN=" + w.qseal.Certificate.SerialNumber.Text(16) + ",CA=" + w.qseal.Certificate.Issuer.String()
		}, nil, 400, "is not the issuer"},
		{"seal of another CA", func(r *request) {
			r.sealedBy, r.algorithm = w.untrustedSeal, "ecdsa-sha256"
			r.keyID = "SN=" + w.untrustedSeal.Certificate.SerialNumber.Text(16) + ",CA=CN=Another CA,O=Test QTSP,C=FR"
		}, nil, 400, "not trusted"},
		{"seal of another TPP", func(r *request) {
			r.sealedBy, r.keyID, r.algorithm = w.foreignQSEAL, serialIssuer(t, w.foreignQSEAL), "ecdsa-sha256"
		}, nil, 400, "different organizationIdentifiers"},
		{"certificate header of another seal", header("TPP-Signature-Certificate", base64.StdEncoding.EncodeToString(w.qsealEC.Certificate.Raw)),
			nil, 400, "is not the certificate that keyId names"},

		{"no digest", both(drop("Digest"), unsign("digest")), nil, 400, "Digest is missing"},
		{"digest of another algorithm", header("Digest", "MD5=AAAA"), nil, 400, "other than SHA-256 and SHA-512"},
		{"digest without base64", header("Digest", "SHA-256=!"), nil, 400, "no valid base64"},
		{"digest without equals", header("Digest", "SHA-256"), nil, 400, "not algorithm=value"},
		{"content type", header("Content-Type", "text/plain"), nil, 400, "not application/json"},

		{"no date", both(drop("Date"), unsign("date")), nil, 400, "Date is missing"},
		{"stale date", header("Date", time.Now().UTC().Add(-2*time.Minute).Format(http.TimeFormat)), nil, 400, "away from the bank's clock"},
		{"future date", header("Date", time.Now().UTC().Add(2*time.Minute).Format(http.TimeFormat)), nil, 400, "away from the bank's clock"},
		{"local date", header("Date", time.Now().Format(time.RFC1123Z)), nil, 400, "not an IMF-fixdate"},
		{"wrong weekday", header("Date", "Xyz"+time.Now().UTC().Format(http.TimeFormat)[3:]), nil, 400, "not an IMF-fixdate"},

		{"no request id", both(drop("X-Request-ID"), unsign("x-request-id")), nil, 400, "X-Request-ID is missing"},
		{"request id no UUID", header("X-Request-ID", "1234"), nil, 400, "no UUID"},

		{"private address", header("PSU-IP-Address", "192.168.1.1"), nil, 400, "not a public address"},
		{"loopback address", header("PSU-IP-Address", "::1"), nil, 400, "not a public address"},
		{"documentation address", header("PSU-IP-Address", "203.0.113.7"), nil, 400, "not a public address"},
		{"mapped address", header("PSU-IP-Address", "::ffff:81.2.69.160"), nil, 400, "IPv4 address in IPv6"},
		{"no address", header("PSU-IP-Address", "unknown"), nil, 400, "no IP address"},
		{"empty PSU header", psu("PSU-User-Agent", ""), nil, 400, "is empty"},
		{"PSU port", psu("PSU-IP-Port", "70000"), nil, 400, "no port number"},
		{"PSU method", psu("PSU-HTTP-Method", "get"), nil, 400, "none of GET"},
		{"PSU date", psu("PSU-Date", "yesterday"), nil, 400, "no date"},
		{"PSU device", psu("PSU-Device-ID", "1"), nil, 400, "no UUID"},
		{"PSU location", psu("PSU-GEO-Location", "52,13"), nil, 400, "not GEO:latitude;longitude"},
		{"PSU referrer", psu("PSU-Referrer", "x"), nil, 400, "spelled"},
		{"unknown PSU header", psu("PSU-Shoe-Size", "42"), nil, 400, "is not known"},
		{"PSU without address", both(drop("PSU-IP-Address"), unsign("psu-ip-address"), psu("PSU-User-Agent", "x")), nil, 400, "PSU-IP-Address is missing"},

		{"forwarded for", header("X-Forwarded-For", "81.2.69.160"), nil, 400, "X-Forwarded-For must not reach the bank"},
		{"forwarded", header("Forwarded", "for=x"), nil, 400, "Forwarded must not reach the bank"},
		{"via", header("Via", "1.1 caddy"), nil, 400, "Via must not reach the bank"},
		{"real ip", header("X-Real-Ip", "1.1.1.1"), nil, 400, "X-Real-Ip must not reach the bank"},
		{"trace", header("traceparent", "00"), nil, 400, "traceparent must not reach the bank"},
		{"trace state", header("Tracestate", "a"), nil, 400, "Tracestate must not reach the bank"},
		{"baggage", header("Baggage", "a"), nil, 400, "Baggage must not reach the bank"},
		{"cookie", header("Cookie", "a=b"), nil, 400, "Cookie must not reach the bank"},
		{"sidecar", header("Sidecar-Grant", "a"), nil, 400, "Sidecar-Grant must not reach the bank"},
		{"early data", header("Early-Data", "1"), nil, 400, "Early-Data must not reach the bank"},
		{"expect", header("Expect", "100-continue"), nil, 400, "Expect must not reach the bank"},
		{"fallback", header("fallback", "1"), nil, 400, "only taken at the token endpoint"},

		{"two dates", nil, again("Date", "x"), 400, "Date is there more than once"},
		{"two digests", nil, again("Digest", "x"), 400, "Digest is there more than once"},
		{"two signatures", nil, again("Signature", "x"), 400, "Signature is there more than once"},
		{"two tokens", nil, again("Authorization", "x"), 400, "Authorization is there more than once"},

		{"no token", nil, drop("Authorization"), 401, "Authorization is missing"},
		{"Basic", nil, header("Authorization", "Basic abc"), 401, "no Bearer token"},
		{"unknown token", nil, header("Authorization", "Bearer abc"), 401, "unknown or was revoked"},
		{"accept", header("Accept", "text/html"), nil, 406, "Accept allows neither"},
		{"unknown query", func(r *request) { r.target += "?a=1" }, nil, 400, "is not known here"},
		{"unknown entry point", func(r *request) { r.target = "/stet/psd2/v1.4.2/nothing" }, nil, 400, "no such entry point"},
		{"entry point of another version", func(r *request) { r.target = "/stet/psd2/v1/end-user-identity" }, nil, 400, "no such entry point"},
		{"trailing slash", func(r *request) { r.target += "/" }, nil, 400, "no such entry point"},
		{"wrong verb", func(r *request) { r.method = "PUT" }, nil, 405, "POST is expected"},
		{"too large", func(r *request) {
			r.body = `{"a":"` + strings.Repeat("x", maxBody) + `"}`
			r.set("Content-Length", "65544")
			r.set("Digest", digestOf(r.body))
		}, nil, 413, "larger than"},
		{"chunked", func(r *request) {
			r.del("Content-Length")
			r.set("Transfer-Encoding", "chunked")
		}, func(r *request) { r.body = "1\r\na\r\n0\r\n\r\n" }, 411, "send Content-Length"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			w.bank.Reset()
			r := w.stet("POST", fundsPath, body, token)
			if test.change != nil {
				test.change(r)
			}
			r.sign(t)
			if test.tamper != nil {
				test.tamper(r)
			}
			resp := w.send(r)
			w.expect(resp, test.status, test.sentence)
		})
	}
}

// TestReplays: neither a request id nor a signature is taken twice, but a
// request refused with 401 may come again.
func TestReplays(t *testing.T) {
	w := newWorld(t)
	token := w.cardToken("cbpii")
	body := coverage("R", "1.00", "EUR", "FR7613807008043001965405158")
	first := w.stet("POST", fundsPath, body, token)
	w.expect(w.signAndSend(first), 200, "")
	w.expect(w.send(first), 400, "without being signed anew")

	second := w.stet("POST", fundsPath, body+" ", token)
	second.set("X-Request-ID", strings.ToUpper(first.get("X-Request-ID")))
	w.expect(w.signAndSend(second), 400, "was used before")

	w.bank.ExpireTokens()
	third := w.stet("POST", fundsPath, body, token)
	resp := w.signAndSend(third)
	w.expect(resp, 401, "unknown or was revoked")
	if resp.header.Get("WWW-Authenticate") == "" {
		t.Error("401 without WWW-Authenticate")
	}
	third.set("Authorization", "Bearer "+w.cardToken("cbpii"))
	w.expect(w.send(third), 200, "")
}

// TestRawBytesCount: what net/http would repair is seen.
func TestRawBytesCount(t *testing.T) {
	w := newWorld(t)
	r := w.stet("POST", fundsPath, coverage("R", "1.00", "EUR", "FR7613807008043001965405158"), w.cardToken("cbpii"))
	r.sign(t)
	conn := w.dial(w.qwac)
	resp, err := exchange(conn, []byte(strings.Replace(string(r.bytes()), "\r\nDate", "\nDate", 1)), "POST")
	if err != nil {
		t.Fatal(err)
	}
	w.expect(resp, 400, "bare CR, LF or NUL")
	if !strings.Contains(string(w.bank.Last().RawHead), "\nDate: ") {
		t.Errorf("%q", w.bank.Last().RawHead)
	}

	// Inner white space and letter case of values are part of what is signed.
	r = w.stet("POST", fundsPath, coverage("R", "1.00", "EUR", "FR7613807008043001965405158"), w.cardToken("cbpii"))
	r.set("PSU-User-Agent", "a  b")
	r.signed = append(r.signed, "psu-user-agent")
	w.expect(w.signAndSend(r), 200, "")
	r = w.stet("POST", fundsPath+"?x=%2f%2F;b=//", r.body, w.cardToken("cbpii"))
	w.signAndSend(r)
	if rec := w.bank.Last(); !rec.SignatureOK || !strings.Contains(rec.SigningString, "post "+fundsPath+"?x=%2f%2F;b=//\n") {
		t.Errorf("%+v", rec)
	}
}

// TestKeepAlive sends several requests, two of them at once, on one connection.
func TestKeepAlive(t *testing.T) {
	w := newWorld(t)
	token := w.cardToken("cbpii")
	conn := w.dial(w.qwac)
	w.bank.Reset()
	for range 3 {
		r := w.stet("POST", fundsPath, coverage("R", "1.00", "EUR", "FR7613807008043001965405158"), token)
		r.sign(t)
		resp, err := exchange(conn, r.bytes(), "POST")
		if err != nil {
			t.Fatal(err)
		}
		w.expect(resp, 200, "")
		head, _, _ := strings.Cut(string(r.bytes()), "{")
		if got := string(w.bank.Last().RawHead); got != head {
			t.Errorf("got %q\nwant %q", got, head)
		}
	}
	if s := w.bank.Stats(); s.Requests != 3 || s.Refused != 0 || s.Operations["funds-confirmations"] != 3 || s.Statuses[200] != 3 {
		t.Errorf("%+v", s)
	}
}
