package sandbox

import (
	"crypto/tls"
	"encoding/asn1"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// refusedBy dials with a client certificate and returns the error that the
// client gets, at the latest when it reads.
func (w *world) refusedBy(client *testpki.Issued) error {
	w.Helper()
	config := w.tlsConfig(nil, "http/1.1")
	if client != nil {
		// Sent even if the bank does not name its issuer as acceptable.
		certificate := client.TLSCertificate()
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil }
	}
	conn, err := tls.Dial("tcp", w.bank.Addr().String(), config)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		w.Fatal(err)
	}
	_, err = conn.Read(make([]byte, 1))
	return err
}

func TestHandshakeRefusals(t *testing.T) {
	w := newWorld(t)
	issue := func(from *testpki.Authority, p testpki.Profile) *testpki.Issued {
		t.Helper()
		p.Key = "p256"
		i, err := from.Issue(p)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	web := testpki.Profile{OrganizationIdentifier: orgID, Roles: allRoles, NCAName: "ACPR", NCAID: "FR-ACPR"}
	with := func(change func(*testpki.Profile)) testpki.Profile { p := web; change(&p); return p }
	tests := []struct {
		name, sentence string
		client         *testpki.Issued
	}{
		{"none", "client didn't provide a certificate", nil},
		{"QSEAL", "it is a QSEAL certificate", issue(w.ca, with(func(p *testpki.Profile) {
			p.Kind, p.OmitKeyUsage = testpki.QSEAL, true
		}))},
		{"another CA", "unknown authority", issue(w.otherCA, web)},
		{"expired", "expired", issue(w.ca, with(func(p *testpki.Profile) {
			p.NotBefore, p.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
		}))},
		{"no qcStatements", "no qualified certificate", issue(w.ca, with(func(p *testpki.Profile) { p.QcStatements = []byte{} }))},
		{"no QcType", "QcType is not web", issue(w.ca, with(func(p *testpki.Profile) { p.QcTypes = []asn1.ObjectIdentifier{} }))},
		{"no organizationIdentifier", "no organizationIdentifier", issue(w.ca, with(func(p *testpki.Profile) { p.OrganizationIdentifier = "" }))},
		{"no roles", "no PSD2 roles", issue(w.ca, with(func(p *testpki.Profile) { p.Roles, p.NCAName, p.NCAID = nil, "", "" }))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w.bank.Reset()
			err := w.refusedBy(test.client)
			if err == nil || !strings.Contains(err.Error(), "tls:") {
				t.Errorf("the client saw %v", err)
			}
			// The client may hear of the refusal before it is recorded.
			for deadline := time.Now().Add(5 * time.Second); len(w.bank.Records()) == 0 && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
			rec := w.bank.Last()
			if rec.Proto != "TLS" || !strings.Contains(strings.Join(rec.Problems, ""), test.sentence) {
				t.Errorf("%+v", rec)
			}
			if test.client != nil && (rec.ClientCert == nil || !rec.ClientCert.Equal(test.client.Certificate)) {
				t.Error("the refused certificate is not in the record")
			}
			if s := w.bank.Stats(); s.HandshakeFailures != 1 || s.Connections != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestQWACExpiresOnOpenConnection: a connection does not outlive its certificate.
func TestQWACExpiresOnOpenConnection(t *testing.T) {
	now := newClock()
	w := newWorld(t, func(o *Options) { o.Now = now.Now; o.TokenLifetime = 10 * 365 * 24 * time.Hour })
	token := w.cardToken("cbpii")
	conn := w.dial(w.qwac)
	send := func() response {
		r := w.stet("POST", fundsPath, coverage("R", "1.00", "EUR", "FR7613807008043001965405158"), token)
		r.sign(t)
		resp, err := exchange(conn, r.bytes(), "POST")
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	w.expect(send(), 200, "")
	now.advance(2 * 365 * 24 * time.Hour)
	resp := send()
	w.expect(resp, 403, "outside its period of validity")
	w.expect(resp, 403, "QSEAL certificate is not trusted or not valid now")
}

// TestTLS11IsRefused: TLS 1.2 is the least.
func TestTLS11IsRefused(t *testing.T) {
	w := newWorld(t)
	c := w.tlsConfig(w.qwac)
	c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
	if conn, err := tls.Dial("tcp", w.bank.Addr().String(), c); err == nil {
		conn.Close()
		t.Error("TLS 1.1 was accepted")
	}
}

// TestHTTP2 sends a signed request over h2, and http/1.1 beside it.
func TestHTTP2(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.HTTP2 = true })
	token := w.cardToken("cbpii") // http/1.1, by hand
	transport := &http.Transport{TLSClientConfig: w.tlsConfig(w.qwac), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	for _, body := range []string{coverage("H", "1", "EUR", "FR7613807008043001965405158"), coverage("H", "1", "EUR", "FR76")} {
		r := w.stet("POST", fundsPath, body, token)
		r.signed = append(r.signed, "host")
		r.sign(t)
		req, err := http.NewRequest("POST", w.bank.URL()+fundsPath, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range r.header {
			if h[0] != "Host" {
				req.Header.Set(h[0], h[1])
			}
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		rec := w.bank.Last()
		if err != nil || resp.ProtoMajor != 2 || rec.Proto != "HTTP/2.0" || !rec.SignatureOK || rec.RawHead != nil || rec.ClientCert == nil {
			t.Errorf("%v %s %+v", err, text, rec)
		}
		if want := map[bool]int{true: 200, false: 400}[strings.Contains(body, "5158")]; resp.StatusCode != want {
			t.Errorf("%d %s", resp.StatusCode, text)
		}
	}
	if w.bank.Stats().Connections != 2 {
		t.Errorf("%+v", w.bank.Stats())
	}
}

func TestOptionsAreChecked(t *testing.T) {
	p, err := issuePKI()
	if err != nil {
		t.Fatal(err)
	}
	good := Options{ClientCAs: p.ca.Pool(), Certificate: p.server.TLSCertificate()}
	for name, change := range map[string]func(*Options){
		"ClientCAs":   func(o *Options) { o.ClientCAs = nil },
		"Certificate": func(o *Options) { o.Certificate = tls.Certificate{} },
		"KeyID":       func(o *Options) { o.KeyID = "sn" },
		"qcStatement": func(o *Options) { o.QSEALs = append(o.QSEALs, p.server.Certificate) },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b, err := New(good)
	if err != nil {
		t.Fatal(err)
	}
	if b.AddQSEAL(nil) == nil || b.Addr() != nil || b.URL() != "" {
		t.Error("a bank that does not listen has an address, or took no certificate")
	}
	if err := b.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := b.Start("127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), "serves already") {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}
