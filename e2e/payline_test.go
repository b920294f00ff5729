package e2e

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// The merchant of Payline's documentation.
const paylineID, paylineKey = "111111111", "AFju9XHplQzvamffO72L"

const paylineSites = `
	tpp_proxy /payline/* payline {
		strip_prefix /payline
	}
	tpp_proxy /payline-cc/* payline-cc {
		strip_prefix /payline-cc
	}
`

const paylineBanks = `
		aspsp payline {
			profile payline
			base_url {{BANK}}/payline/V4/services
			client_id ` + paylineID + `
			client_secret {file.{{DIR}}/access-key}
			trust_pool "{{DIR}}/bank-ca.pem"
			connect_timeout 2s
			answer_timeout 2s
		}
		aspsp payline-cc {
			profile payline/certificate
			base_url {{BANK}}/payline-cc/V4/services
			identity acme
			trust_pool "{{DIR}}/bank-ca.pem"
			connect_timeout 2s
			answer_timeout 2s
		}
`

func newPayline(t *testing.T) *shop {
	t.Helper()
	return newShop(t, paylineBanks, paylineSites, func(w *world, o *sandbox.Options) {
		w.keep("access-key", paylineKey)
		// The card's number is masked, and still nobody's business.
		w.secret("639131******4242")
		o.Shops.Payline = []sandbox.PaylineMerchant{{ID: paylineID, AccessKey: paylineKey, Organization: organization}}
	})
}

// soap is an envelope as no serializer would write it: what passes it byte for
// byte has touched nothing.
func soap(operation, content string) string {
	return "\xef\xbb\xbf<?xml version='1.0'  encoding=\"utf-8\" ?>\r\n<!-- für\tdich \u00a0 -->\n" +
		`<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"` + "\r\n\t" +
		`xmlns:i='http://impl.ws.payline.experian.com'   xmlns:o="http://obj.ws.payline.experian.com"><e:Header/>` + "\r\n\r\n" +
		"<e:Body ><i:" + operation + "Request\n>" + content + "<i:comment>&#233;t\u00e9 <![CDATA[ <&> \u20ac ]]>  \t \r\n</i:comment>" +
		"</i:" + operation + "Request ></e:Body>\n</e:Envelope>\r\n \t\n"
}

// soap calls an operation, and wants the bank to get it byte for byte.
func (s *shop) soap(prefix, service, operation, content string) answer {
	s.world.t.Helper()
	body := soap(operation, content)
	a := s.post(prefix+"/"+service, strings.NewReader(body), "Content-Type", "text/xml; charset=utf-8", "SOAPAction", `"`+operation+`"`)
	record := s.bank.Last()
	if string(record.Body) != body || record.Operation != operation {
		s.world.t.Errorf("the bank got %s %q,\nnot %q", record.Operation, record.Body, body)
	}
	if a.err == nil && a.status != 200 {
		s.world.t.Errorf("%s: %d %s", operation, a.status, a.body)
	}
	return a
}

// element is the text of the first element of that name.
func (a answer) element(name string) string {
	_, rest, _ := strings.Cut(a.body, "<"+name+">")
	text, _, _ := strings.Cut(rest, "</"+name+">")
	return html.UnescapeString(text)
}

// pay pays with a gift card and something else, and gives what Payline tells of it.
func (s *shop) pay(prefix string, cents int) answer {
	s.world.t.Helper()
	a := s.soap(prefix, "WebPaymentAPI", "doWebPayment", fmt.Sprintf("<i:payment><o:amount>%d</o:amount><o:currency>978</o:currency>"+
		"<o:action>101</o:action><o:mode>CPT</o:mode></i:payment><i:returnURL>https://shop.example/?a=1&amp;b=2</i:returnURL>"+
		"<i:cancelURL>https://shop.example/no</i:cancelURL><i:order><o:ref>réf-1</o:ref></i:order>", cents))
	return s.soap(prefix, "WebPaymentAPI", "getWebPaymentDetails", "<i:token>"+a.element("token")+"</i:token>")
}

func refund(transaction string, cents int) string {
	return fmt.Sprintf("<i:transactionID>%s</i:transactionID><i:payment><o:amount>%d</o:amount></i:payment>", transaction, cents)
}

// Both ways to call Payline: a payment, what is known of it, and its refund.
func TestPayline(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"/payline", "/payline-cc"} {
		t.Run(prefix[1:], func(t *testing.T) {
			t.Parallel()
			s := newPayline(t)
			details := s.pay(prefix, 6250)
			const card = `[[{"PAN":"639131******4242","initialBalance":"50.00","finalBalance":"0.00","paymentAmount":"50.00"}]]`
			if got := details.element("obj:partnerAdditionalData"); got != card || details.element("obj:code") != "00000" ||
				details.header.Get("Content-Type") != "text/xml; charset=utf-8" {
				t.Errorf("%s in %v %s", got, details.header, details.body)
			}
			gift := details.element("obj:id")
			s.soap(prefix, "ExtendedAPI", "getTransactionDetails", "<i:transactionId>"+gift+"</i:transactionId>")
			for _, test := range []struct {
				cents int
				code  string
			}{{250, "00000"}, {1000, "00000"}, {1, "02703"}} {
				a := s.soap(prefix, "DirectPaymentAPI", "doRefund", refund(gift, test.cents))
				if a.element("obj:code") != test.code {
					t.Errorf("refund of %d: %s", test.cents, a.body)
				}
			}
			s.calmly()
			for _, record := range s.bank.Records() {
				if (record.ClientCert != nil) != (prefix == "/payline-cc") || (record.Header.Get("Authorization") != "") != (prefix == "/payline") {
					t.Errorf("certificate %t, %v", record.ClientCert != nil, record.Header)
				}
			}
		})
	}
}

// A refund is sent once, whatever becomes of it.
func TestPaylineRefundIsNeverRepeated(t *testing.T) {
	t.Parallel()
	s := newPayline(t)
	gift := s.pay("/payline", 6000).element("obj:id")
	cents := 0
	send := func(body io.Reader) answer {
		return s.post("/payline/DirectPaymentAPI", body, "Content-Type", "text/xml; charset=utf-8", "SOAPAction", `"doRefund"`,
			"Idempotency-Key", "1") // for which net/http would send it again
	}
	next := func() io.Reader {
		cents++
		return strings.NewReader(soap("doRefund", refund(gift, cents)))
	}
	s.never("doRefund", func() answer { return send(next()) })
	s.never("doRefund", func() answer { return send(io.MultiReader(next())) }) // without a length
	// Over a connection that was kept and has died unnoticed.
	for range 3 {
		check(t, s.bank.Faults().SetAPI(sandbox.Fault{CloseAfter: 1, Next: 1}))
		s.soap("/payline", "ExtendedAPI", "getTransactionDetails", "<i:transactionId>"+gift+"</i:transactionId>")
		before := s.arrived("doRefund")
		if a := send(next()); a.err != nil || s.arrived("doRefund")-before > 1 {
			t.Errorf("arrived %d times: %+v", s.arrived("doRefund")-before, a)
		}
	}
	if n := s.bank.Stats().Repeated; n != 0 {
		t.Errorf("%d refunds were repeated", n)
	}
	if a := send(next()); !a.ok() || a.element("obj:code") != "00000" {
		t.Errorf("%+v", a)
	}
}

// A body of any bytes passes, and a wrong access key is the bank's to refuse.
func TestPaylineIsPassedOn(t *testing.T) {
	t.Parallel()
	s := newPayline(t)
	body := make([]byte, 0, 4<<10)
	for i := range cap(body) {
		body = append(body, byte(i*7))
	}
	a := s.post("/payline/WebPaymentAPI", bytes.NewReader(body), "Content-Type", "text/xml", "SOAPAction", `"doWebPayment"`)
	if got := s.bank.Last().Body; a.status != 400 || !strings.Contains(a.body, "<soapenv:Fault>") || !bytes.Equal(got, body) {
		t.Errorf("%d %s, of %d bytes %d arrived", a.status, a.body, len(body), len(got))
	}
	s.keep("access-key", "another-key-0123456789")
	a = s.post("/payline/WebPaymentAPI", strings.NewReader(soap("doWebPayment", "")), "Content-Type", "text/xml", "SOAPAction", `"doWebPayment"`)
	if a.status != 401 || a.header.Get("WWW-Authenticate") == "" {
		t.Errorf("%+v", a)
	}
}
