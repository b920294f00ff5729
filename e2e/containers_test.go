package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// kid is the name that the TPP has registered its QSEAL under.
const kid = "90210ABAD"

// bankOf is a bank in the configuration: an aspsp, and the proxy to it below
// its own name.
type bankOf struct {
	name, profile, base string
	config              string // in the aspsp
}

// serve gives the parts for these banks.
func (w *world) serve(banks ...bankOf) parts {
	var p parts
	for _, b := range banks {
		p.tpp += fmt.Sprintf("aspsp %s {\nprofile %s\nbase_url %s%s\nidentity acme\ntrust_pool %q\n%s\n}\n",
			b.name, b.profile, w.network.url(), b.base, w.file("bank-ca.pem"), b.config)
		p.site += fmt.Sprintf("tpp_proxy /%[1]s/* %[1]s {\nstrip_prefix /%[1]s\n}\n", b.name)
	}
	return p
}

// fromApp lets the application bring its token; named gives the key's name.
const (
	fromApp = "token {\ngrant none\nfrom_app\n}\n"
	named   = "signature {\nkey_id {\nform literal\nvalue " + kid + "\n}\n}\n"
)

// direct calls the bank as a TPP without a sidecar does.
func (w *world) direct(method, path string, form url.Values) (status int, body string) {
	w.t.Helper()
	p, err := issued()
	check(w.t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12,
		RootCAs: p.authority.Pool(), Certificates: []tls.Certificate{p.qwac.TLSCertificate()}}}}
	request, err := http.NewRequest(method, w.bank.URL()+path, strings.NewReader(form.Encode()))
	check(w.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := client.Do(request)
	check(w.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	check(w.t, err)
	return response.StatusCode, string(text)
}

// token fetches one from the bank directly: a PSU's for "aisp".
func (w *world) token(scope string) string {
	w.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {organization}, "scope": {scope}}
	if scope == "aisp" {
		form = url.Values{"grant_type": {"authorization_code"}, "client_id": {organization}, "code": {w.code(w.newPerson())}, "redirect_uri": {callback}}
	}
	status, body := w.direct("POST", "/stet/psd2/oauth/token", form)
	if status != http.StatusOK {
		w.t.Fatalf("%d %s", status, body)
	}
	return field(w.t, body, "access_token")
}

// call is a request of the application.
func (p *process) call(method, path, token, body string, header ...string) answer {
	p.t.Helper()
	request, err := http.NewRequest(method, "http://sidecar"+path, strings.NewReader(body))
	check(p.t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	return do(p.app, request)
}

// received is the bank's record of the last call, in which nothing was wrong.
func (w *world) accepted(t *testing.T, a answer, status int, signed bool) sandbox.Record {
	t.Helper()
	rec := w.bank.Last()
	if a.err != nil || a.status != status || len(rec.Problems) > 0 || rec.SignatureOK != signed {
		t.Fatalf("%v %d %s; the bank says %q of %s", a.err, a.status, a.body, rec.Problems, rec.RawHead)
	}
	return rec
}

const transfer = `{"instructedAmount":{"currency":"EUR","amount":"12.50"},"creditorName":"M",` +
	`"creditorAccount":{"iban":"DE89370400440532013000"}}`

// TestContainers sends calls in every container that is not a Signature header
// alone to a bank that verifies each with code of its own.
func TestContainers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.TokenRules{}, parts{})
	p, err := issued()
	check(t, err)
	check(t, w.bank.Register(sandbox.Client{Organization: organization, Keys: keysNamed(kid, p.qseal.Certificate.PublicKey)}))
	config := w.serve(
		bankOf{"georgia", "georgia", "/georgia/v1", fromApp},
		bankOf{"ing-jws", "ing-jws", "/ing-jws", "token {\ngrant none\nfrom_app\napplication_token off\nclient_id_from_answer off\n}\n"},
		bankOf{"brasil", "open-finance-brasil", "/brasil/open-banking", fromApp + named},
		bankOf{"polish", "polish-api", "/polish/v2.1", fromApp + named},
		bankOf{"rfc9421", "rfc9421", "/rfc9421/v1", fromApp + named},
		bankOf{"unencoded", "obie/unencoded", "/obie-unencoded/open-banking/v3.1", "scope payments\ntoken_endpoint /obie/token\n" + named},
	)
	sidecar := w.start("containers", func(p *parts) { p.tpp, p.site = config.tpp, config.site })
	aisp, pisp := w.token("aisp"), w.token("pisp")

	for _, bank := range []string{"georgia", "ing-jws", "rfc9421"} {
		t.Run(bank, func(t *testing.T) {
			rec := w.accepted(t, sidecar.call("GET", "/"+bank+"/accounts?withBalance=true", aisp, "", "PSU-IP-Address", "81.2.69.160", "Consent-ID", "c"), 200, true)
			if !strings.Contains(rec.SigningString, "accounts?withBalance=true") {
				t.Errorf("the query is not signed: %s", rec.SigningString)
			}
			a := sidecar.call("POST", "/"+bank+"/payments/sepa-credit-transfers", pisp, transfer, "PSU-IP-Address", "81.2.69.160")
			if rec := w.accepted(t, a, 201, true); string(rec.Body) != transfer {
				t.Errorf("the body is another one: %s", rec.Body)
			}
		})
	}
	t.Run("brasil", func(t *testing.T) {
		body := `{"data":{"payment":{"amount":"12.50","currency":"BRL"},"note":"a.b"}}`
		a := sidecar.call("POST", "/brasil/payments/v1/pix/payments", pisp, body, "x-idempotency-key", "key-1", "x-fapi-interaction-id", uuid.NewString())
		rec := w.accepted(t, a, 201, true)
		if rec.Header.Get("Content-Type") != "application/jwt" || rec.KeyID != kid || rec.Header.Get("X-Idempotency-Key") != "key-1" {
			t.Errorf("%v", rec.Header)
		}
		if a.header.Get("Content-Type") != "application/jwt" || strings.Count(a.body, ".") != 2 {
			t.Errorf("the answer is not the bank's JWT: %s", a.body)
		}
	})
	t.Run("polish", func(t *testing.T) {
		id, err := uuid.NewUUID()
		check(t, err)
		body := fmt.Sprintf(`{"requestHeader":{"requestId":%q,"userAgent":"x","ipAddress":"81.2.69.160","sendDate":"2026-01-01T10:00:00.000Z","tppId":%q}}`,
			id, organization)
		a := sidecar.call("POST", "/polish/accounts/v2_1.1/getAccounts", aisp, body, "Accept-Language", "pl", "Accept-Encoding", "identity")
		rec := w.accepted(t, a, 200, true)
		if rec.Header.Get("X-Request-Id") != id.String() || !strings.HasSuffix(rec.SigningString, "."+body) {
			t.Errorf("%v %s", rec.Header, rec.SigningString)
		}
	})
	t.Run("unencoded", func(t *testing.T) {
		rec := w.accepted(t, sidecar.call("POST", "/unencoded/pisp/domestic-payment-consents", "", paymentConsent, "x-idempotency-key", "key-2"), 201, true)
		if !strings.HasSuffix(rec.SigningString, "."+paymentConsent) || rec.KeyID != kid {
			t.Errorf("%s", rec.SigningString)
		}
	})
}

// TestContainersOverHTTP2: what is signed is the same where a request has no
// lines, and :authority in the place of Host.
func TestContainersOverHTTP2(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.TokenRules{}, parts{}, func(_ *world, o *sandbox.Options) { o.HTTP2 = true })
	p, err := issued()
	check(t, err)
	check(t, w.bank.Register(sandbox.Client{Organization: organization, Keys: keysNamed(kid, p.qseal.Certificate.PublicKey)}))
	const both = "versions 2\n"
	config := w.serve(bankOf{"georgia", "georgia", "/georgia/v1", fromApp + both}, bankOf{"rfc9421", "rfc9421", "/rfc9421/v1", fromApp + named + both},
		bankOf{"obie", "carrefour", "/obie/open-banking/v3.1", "scope payments\ntoken_endpoint /obie/token\n" + named + both})
	sidecar := w.start("http2", func(p *parts) { p.tpp, p.site = config.tpp, config.site })
	pisp := w.token("pisp")
	for _, bank := range []string{"georgia", "rfc9421"} {
		a := sidecar.call("POST", "/"+bank+"/payments/sepa-credit-transfers", pisp, transfer, "PSU-IP-Address", "81.2.69.160")
		if rec := w.accepted(t, a, http.StatusCreated, true); rec.Proto != "HTTP/2.0" {
			t.Errorf("%s over %s", bank, rec.Proto)
		}
	}
	a := sidecar.call("POST", "/obie/pisp/domestic-payment-consents", "", paymentConsent, "x-idempotency-key", "k")
	if rec := w.accepted(t, a, http.StatusCreated, true); rec.Proto != "HTTP/2.0" {
		t.Errorf("over %s", rec.Proto)
	}
}
