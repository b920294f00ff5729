package sandbox

import (
	"crypto/sha512"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// onHeaders prepares a JWS over headers, for ING or, with a chain, Georgia.
func (w *world) onHeaders(target, body, token string, chain bool) *jwsMessage {
	method := "GET"
	if body != "" {
		method = "POST"
	}
	r := &request{method: method, target: target}
	r.set("Host", w.bank.Addr().String())
	r.set("Authorization", "Bearer "+token)
	r.set("X-Request-ID", uuid.NewString())
	r.set("PSU-IP-Address", "81.2.69.160")
	r.set("Digest", digestOf(body))
	m := &jwsMessage{request: r, algorithm: "PS256", by: w.qseal, plain: true, pars: []string{"(request-target)", "host", "x-request-id", "digest", "psu-ip-address"}}
	if body != "" {
		r.json(body)
		m.pars = append(m.pars, "content-type", "content-length")
	}
	m.protected = map[string]any{"b64": false, "crit": []string{"sigT", "sigD", "b64"}, "sigT": w.bank.now().UTC().Format("2006-01-02T15:04:05Z")}
	if chain {
		m.protected["x5c"] = []string{base64.StdEncoding.EncodeToString(w.qseal.Certificate.Raw)}
	} else {
		m.protected["x5t#S256"] = x5t(w.qseal)
	}
	return m
}

// sealed fills sigD in, which the change of a test may have done.
func (m *jwsMessage) sealed(t *testing.T) *request {
	t.Helper()
	if _, there := m.protected["sigD"]; !there {
		m.protected["sigD"] = map[string]any{"pars": m.pars, "mId": "http://uri.etsi.org/19182/HttpHeaders"}
	}
	return m.seal(t)
}

func TestHeadersJWS(t *testing.T) {
	w := newWorld(t)
	aisp, _ := w.psuToken("aisp", marc)
	pisp := w.cardToken("pisp")
	for _, base := range []string{"/georgia/v1/", "/ing-jws/"} {
		chain := base == "/georgia/v1/"
		resp := w.send(w.onHeaders(base+"accounts?withBalance=true", "", aisp, chain).sealed(t))
		w.expect(resp, 200, "")
		if rec := w.bank.Last(); !rec.SignatureOK || rec.KeyID != x5t(w.qseal) || rec.QSEAL == nil ||
			!strings.Contains(rec.SigningString, "(request-target): get "+base+"accounts?withBalance=true\n") {
			t.Errorf("%+v", rec)
		}
		w.expect(w.send(w.onHeaders(base+"payments/sepa-credit-transfers", payment, pisp, chain).sealed(t)), 201, "")
	}
	for _, m := range []*jwsMessage{w.onHeaders("/georgia/v1/accounts", "", aisp, true), w.onHeaders("/georgia/v1/accounts", "", aisp, true)} {
		m.by, m.algorithm = w.qsealEC, "ES256"
		m.protected["x5c"] = []string{base64.StdEncoding.EncodeToString(w.qsealEC.Certificate.Raw)}
		w.expect(w.send(m.sealed(t)), 200, "")
	}
	m := w.onHeaders("/georgia/v1/accounts", "", aisp, true)
	sum := sha512.Sum512(nil)
	m.algorithm = "PS512"
	m.set("Digest", "SHA-512="+base64.StdEncoding.EncodeToString(sum[:]))
	w.expect(w.send(m.sealed(t)), 200, "")
}

// TestHeadersJWSRefusals: each single deviation has its sentence.
func TestHeadersJWSRefusals(t *testing.T) {
	w := newWorld(t)
	aisp, _ := w.psuToken("aisp", marc)
	without := func(name string) func(*jwsMessage) {
		return func(m *jwsMessage) { m.pars = slices.DeleteFunc(m.pars, func(n string) bool { return n == name }) }
	}
	member := func(name string, value any) func(*jwsMessage) {
		return func(m *jwsMessage) { m.protected[name] = value }
	}
	at := func(d time.Duration) func(*jwsMessage) {
		return member("sigT", w.bank.now().Add(d).UTC().Format("2006-01-02T15:04:05Z"))
	}
	chain := func(list ...*testpki.Issued) func(*jwsMessage) {
		return func(m *jwsMessage) {
			var texts []string
			for _, i := range list {
				texts = append(texts, base64.StdEncoding.EncodeToString(i.Certificate.Raw))
			}
			m.protected["x5c"], m.by = texts, list[0]
			if m.by == w.foreignQSEAL || m.by == w.untrustedSeal {
				m.algorithm = "ES256"
			}
		}
	}
	authority := &testpki.Issued{Certificate: w.ca.Certificate()}
	sigD := func(mID string, pars ...string) func(*jwsMessage) {
		return func(m *jwsMessage) { m.protected["sigD"] = map[string]any{"pars": pars, "mId": mID} }
	}
	for name, test := range map[string]struct {
		change   func(*jwsMessage)
		sentence string
	}{
		"target":        {without("(request-target)"), "(request-target) is not signed"},
		"host":          {without("host"), "host is not signed"},
		"request id":    {without("x-request-id"), "x-request-id is not signed"},
		"digest":        {without("digest"), "digest is not signed"},
		"psu":           {without("psu-ip-address"), "psu-ip-address is not signed"},
		"b64":           {member("b64", nil), "crit names"},
		"b64 true":      {func(m *jwsMessage) { m.protected["b64"], m.plain = true, false }, "b64 is not false"},
		"crit":          {member("crit", []string{"b64", "sigT"}), `crit does not name "sigD"`},
		"old":           {at(-62 * time.Second), "sigT is more than 1m0s in the past"},
		"ahead":         {at(5 * time.Second), "sigT is more than 2s in the future"},
		"sigT offset":   {member("sigT", "2021-10-27T09:31:05+00:00"), "sigT is not a time in UTC"},
		"mId":           {sigD("http://uri.etsi.org/19182/ObjectIdByURI", "digest"), "mId in sigD is not"},
		"upper case":    {sigD(httpHeadersID, "Digest"), "not in lower case"},
		"pars twice":    {sigD(httpHeadersID, "digest", "digest"), "twice"},
		"no pars":       {sigD(httpHeadersID), "pars in sigD is empty"},
		"absent header": {func(m *jwsMessage) { m.pars = append(m.pars, "x-nothing") }, "which the request does not have"},
		"no sigD":       {func(m *jwsMessage) { m.protected["sigD"] = "x" }, "sigD is missing"},
		"no x5c":        {member("x5c", nil), "x5c is missing"},
		"x5c root":      {chain(w.qseal, authority), "x5c holds the root"},
		"x5c order":     {chain(w.qseal, w.qsealEC), "x5c is not in order"},
		"x5c base64url": {member("x5c", []string{"_-"}), "not base64url"},
		"x5c nothing":   {member("x5c", []string{"AAAA"}), "no certificate"},
		"foreign":       {chain(w.foreignQSEAL), "different organizationIdentifiers"},
		"untrusted":     {chain(w.untrustedSeal), "not trusted"},
		"other target":  {func(m *jwsMessage) { m.finish = func(v string) string { m.target += "?withBalance=true"; return v } }, "does not verify over what was received"},
		"other header": {func(m *jwsMessage) {
			m.finish = func(v string) string { m.set("PSU-IP-Address", "81.2.69.161"); return v }
		}, "does not verify over what was received"},
		"digest of another": {func(m *jwsMessage) { m.set("Digest", digestOf("x")) }, "Digest does not match"},
		"digest algorithm": {func(m *jwsMessage) {
			sum := sha512.Sum512(nil)
			m.set("Digest", "SHA-512="+base64.StdEncoding.EncodeToString(sum[:]))
		}, "the hash of alg PS256 is expected"},
		"alg":     {func(m *jwsMessage) { m.protected["alg"] = "HS256" }, "is not known"},
		"payload": {func(m *jwsMessage) { m.finish = func(v string) string { return strings.Replace(v, "..", ".eA.", 1) } }, "carries the payload"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.pki, w.bank}
			m := w.onHeaders("/georgia/v1/accounts", "", aisp, true)
			test.change(m)
			resp := w.send(m.sealed(t))
			if resp.status < 400 {
				t.Error(resp.status)
			}
			w.expect(resp, resp.status, test.sentence)
		})
	}
	for name, value := range map[string]any{"is not the SHA-256 of the DER": x5t(w.foreignQSEAL), "not base64url, without padding": x5t(w.qseal) + "="} {
		m := w.onHeaders("/ing-jws/accounts", "", aisp, false)
		m.protected["x5t#S256"] = value
		w.expect(w.send(m.sealed(t)), 401, name)
	}
	m := w.onHeaders("/ing-jws/accounts", "", aisp, false)
	m.protected["sigT"] = w.bank.now().Add(-6 * time.Minute).UTC().Format("2006-01-02T15:04:05Z")
	w.expect(w.send(m.sealed(t)), 401, "sigT is more than 5m0s in the past")
	w.expect(w.send(w.onHeaders("/ing-jws/accounts", "", aisp, false).request), 401, "the header X-Jws-Signature is missing")
}

// TestHeadersJWSChain: issuers below the root come along, in order.
func TestHeadersJWSChain(t *testing.T) {
	w := newWorld(t)
	aisp, _ := w.psuToken("aisp", marc)
	between, err := testpki.NewAuthority(testpki.AuthorityOptions{CommonName: "Between", Parent: w.ca})
	if err != nil {
		t.Fatal(err)
	}
	seal, err := between.Issue(testpki.Profile{Kind: testpki.QSEAL, Key: "p256", OrganizationIdentifier: orgID, Roles: allRoles, NCAName: "ACPR", NCAID: "FR-ACPR"})
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.StdEncoding.EncodeToString
	for _, test := range []struct {
		chain    []string
		status   int
		sentence string
	}{
		{[]string{encode(seal.Certificate.Raw)}, 401, "not trusted"},
		{[]string{encode(between.Certificate().Raw), encode(seal.Certificate.Raw)}, 401, "x5c is not in order"},
		{[]string{encode(seal.Certificate.Raw), encode(between.Certificate().Raw), encode(w.ca.Certificate().Raw)}, 401, "x5c holds the root"},
		{[]string{encode(seal.Certificate.Raw), encode(between.Certificate().Raw)}, 200, ""},
	} {
		m := w.onHeaders("/georgia/v1/accounts", "", aisp, true)
		m.by, m.algorithm, m.protected["x5c"] = seal, "ES256", test.chain
		w.expect(w.send(m.sealed(t)), test.status, test.sentence)
	}
}
