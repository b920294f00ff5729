package sidecar_test

import (
	"crypto/tls"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

// asking lets a bank ask for a client certificate without insisting.
func asking(c *tls.Config) { c.ClientAuth = tls.RequestClientCert }

// nobody takes the identity out of a configuration.
func nobody(c *sidecar.Config) { c.Identity, c.IdentityName = nil, "" }

// answerWith is an answer with a JSON body.
func answerWith(body string) string {
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

const (
	unsigned = `{"container":"none"}`
	openBank = `{"grant":"none","optional":true}`
)

// What the bank sees of a TPP under each client_certificate.
func TestClientCertificate(t *testing.T) {
	shown := firstTPP().qwac.Certificate.SerialNumber.Text(16)
	for name, c := range map[string]struct {
		setting, signature, token string
		config                    func(*sidecar.Config)
		serial                    string
		signed                    bool
	}{
		"required":                       {setting: "required", token: openBank, serial: shown, signed: true},
		"optional, with an identity":     {setting: "optional", signature: unsigned, token: openBank, serial: shown},
		"optional, without one":          {setting: "optional", signature: unsigned, token: openBank, config: nobody},
		"none, without an identity":      {setting: "none", signature: unsigned, token: openBank, config: nobody},
		"none, with one that only signs": {setting: "none", token: openBank, signed: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newRawBank(t, asking, answerOK)
			o := options{config: c.config, overrides: profiles.Overrides{ClientCertificate: c.setting, Token: []byte(c.token)}}
			if c.signature != "" {
				o.overrides.Signature = []byte(c.signature)
			}
			r := b.toward(t, o)
			for range 2 {
				if a := r.call("POST", "/x", `{"a":1}`); a.status != 200 {
					t.Fatalf("%d %s", a.status, a.body)
				}
			}
			last := b.last(t)
			if last.serial != c.serial || string(last.body) != `{"a":1}` {
				t.Errorf("certificate %q, want %q; body %q", last.serial, c.serial, last.body)
			}
			if got := strings.Contains(last.head, "\r\nSignature: "); got != c.signed {
				t.Errorf("signed %t, want %t:\n%s", got, c.signed, last.head)
			}
			wantNo(t, last.head, "Authorization")
			if !c.signed {
				wantNo(t, last.head, "Digest")
			}
			if event := r.lastEvent(); c.config != nil && event.Identity != "" {
				t.Errorf("the event names identity %q", event.Identity)
			}
			if r.aspsp.Client() == nil || r.aspsp.Client().Thumbprint != "" && c.serial == "" {
				t.Error("what grants are kept by does not follow the certificate")
			}
		})
	}
}

// A token that no certificate is shown for is fetched and kept like any other.
func TestTokenWithoutClientCertificate(t *testing.T) {
	b := newRawBank(t, asking, func(conn *tls.Conn, r *rawRequest, _ int) {
		if strings.HasSuffix(r.URL.Path, "/token") {
			write(conn, answerWith(`{"access_token":"t-1","token_type":"Bearer","expires_in":3600}`))
			return
		}
		answerOK(conn, r, 0)
	})
	r := b.toward(t, options{
		overrides: profiles.Overrides{ClientCertificate: "none", Signature: []byte(unsigned),
			Token: []byte(`{"endpoint":"/token","client_auth":"client_secret_post"}`)},
		config: func(c *sidecar.Config) {
			nobody(c)
			c.ClientID, c.ClientSecret = "app-1", func() (string, error) { return "s", nil }
		},
	})
	r.call("GET", "/x", "")
	wantLine(t, b.last(t).head, "Authorization: Bearer t-1")
	if state := r.tokens.Snapshot(); len(state) != 1 || state[0].Identity != "" || state[0].Thumbprint != "" {
		t.Errorf("tokens %+v", state)
	}
}

// What is missing shows in the configuration, with what to write.
func TestNoIdentityIsAConfigError(t *testing.T) {
	r := newRig(t, options{})
	for name, c := range map[string]struct {
		overrides profiles.Overrides
		config    func(*sidecar.Config)
		want      string
	}{
		"required": {profiles.Overrides{Signature: []byte(unsigned), Token: []byte(openBank)}, nobody, "set identity"},
		"signed":   {profiles.Overrides{ClientCertificate: "optional", Token: []byte(openBank)}, nobody, "set identity to one with a qseal"},
		"no client_id": {profiles.Overrides{ClientCertificate: "none", Signature: []byte(unsigned)}, nobody,
			"set client_id"},
	} {
		_, err := r.newASPSP(options{overrides: c.overrides, config: c.config})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "aspsp bank") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := r.aspsp.Config().Profile.With(profiles.Overrides{ClientCertificate: "sometimes"}); err == nil ||
		!strings.Contains(err.Error(), "required, optional, none") {
		t.Errorf("an unknown value: %v", err)
	}
}

// A call that needs no token goes out with a grant's all the same, and a bank's
// 401 is then the application's to see.
func TestOptionalTokenIsNeverMadeUp(t *testing.T) {
	b := newRawBank(t, nil, func(conn *tls.Conn, _ *rawRequest, _ int) {
		write(conn, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
	})
	r := b.toward(t, options{overrides: profiles.Overrides{Token: []byte(openBank)}})
	if a := r.call("POST", "/x", "{}"); a.status != 401 || a.header.Get(sidecar.ErrorHeader) != "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if n := len(b.received()); n != 1 {
		t.Errorf("the bank received %d requests", n)
	}
	r.refused(r.call("GET", "/x", "", "Authorization", "Bearer mine"), sidecar.CodeAuthorizationRefused)
}

// A bank that wants a certificate after all is told apart from one that refuses
// the one it got.
func TestBankInsistsOnACertificate(t *testing.T) {
	b := newRawBank(t, nil, answerOK)
	r := b.toward(t, options{config: nobody, overrides: profiles.Overrides{ClientCertificate: "optional", Signature: []byte(unsigned), Token: []byte(openBank)}})
	a := r.call("POST", "/x", "{}")
	r.refused(a, sidecar.CodeCertificateRefused)
	if !strings.Contains(a.body, "none was shown") || !strings.Contains(a.body, `"reached_bank":"no"`) {
		t.Error(a.body)
	}
}
