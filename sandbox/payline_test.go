package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"html"
	"strconv"
	"strings"
	"testing"
)

const (
	paylineID  = "111111111"
	paylineKey = "AFju9XHplQzvamffO72L"
	// The worked example of Payline's documentation.
	paylineBasic = "Basic MTExMTExMTExOkFGanU5WEhwbFF6dmFtZmZPNzJM"
)

// newShopWorld is a bank with a merchant of each kind.
func newShopWorld(t *testing.T, adjust ...func(*Options)) *world {
	t.Helper()
	return newWorld(t, append([]func(*Options){func(o *Options) {
		o.Shops.CertificateOptional = true
		o.Shops.Payline = []PaylineMerchant{{ID: paylineID, AccessKey: paylineKey, Organization: orgID}}
	}}, adjust...)...)
}

// soapBody is a request as clients of SOAP write them.
func soapBody(operation, content string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ns1="http://obj.ws.payline.experian.com"` +
		` xmlns:ns2="http://impl.ws.payline.experian.com"><SOAP-ENV:Body><ns2:` + operation + `Request>` + content +
		`</ns2:` + operation + `Request></SOAP-ENV:Body></SOAP-ENV:Envelope>`
}

func webPayment(cents int) string {
	return soapBody("doWebPayment", `<ns2:version>26</ns2:version><ns2:payment><ns1:amount>`+strconv.Itoa(cents)+
		`</ns1:amount><ns1:currency>978</ns1:currency><ns1:action>101</ns1:action><ns1:mode>CPT</ns1:mode></ns2:payment>`+
		`<ns2:returnURL>https://shop.example/r</ns2:returnURL><ns2:cancelURL>https://shop.example/c</ns2:cancelURL>`+
		`<ns2:order><ns1:ref>café-1</ns1:ref></ns2:order>`)
}

func refund(transaction string, cents int) string {
	return soapBody("doRefund", `<ns2:transactionID>`+transaction+`</ns2:transactionID><ns2:payment><ns1:amount>`+
		strconv.Itoa(cents)+`</ns1:amount></ns2:payment><ns2:comment> two  spaces `+"\r\n\t"+`</ns2:comment>`)
}

// payline prepares a request to a service.
func (w *world) payline(service, operation, body string) *request {
	r := &request{method: "POST", target: "/payline/V4/services/" + service, body: body}
	r.set("Host", w.bank.Addr().String())
	r.set("Authorization", paylineBasic)
	r.set("Content-Type", "text/xml; charset=utf-8")
	r.set("SOAPAction", `"`+operation+`"`)
	r.set("Content-Length", strconv.Itoa(len(body)))
	return r
}

// soap sends a request without a certificate, and wants the result code.
func (w *world) soap(r *request, code string) response {
	w.Helper()
	resp := w.sendAs(nil, r)
	w.expect(resp, 200, "")
	if got := element(resp.body, "obj:code"); got != code {
		w.Errorf("code %s, want %s: %s", got, code, resp.body)
	}
	if err := xml.Unmarshal([]byte(resp.body), new(struct{ XMLName xml.Name })); err != nil {
		w.Errorf("%v: %s", err, resp.body)
	}
	return resp
}

// element is the text of the first element of that name.
func element(text, name string) string {
	_, rest, _ := strings.Cut(text, "<"+name+">")
	value, _, _ := strings.Cut(rest, "</"+name+">")
	return html.UnescapeString(value)
}

// bought opens a payment and gives what was paid, and how.
func (w *world) bought(cents int) response {
	w.Helper()
	token := element(w.soap(w.payline("WebPaymentAPI", "doWebPayment", webPayment(cents)), "00000").body, "token")
	body := soapBody("getWebPaymentDetails", "<ns2:token>"+token+"</ns2:token>")
	resp := w.sendAs(nil, w.payline("WebPaymentAPI", "getWebPaymentDetails", body))
	w.expect(resp, 200, "")
	return resp
}

func TestPaylineGiftCard(t *testing.T) {
	w := newShopWorld(t)
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte(paylineID+":"+paylineKey)); paylineBasic != want {
		t.Fatal(want)
	}
	details := w.bought(6250)
	var cards [][]struct {
		PAN                                         string
		InitialBalance, FinalBalance, PaymentAmount string
	}
	if err := json.Unmarshal([]byte(element(details.body, "obj:partnerAdditionalData")), &cards); err != nil ||
		len(cards) != 1 || len(cards[0]) != 1 || cards[0][0].InitialBalance != "50.00" || cards[0][0].FinalBalance != "0.00" ||
		cards[0][0].PaymentAmount != "50.00" || !strings.Contains(cards[0][0].PAN, "*") {
		t.Fatalf("%v %+v: %s", err, cards, details.body)
	}
	_, additional, _ := strings.Cut(details.body, "<paymentAdditionalList>")
	if element(additional, "obj:amount") != "1250" {
		t.Error(details.body)
	}
	gift, rest := element(details.body, "obj:id"), element(additional, "obj:id")
	body := soapBody("getTransactionDetails", "<ns2:transactionId>"+gift+"</ns2:transactionId>")
	if resp := w.soap(w.payline("ExtendedAPI", "getTransactionDetails", body), "00000"); !strings.Contains(resp.body, "partnerAdditionalData") {
		t.Error(resp.body)
	}
	body = soapBody("getTransactionDetails", "<ns2:transactionId>"+rest+"</ns2:transactionId>")
	if resp := w.soap(w.payline("ExtendedAPI", "getTransactionDetails", body), "00000"); strings.Contains(resp.body, "partnerAdditionalData") {
		t.Error(resp.body)
	}
	// Whichever is named, the answer names what was not paid with the card.
	for _, transaction := range []string{gift, rest} {
		resp := w.soap(w.payline("DirectPaymentAPI", "doRefund", refund(transaction, 600)), "00000")
		if got := element(resp.body, "obj:id"); got != rest {
			t.Errorf("the refund names %s, not %s", got, rest)
		}
	}
	w.soap(w.payline("DirectPaymentAPI", "doRefund", refund(rest, 51)), "02703")
	if got := w.bank.Stats().Operations; got["doRefund"] != 3 || got["doWebPayment"] != 1 || got["getTransactionDetails"] != 2 {
		t.Error(got)
	}
}

func TestPaylineResults(t *testing.T) {
	w := newShopWorld(t)
	for cents, want := range map[int]string{5000: "00000", 100_000: "00000", 100_001: "02610", 2998: "02998"} {
		if resp := w.bought(cents); element(resp.body, "obj:code") != want {
			t.Errorf("%d: %s", cents, resp.body)
		}
	}
	gift := element(w.bought(4999).body, "obj:id")
	w.soap(w.payline("DirectPaymentAPI", "doRefund", refund(gift, 1)), "02703")
}

func TestPaylineRefusals(t *testing.T) {
	w := newShopWorld(t)
	tests := []struct {
		name, sentence string
		status         int
		change         func(*request)
	}{
		{"no Authorization", "the header Authorization is missing", 401, func(r *request) { r.del("Authorization") }},
		{"Bearer", "is not Basic with merchantID:accessKey", 401, func(r *request) { r.set("Authorization", "Bearer x") }},
		{"form-encoded", "the accessKey is wrong", 401, func(r *request) {
			r.set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(paylineID+":"+paylineKey+"%20")))
		}},
		{"no SOAPAction", "SOAPAction is missing", 400, func(r *request) { r.del("SOAPAction") }},
		{"another SOAPAction", "SOAPAction is not", 400, func(r *request) { r.set("SOAPAction", `"doRefund"`) }},
		{"bare SOAPAction", "in quotation marks", 400, func(r *request) { r.set("SOAPAction", "doWebPayment") }},
		{"another service", "ExtendedAPI does not offer this operation", 400, func(r *request) { r.target = "/payline/V4/services/ExtendedAPI" }},
		{"no service", "there is no such resource", 404, func(r *request) { r.target = "/payline/V4/services/Other" }},
		{"JSON", "Content-Type is not text/xml", 415, func(r *request) { r.set("Content-Type", "application/json") }},
		{"GET", "POST is expected", 405, func(r *request) { r.method = "GET" }},
		{"query", "a query is not known here", 400, func(r *request) { r.target += "?wsdl" }},
		{"Digest", "belongs to PSD2 APIs", 400, func(r *request) { r.set("Digest", digestOf(r.body)) }},
		{"PSU header", "belongs to PSD2 APIs", 400, func(r *request) { r.set("PSU-IP-Address", "81.2.69.160") }},
		{"leak", "must not reach the bank", 400, func(r *request) { r.set("X-Forwarded-For", "10.0.0.1") }},
		{"certificates' path", "no client certificate was presented", 403, func(r *request) {
			r.target = "/payline-cc/V4/services/WebPaymentAPI"
			r.del("Authorization")
		}},
		{"Authorization there", "must not be sent to the hosts for client certificates", 400, func(r *request) {
			r.target = "/payline-cc/V4/services/WebPaymentAPI"
		}},
		{"amount", "payment/amount", 400, func(r *request) { r.setBody(webPayment(0)) }},
		{"currency", "payment/currency", 400, func(r *request) { r.setBody(strings.Replace(r.body, "978", "840", 1)) }},
		{"mode", "101 and CPT", 400, func(r *request) { r.setBody(strings.Replace(r.body, "CPT", "NX", 1)) }},
		{"order", "order/ref is missing", 400, func(r *request) { r.setBody(strings.Replace(r.body, "café-1", "", 1)) }},
		{"no XML", "the XML is malformed", 400, func(r *request) { r.setBody("{}<") }},
		{"Latin 1", "not in UTF-8", 400, func(r *request) { r.setBody(strings.Replace(r.body, "caf\u00e9", "caf\xe9", 1)) }},
		{"DTD", "it has a DTD", 400, func(r *request) { r.setBody(`<!DOCTYPE x>` + r.body) }},
		{"another namespace", "of the namespace http://impl.ws", 400, func(r *request) {
			r.setBody(strings.Replace(r.body, "impl.ws", "other.ws", 1))
		}},
		{"SOAP 1.2", "no Envelope of", 400, func(r *request) {
			r.setBody(strings.Replace(r.body, "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope", 1))
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			r := w.payline("WebPaymentAPI", "doWebPayment", webPayment(100))
			test.change(r)
			resp := w.sendAs(nil, r)
			w.expect(resp, test.status, test.sentence)
			if !strings.Contains(resp.body, "<soapenv:Fault>") || !strings.HasPrefix(resp.header.Get("Content-Type"), "text/xml") {
				t.Errorf("no SOAP fault: %v %s", resp.header, resp.body)
			}
			if want := map[bool]string{true: `Basic realm="Payline"`}[test.status == 401]; resp.header.Get("WWW-Authenticate") != want {
				t.Error(resp.header)
			}
		})
	}
}

// setBody replaces the body and its length.
func (r *request) setBody(body string) {
	r.body = body
	r.set("Content-Length", strconv.Itoa(len(body)))
}

func TestPaylineCertificate(t *testing.T) {
	w := newShopWorld(t)
	r := w.payline("WebPaymentAPI", "doWebPayment", webPayment(100))
	w.expect(w.sendAs(w.qwac, r), 400, "a client certificate was presented to a host that has no use for it")
	r.target = "/payline-cc/V4/services/WebPaymentAPI"
	r.del("Authorization")
	resp := w.sendAs(w.qwac, r)
	w.expect(resp, 200, "")
	if element(resp.body, "obj:code") != "00000" || w.bank.Last().Operation != "doWebPayment" {
		t.Errorf("%s %+v", resp.body, w.bank.Last())
	}
	w.expect(w.sendAs(w.foreignQWAC, r), 403, "of no registered merchant")
}

// TestPaylineBody: the record has the body as it came.
func TestPaylineBody(t *testing.T) {
	w := newShopWorld(t)
	gift := element(w.bought(6000).body, "obj:id")
	body := refund(gift, 100)
	w.soap(w.payline("DirectPaymentAPI", "doRefund", body), "00000")
	if got := string(w.bank.Last().Body); got != body {
		t.Errorf("got %q, want %q", got, body)
	}
}

// TestRefundTwice: a refund that comes again is a problem, whatever became of
// the first, unless that was asked for with a 401.
func TestRefundTwice(t *testing.T) {
	for name, fault := range map[string]Fault{
		"answered": {}, "503": {Status: 503, Next: 1}, "503 afterwards": {Status: 503, Next: 1, Processed: true},
		"dropped": {Reset: ResetAfter, Next: 1}, "never read": {Reset: ResetBefore, Next: 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newShopWorld(t)
			gift := element(w.bought(6000).body, "obj:id")
			w.bank.Reset()
			w.fault(fault)
			r := w.payline("DirectPaymentAPI", "doRefund", refund(gift, 100))
			// What becomes of it is up to the fault.
			_, _ = exchange(w.dial(nil), r.bytes(), "POST")
			if s := w.bank.Stats(); s.Repeated != 0 || s.Operations["doRefund"] != 1 {
				t.Fatalf("%+v", s)
			}
			w.expect(w.sendAs(nil, r), 409, "this doRefund was received before")
			if s := w.bank.Stats(); s.Repeated != 1 || !w.bank.Last().Repeated || s.Operations["doRefund"] != 2 {
				t.Errorf("%+v", s)
			}
			w.soap(w.payline("DirectPaymentAPI", "doRefund", refund(gift, 101)), "00000")
		})
	}
	w := newShopWorld(t)
	gift := element(w.bought(6000).body, "obj:id")
	w.fault(Fault{Status: 401, Next: 1})
	r := w.payline("DirectPaymentAPI", "doRefund", refund(gift, 100))
	if resp := w.sendAs(nil, r); resp.status != 401 {
		t.Error(resp)
	}
	w.soap(r, "00000")
}

// FuzzSOAP: whatever is read has an operation, and nothing panics.
func FuzzSOAP(f *testing.F) {
	f.Add([]byte(webPayment(100)))
	f.Add([]byte(refund("C1", 1)))
	f.Add([]byte(`<a xmlns="http://schemas.xmlsoap.org/soap/envelope/"/>`))
	f.Add([]byte(`<!DOCTYPE a><Envelope/>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := parseSOAP(body)
		if (s == nil) == (err == nil) || (s != nil && s.operation == "") {
			t.Errorf("%+v %v", s, err)
		}
	})
}
