package sandbox

import (
	"crypto/tls"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const orgID = "PSDFR-ACPR-12345"

var allRoles = []string{"PSP_PI", "PSP_AI", "PSP_IC"}

// pki is what making keys is too slow for to do in every test.
type pki struct {
	ca, otherCA                 *testpki.Authority
	server, qwac, qwac2, qseal  *testpki.Issued
	qsealEC, foreignQWAC        *testpki.Issued
	foreignQSEAL, untrustedSeal *testpki.Issued
	qseal2RSA                   *testpki.Issued // not registered
}

var issuePKI = sync.OnceValues(func() (*pki, error) {
	p := &pki{}
	var err error
	if p.ca, err = testpki.NewAuthority(testpki.AuthorityOptions{OrganizationIdentifier: "VATFR-12345678901"}); err != nil {
		return nil, err
	}
	if p.otherCA, err = testpki.NewAuthority(testpki.AuthorityOptions{CommonName: "Another CA"}); err != nil {
		return nil, err
	}
	seal := func(key, org string) testpki.Profile {
		return testpki.Profile{Kind: testpki.QSEAL, Key: key, OrganizationIdentifier: org, Roles: allRoles, NCAName: "ACPR", NCAID: "FR-ACPR"}
	}
	web := func(org string, roles []string) testpki.Profile {
		return testpki.Profile{Kind: testpki.QWAC, Key: "p256", OrganizationIdentifier: org, Roles: roles, NCAName: "ACPR", NCAID: "FR-ACPR"}
	}
	for _, i := range []struct {
		into *(*testpki.Issued)
		from *testpki.Authority
		p    testpki.Profile
	}{
		{&p.server, p.ca, testpki.Profile{Kind: testpki.Server, Key: "p256", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}},
		{&p.qwac, p.ca, web(orgID, allRoles)},
		{&p.qwac2, p.ca, web(orgID, []string{"PSP_AI"})},
		{&p.qseal, p.ca, seal("rsa2048", orgID)},
		{&p.qsealEC, p.ca, seal("p256", orgID)},
		{&p.qseal2RSA, p.ca, seal("rsa2048", orgID)},
		{&p.foreignQWAC, p.ca, web("PSDFR-ACPR-99999", allRoles)},
		{&p.foreignQSEAL, p.ca, seal("p256", "PSDFR-ACPR-99999")},
		{&p.untrustedSeal, p.otherCA, seal("p256", orgID)},
	} {
		if *i.into, err = i.from.Issue(i.p); err != nil {
			return nil, err
		}
	}
	return p, nil
})

// world is a bank and a TPP.
type world struct {
	*testing.T
	*pki
	bank *Bank
}

func newWorld(t *testing.T, adjust ...func(*Options)) *world {
	t.Helper()
	p, err := issuePKI()
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{ClientCAs: p.ca.Pool(), Certificate: p.server.TLSCertificate()}
	opts.QSEALs = append(opts.QSEALs, p.qseal.Certificate, p.qsealEC.Certificate, p.foreignQSEAL.Certificate, p.untrustedSeal.Certificate)
	for _, f := range adjust {
		f(&opts)
	}
	bank, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := bank.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bank.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{t, p, bank}
}

func (w *world) tlsConfig(client *testpki.Issued, protos ...string) *tls.Config {
	c := &tls.Config{RootCAs: w.ca.Pool(), NextProtos: protos, MinVersion: tls.VersionTLS12}
	if client != nil {
		c.Certificates = []tls.Certificate{client.TLSCertificate()}
	}
	return c
}

// dial opens a TLS connection of HTTP/1.1.
func (w *world) dial(client *testpki.Issued) *tls.Conn {
	w.Helper()
	conn, err := tls.Dial("tcp", w.bank.Addr().String(), w.tlsConfig(client, "http/1.1"))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { conn.Close() })
	return conn
}

func (w *world) send(r *request) response {
	w.Helper()
	return w.sendAs(w.qwac, r)
}

func (w *world) sendAs(client *testpki.Issued, r *request) response {
	w.Helper()
	conn := w.dial(client)
	defer conn.Close()
	resp, err := exchange(conn, r.bytes(), r.method)
	if err != nil {
		w.Fatal(err)
	}
	return resp
}

// signAndSend signs and sends.
func (w *world) signAndSend(r *request) response {
	w.Helper()
	r.sign(w.T)
	return w.send(r)
}

// form posts to the token endpoint.
func (w *world) form(client *testpki.Issued, params url.Values, extra ...[2]string) response {
	w.Helper()
	return w.sendAs(client, w.formRequest("/stet/psd2/oauth/token", params, extra...))
}

func (w *world) formRequest(target string, params url.Values, extra ...[2]string) *request {
	body := params.Encode()
	return &request{method: "POST", target: target, body: body, header: append([][2]string{
		{"Host", w.bank.Addr().String()}, {"Content-Type", "application/x-www-form-urlencoded"},
		{"Content-Length", strconv.Itoa(len(body))}}, extra...)}
}

// cardToken gets a token by client_credentials.
func (w *world) cardToken(scope string) string {
	w.Helper()
	resp := w.form(w.qwac, url.Values{"grant_type": {"client_credentials"}, "client_id": {orgID}, "scope": {scope}})
	if resp.status != 200 {
		w.Fatalf("token: %d %s", resp.status, resp.body)
	}
	return resp.json(w.T)["access_token"].(string)
}

const callback = "https://tpp.example/cb?x=1"

// authorize gets a code for a persona.
func (w *world) code(scope, login string) string {
	w.Helper()
	q := url.Values{"response_type": {"code"}, "client_id": {orgID}, "redirect_uri": {callback}, "scope": {scope}, "state": {"s1"}, "login": {login}}
	resp := w.send(&request{method: "GET", target: "/stet/psd2/oauth/authorize?" + q.Encode(),
		header: [][2]string{{"Host", w.bank.Addr().String()}}})
	to, err := url.Parse(resp.header.Get("Location"))
	if resp.status != 302 || err != nil || to.Query().Get("state") != "s1" || to.Query().Get("x") != "1" {
		w.Fatalf("authorize: %d %q %s", resp.status, resp.header.Get("Location"), resp.body)
	}
	return to.Query().Get("code")
}

// psuToken goes through the code flow.
func (w *world) psuToken(scope, login string) (access, refresh string) {
	w.Helper()
	resp := w.form(w.qwac, url.Values{"grant_type": {"authorization_code"}, "code": {w.code(scope, login)},
		"redirect_uri": {callback}, "client_id": {orgID}})
	if resp.status != 200 {
		w.Fatalf("code exchange: %d %s", resp.status, resp.body)
	}
	v := resp.json(w.T)
	return v["access_token"].(string), v["refresh_token"].(string)
}

// expect checks the status and that some problem recorded holds the text.
func (w *world) expect(resp response, status int, sentence string) {
	w.Helper()
	rec := w.bank.Last()
	if resp.status != status {
		w.Errorf("status %d, want %d: %s", resp.status, status, resp.body)
	}
	if sentence == "" {
		if len(rec.Problems) > 0 {
			w.Errorf("problems: %q", rec.Problems)
		}
		return
	}
	if !strings.Contains(strings.Join(rec.Problems, "\n"), sentence) {
		w.Errorf("problems %q do not hold %q", rec.Problems, sentence)
	}
	if !strings.Contains(resp.body, strings.Split(sentence, `"`)[0]) {
		w.Errorf("the answer does not hold %q: %s", sentence, resp.body)
	}
}
