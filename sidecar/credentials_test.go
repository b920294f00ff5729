package sidecar_test

import (
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// systemPolicy is a system that wants no signature and no certificate.
func systemPolicy(token, headers string) profiles.Overrides {
	return profiles.Overrides{ClientCertificate: "none", Signature: []byte(unsigned), Token: []byte(token), Headers: []byte(headers)}
}

// refuseOnce answers 401 to the first call, and 200 afterwards.
func refuseOnce(conn *tls.Conn, r *rawRequest, nth int) {
	if nth == 1 {
		write(conn, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
		return
	}
	answerOK(conn, r, nth)
}

// client_id and secret go along as they are, the secret as it is now; the body
// is not touched, and nothing is repeated.
func TestBasic(t *testing.T) {
	b := newRawBank(t, asking, answerOK)
	secret := "AFju9XHplQzvamffO72L"
	r := b.toward(t, options{overrides: systemPolicy(`{"grant":"basic"}`, `{"allow":["SOAPAction"]}`), config: func(c *sidecar.Config) {
		nobody(c)
		c.ClientID = "111111111"
		c.ClientSecret = func() (string, error) {
			if secret == "" {
				return "", errors.New("no such file")
			}
			return secret, nil
		}
	}})
	const soap = "<?xml version=\"1.0\"?>\n<s:Envelope  xmlns:s='x'>\r\n\t<a/> &#10;</s:Envelope>"
	if a := r.call("POST", "/services/DirectPaymentAPI", soap, "SOAPAction", `"doRefund"`, "Content-Type", "text/xml"); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	last := b.last(t)
	wantLine(t, last.head, "Authorization: Basic MTExMTExMTExOkFGanU5WEhwbFF6dmFtZmZPNzJM")
	wantLine(t, last.head, `SOAPAction: "doRefund"`)
	if string(last.body) != soap || last.serial != "" {
		t.Errorf("body %q, certificate %q", last.body, last.serial)
	}
	secret = "other"
	r.call("GET", "/x", "")
	wantLine(t, b.last(t).head, "Authorization: Basic MTExMTExMTExOm90aGVy")
	n := len(b.received())
	for _, secret = range []string{"", "line\nend"} {
		a := r.call("POST", "/x", "{}")
		r.refused(a, sidecar.CodeSecretUnreadable)
		if strings.Contains(a.body, "line") || !strings.Contains(a.body, "client_secret") {
			t.Error(a.body)
		}
	}
	secret = "s"
	r.refused(r.call("POST", "/x", "{}", "Authorization", "Basic bWluZTptaW5l"), sidecar.CodeAuthorizationRefused)
	if got := len(b.received()); got != n {
		t.Errorf("the bank received %d requests more", got-n)
	}
}

// A payment is never sent twice because of an answer, whichever it is.
func TestBasicIsNeverRepeated(t *testing.T) {
	for _, status := range []string{"401 Unauthorized", "403 Forbidden", "408 Request Timeout", "425 Too Early", "429 Too Many Requests",
		"500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"} {
		b := newRawBank(t, asking, func(conn *tls.Conn, _ *rawRequest, _ int) {
			write(conn, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n")
		})
		r := b.toward(t, options{overrides: systemPolicy(`{"grant":"basic"}`, `{}`), config: func(c *sidecar.Config) {
			nobody(c)
			c.ClientID, c.ClientSecret = "a", func() (string, error) { return "b", nil }
		}})
		a := r.call("POST", "/services/DirectPaymentAPI", "<doRefund/>", "Idempotency-Key", "k")
		if !strings.HasPrefix(status, strconv.Itoa(a.status)) || a.header.Get(sidecar.ErrorHeader) != "" || len(b.received()) != 1 {
			t.Errorf("%s: the app got %d, the bank received %d requests", status, a.status, len(b.received()))
		}
	}
}

func TestBasicIncomplete(t *testing.T) {
	r := newRig(t, options{})
	secret := func(c *sidecar.Config) { c.ClientSecret = func() (string, error) { return "s", nil } }
	for want, change := range map[string]func(*sidecar.Config){
		"set client_secret": func(c *sidecar.Config) { nobody(c); c.ClientID = "a" },
		"a colon":           func(c *sidecar.Config) { nobody(c); secret(c); c.ClientID = "a:b" },
		"needs a client_id": func(c *sidecar.Config) { nobody(c); secret(c) },
	} {
		_, err := r.newASPSP(options{overrides: systemPolicy(`{"grant":"basic"}`, `{}`), config: change})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "aspsp bank") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// A JWT of our own goes along as Bearer, the same one until it ends, and after a
// 401 the call is the app's to repeat.
func TestOwnJWT(t *testing.T) {
	b := newRawBank(t, asking, refuseOnce)
	key := firstTPP().qseal.Key
	r := b.toward(t, options{
		overrides: systemPolicy(`{"grant":"jwt","endpoint":null,"no_repeat":true,"jwt":{"algorithm":"RS256","key_id":"k-1","lifetime":"2m",
			"claims":{"iss":"{client_id}","aud":"{audience}","exp":"{expires}","jti":"{uuid}"}}}`, `{"set":{"merchant_id":"m-1","merchant_key":"{secret}"}}`),
		config: func(c *sidecar.Config) {
			nobody(c)
			c.ClientID, c.ClientKey = "merchant", key
			c.ResolveSecret = func(value string) (string, error) {
				return strings.ReplaceAll(value, "{secret}", "key-of-merchant"), nil
			}
		},
	})
	if a := r.call("POST", "/v1/merchants", `{"cnpj":"1"}`); a.status != 401 || a.header.Get(sidecar.ErrorHeader) != "" || len(b.received()) != 1 {
		t.Fatalf("%d %s, the bank received %d", a.status, a.body, len(b.received()))
	}
	var sent []string
	for range 2 {
		if a := r.call("POST", "/v1/merchants", `{"cnpj":"1"}`); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	for _, request := range b.received() {
		wantLine(t, request.head, "merchant_id: m-1")
		wantLine(t, request.head, "merchant_key: key-of-merchant")
		token, _ := strings.CutPrefix(lineOf(t, request.head, "Authorization"), "Bearer ")
		parsed, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		payload, err := parsed.Verify(key.Public().(*rsa.PublicKey))
		if err != nil || !strings.Contains(string(payload), `"iss":"merchant"`) || !strings.Contains(string(payload), `"aud":"`+b.url()+`/base"`) ||
			parsed.Signatures[0].Protected.KeyID != "k-1" {
			t.Errorf("%s %v", payload, err)
		}
		sent = append(sent, token)
	}
	if sent[0] == sent[1] || sent[1] != sent[2] {
		t.Error("after the 401 a new JWT is made, and used again")
	}
	if r.aspsp.Client() != nil {
		t.Error("grants could be kept without a token endpoint")
	}
	_, err := r.newASPSP(options{overrides: systemPolicy(`{"grant":"jwt"}`, `{}`), config: nobody})
	if err == nil || !strings.Contains(err.Error(), "set client_key") {
		t.Errorf("without a key: %v", err)
	}
}

// Without no_repeat a 401 is followed by one try with a new token, as elsewhere.
func TestOwnJWTRepeated(t *testing.T) {
	b := newRawBank(t, asking, refuseOnce)
	r := b.toward(t, options{overrides: profiles.Overrides{ClientCertificate: "none", Token: []byte(`{"grant":"jwt","jwt":{"claims":{"jti":"{uuid}"}}}`)}})
	if a := r.call("POST", "/x", `{}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	all := b.received()
	if len(all) != 2 || lineOf(t, all[0].head, "Authorization") == lineOf(t, all[1].head, "Authorization") {
		t.Errorf("%d requests", len(all))
	}
}

// The token goes into a header of its own, bare, in its spelling; the app's
// never does.
func TestTokenInItsOwnHeader(t *testing.T) {
	b := newRawBank(t, asking, func(conn *tls.Conn, r *rawRequest, nth int) {
		if r.URL.Path == "/token" {
			write(conn, answerWith(`{"access_token":"t-1","token_type":"Bearer","expires_in":3600}`))
			return
		}
		answerOK(conn, r, nth)
	})
	for token, headers := range map[string][]string{
		`{"endpoint":"/token","header":"x_token"}`:                  nil,
		`{"grant":"none","from_app":true,"header":"x_token"}`:       {"X_Token", "t-1"},
		`{"endpoint":"/token","header":"x_token","from_app":true}`:  {"X_TOKEN", " t-1 "},
		`{"endpoint":"/token","header":"x_token","no_repeat":true}`: nil,
	} {
		for _, pass := range []bool{false, true} {
			r := b.toward(t, options{overrides: systemPolicy(token, `{"allow":["x_*"]}`), config: func(c *sidecar.Config) { c.ClientID = "me" }})
			r.passHeaders = pass
			if a := r.call("POST", "/x", "{}", headers...); a.status != 200 {
				t.Fatalf("%s: %d %s", token, a.status, a.body)
			}
			head := b.last(t).head
			if got := lineOf(t, head, "x_token"); got != "t-1" {
				t.Errorf("%s: %q", token, got)
			}
			wantNo(t, head, "Authorization")
			n := len(b.received())
			r.refused(r.call("POST", "/x", "{}", "Authorization", "Bearer mine"), sidecar.CodeAuthorizationRefused)
			if headers == nil {
				r.refused(r.call("POST", "/x", "{}", "x_token", "mine"), sidecar.CodeAuthorizationRefused)
			}
			if len(b.received()) != n {
				t.Errorf("%s: a refused call was sent", token)
			}
		}
	}
}

// The schema refuses what would write one header twice.
func TestTokenHeaderConflicts(t *testing.T) {
	r := newRig(t, options{})
	for want, o := range map[string]profiles.Overrides{
		"psu.names, token.header":         {Token: []byte(`{"header":"X-T"}`), Headers: []byte(`{"allow":["x-t"]}`)},
		"is also in psu.names":            {Token: []byte(`{"header":"X-T"}`), PSU: []byte(`{"names":{"PSU-IP-Address":"x-t"}}`)},
		`token.header: "Digest"`:          {Token: []byte(`{"header":"Digest"}`)},
		`psu.names: "X-Forwarded-For"`:    {PSU: []byte(`{"names":{"PSU-IP-Address":"X-Forwarded-For"}}`)},
		"where signature.container puts":  {Token: []byte(`{"grant":"basic"}`), Signature: []byte(`{"container":"authorization"}`)},
		"also signature.certificate.head": {Token: []byte(`{"header":"X-C"}`), Signature: []byte(`{"certificate":{"header":"x-c"}}`)},
	} {
		if _, err := r.aspsp.Config().Profile.With(o); !errors.Is(err, profiles.ErrProfile) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
