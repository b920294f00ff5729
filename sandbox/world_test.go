package sandbox

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
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

// request is a request to be written by hand, so that nothing is normalised.
type request struct {
	method, target string
	header         [][2]string
	body           string
	signed         []string
	sealedBy       *testpki.Issued
	keyID          string
	algorithm      string
}

func (r *request) set(name, value string) {
	for i := range r.header {
		if strings.EqualFold(r.header[i][0], name) {
			r.header[i][1] = value
			return
		}
	}
	r.header = append(r.header, [2]string{name, value})
}

func (r *request) del(name string) {
	kept := r.header[:0:0]
	for _, h := range r.header {
		if !strings.EqualFold(h[0], name) {
			kept = append(kept, h)
		}
	}
	r.header = kept
}

func (r *request) get(name string) string {
	for _, h := range r.header {
		if strings.EqualFold(h[0], name) {
			return h[1]
		}
	}
	return ""
}

func digestOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return "SHA-256=" + base64.StdEncoding.EncodeToString(sum[:])
}

// stet prepares a complete, unsigned request.
func (w *world) stet(method, target, body, token string) *request {
	r := &request{method: method, target: target, body: body, sealedBy: w.qseal, algorithm: "rsa-sha256"}
	r.set("Host", w.bank.Addr().String())
	r.set("Authorization", "Bearer "+token)
	r.set("Date", w.bank.now().UTC().Format(http.TimeFormat))
	r.set("X-Request-ID", uuid.NewString())
	r.set("PSU-IP-Address", "81.2.69.160")
	r.signed = []string{"(request-target)", "date", "x-request-id", "psu-ip-address"}
	if body != "" {
		r.set("Content-Type", "application/json")
		r.set("Digest", digestOf(body))
		r.set("Content-Length", strconv.Itoa(len(body)))
		r.signed = append(r.signed, "digest", "content-type")
	}
	r.keyID = serialIssuer(w.T, w.qseal)
	return r
}

// serialIssuer is written with a fixed text, not with the code under test.
func serialIssuer(t *testing.T, i *testpki.Issued) string {
	t.Helper()
	const org = "2.5.4.97=#0c1156415446522d3132333435363738393031"
	return "SN=" + i.Certificate.SerialNumber.Text(16) + ",CA=CN=Test QTSP CA," + org + ",O=Test QTSP,C=FR"
}

// sign adds the Signature header over what the request holds now.
func (r *request) sign(t *testing.T) {
	t.Helper()
	var lines []string
	for _, name := range r.signed {
		if name == "(request-target)" {
			lines = append(lines, name+": "+strings.ToLower(r.method)+" "+r.target)
		} else {
			lines = append(lines, name+": "+r.get(name))
		}
	}
	text := []byte(strings.Join(lines, "\n"))
	hash, sum := crypto.SHA256, sha256.Sum256(text)
	digest := sum[:]
	if strings.HasSuffix(r.algorithm, "512") {
		wide := sha512.Sum512(text)
		hash, digest = crypto.SHA512, wide[:]
	}
	sig, err := r.sealedBy.Key.Sign(rand.Reader, digest, hash)
	if err != nil {
		t.Fatal(err)
	}
	r.set("Signature", `keyId="`+r.keyID+`",algorithm="`+r.algorithm+`",headers="`+strings.Join(r.signed, " ")+
		`",signature="`+base64.StdEncoding.EncodeToString(sig)+`"`)
}

func (r *request) bytes() []byte {
	var b bytes.Buffer
	b.WriteString(r.method + " " + r.target + " HTTP/1.1\r\n")
	for _, h := range r.header {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	b.WriteString("\r\n" + r.body)
	return b.Bytes()
}

// response is an answer read to its end.
type response struct {
	status int
	header http.Header
	body   string
	closes bool // the bank closes the connection
}

func (r response) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("answer is no JSON object: %v: %s", err, r.body)
	}
	return v
}

// exchange writes a request on a connection and reads the answer.
func exchange(conn net.Conn, raw []byte, method string) (response, error) {
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return response{}, err
	}
	if _, err := conn.Write(raw); err != nil {
		return response{}, err
	}
	reader := bufio.NewReader(conn)
	resp, err := http.ReadResponse(reader, &http.Request{Method: method})
	for err == nil && resp.StatusCode == http.StatusContinue {
		resp, err = http.ReadResponse(reader, &http.Request{Method: method})
	}
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, resp.Header, string(body), resp.Close}, err
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
	body := params.Encode()
	r := &request{method: "POST", target: "/stet/psd2/oauth/token", body: body, header: append([][2]string{
		{"Host", w.bank.Addr().String()}, {"Content-Type", "application/x-www-form-urlencoded"},
		{"Content-Length", strconv.Itoa(len(body))}}, extra...)}
	return w.sendAs(client, r)
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
