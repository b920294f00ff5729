package sidecar

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/certs"
	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// offline makes an ASPSP that is never called: requests are prepared and
// signed with an EC key, and written to memory.
func offline(t testing.TB, signature string) (*ASPSP, *ecdsa.PublicKey) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ca, err := testpki.NewAuthority(testpki.AuthorityOptions{})
	must(err)
	dir := t.TempDir()
	source := map[string]certs.Source{}
	var seal *testpki.Issued
	for name, kind := range map[string]testpki.Kind{"qwac": testpki.QWAC, "qseal": testpki.QSEAL} {
		issued, err := ca.Issue(testpki.Profile{Kind: kind, Key: "p256", OrganizationIdentifier: "PSDFR-ACPR-12345", Roles: []string{"PSP_IC"}, NCAName: "ACPR", NCAID: "FR-ACPR"})
		must(err)
		_, _, err = issued.WriteFiles(dir, name)
		must(err)
		source[name] = certs.Source{CertFile: filepath.Join(dir, name+".pem"), KeyFile: filepath.Join(dir, name+"-key.pem")}
		if kind == testpki.QSEAL {
			seal = issued
		}
	}
	qseal := source["qseal"]
	identity, _, err := certs.NewIdentity(certs.IdentityOptions{Name: "acme", QWAC: source["qwac"], QSEAL: &qseal})
	must(err)
	set, err := profiles.Builtin()
	must(err)
	profile, err := set.Get("bpce")
	must(err)
	profile, err = profile.With(profiles.Overrides{Signature: []byte(signature), Token: []byte(`{"grant":"none","from_app":true}`)})
	must(err)
	cache := tokens.NewCache(tokens.CacheOptions{})
	t.Cleanup(cache.Close)
	a, err := New(Config{Name: "bank", Profile: profile, BaseURL: "https://bank.test/st%2Fet/v1", Identity: identity, IdentityName: "acme"}, Dependencies{Tokens: cache})
	must(err)
	t.Cleanup(a.Close)
	return a, seal.Certificate.PublicKey.(*ecdsa.PublicKey)
}

// wire prepares a request and gives the bytes that net/http would write.
func wire(a *ASPSP, req *http.Request, absolute bool) ([]byte, error) {
	ex, err := Route{ASPSP: a, Absolute: absolute}.Prepare(req, nil)
	if err != nil {
		return nil, err
	}
	out, err := ex.attempt(req, ex.outboundHeaders(req.Header))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = out.Write(&b)
	return b.Bytes(), err
}

// verifyWire checks the signature of a written request against its own bytes.
func verifyWire(written []byte, key *ecdsa.PublicKey) (target string, err error) {
	head, _, _ := strings.Cut(string(written), "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	method, rest, _ := strings.Cut(lines[0], " ")
	target, ok := strings.CutSuffix(rest, " HTTP/1.1")
	if !ok || strings.ContainsAny(target, " \r\n") {
		return target, fmt.Errorf("request line %q", lines[0])
	}
	fields := map[string]string{"(request-target)": strings.ToLower(method) + " " + target}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		if _, twice := fields[strings.ToLower(name)]; twice {
			return target, fmt.Errorf("%s is there twice", name)
		}
		fields[strings.ToLower(name)] = value
	}
	parameter := func(name string) string {
		_, value, _ := strings.Cut(fields["signature"], name+`="`)
		value, _, _ = strings.Cut(value, `"`)
		return value
	}
	var text []string
	for name := range strings.SplitSeq(parameter("headers"), " ") {
		text = append(text, name+": "+fields[name])
	}
	signature, err := base64.StdEncoding.DecodeString(parameter(",signature"))
	sum := sha256.Sum256([]byte(strings.Join(text, "\n")))
	if err != nil || !ecdsa.VerifyASN1(key, sum[:], signature) {
		return target, fmt.Errorf("the signature is not over\n%s", strings.Join(text, "\n"))
	}
	return target, nil
}

func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"/", "", "*", "/accounts?a=%2F&&;", "//x/../%2e?", "/caf\xc3\xa9#?\xff", "http://u:p@h:1/%41?x", "mailto:a", "/%zz", "/a%2Fb%00", "?q", "/st%2Fet/v1/accounts", "/st%2Fet/v1?"} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	a, key := offline(f, `{"algorithm":"auto"}`)
	f.Fuzz(func(t *testing.T, sent string, absolute bool) {
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + sent + " HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\n\r\n")))
		if err != nil || absolute && !a.covers(req.URL.EscapedPath()) {
			return
		}
		written, err := wire(a, req, absolute)
		if refusal, ok := errors.AsType[*Refusal](err); ok {
			if refusal.Status >= 500 {
				t.Fatalf("%q: %v", sent, err)
			}
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", sent, err)
		}
		target, err := verifyWire(written, key)
		if err != nil {
			t.Fatalf("%q: %v", sent, err)
		}
		// Nothing leaves the ASPSP's own part of its host.
		rest, ok := strings.CutPrefix(target, "/st%2Fet/v1")
		if !ok || rest != "" && rest[0] != '/' && rest[0] != '?' {
			t.Errorf("%q goes to %q", sent, target)
		}
		if _, query, _ := strings.Cut(req.RequestURI, "?"); req.URL.Opaque == "" && !strings.HasSuffix(target, query) {
			t.Errorf("%q: the query became %q", sent, target)
		}
	})
}

// TestTargetAfterAPrefixWasStripped covers paths that no server hands over but
// that rewriting can leave: without a slash at the beginning.
func TestTargetAfterAPrefixWasStripped(t *testing.T) {
	a, key := offline(t, `{"algorithm":"auto"}`)
	for path, want := range map[[2]string]string{
		{"", ""}: "/st%2Fet/v1", {"accounts", ""}: "/st%2Fet/v1/accounts", {"a/b", "a%2Fb"}: "/st%2Fet/v1/a%2Fb", {"/x", "%2Fx"}: "/st%2Fet/v1/%2Fx",
	} {
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\n\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Path, req.URL.RawPath = path[0], path[1]
		written, err := wire(a, req, false)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := verifyWire(written, key); err != nil || got != want {
			t.Errorf("%q became %q, want %q: %v", path, got, want, err)
		}
	}
}

// BenchmarkPrepareAndAttempt measures what the sidecar does for a request
// beside TLS and, in the case "unsigned", beside the signature.
func BenchmarkPrepareAndAttempt(b *testing.B) {
	body := []byte(`{"paymentCoverageRequestId":"MyCoverage123456","instructedAmount":{"currency":"EUR","amount":"12.45"},"accountId":{"iban":"FR7613807008043001965405255"}}`)
	for name, signature := range map[string]string{"unsigned": `{"container":"none"}`, "signed P-256": `{"algorithm":"auto"}`} {
		b.Run(name, func(b *testing.B) {
			a, _ := offline(b, signature)
			reader := bytes.NewReader(body)
			req, err := http.NewRequest("POST", "http://sidecar/funds-confirmations", io.NopCloser(reader))
			if err != nil {
				b.Fatal(err)
			}
			req.ContentLength = int64(len(body))
			for _, field := range [][2]string{{"Authorization", "Bearer x"}, {"Content-Type", "application/json"}, {"Accept", "application/json"},
				{"User-Agent", "app/1"}, {"X-Forwarded-For", "1.2.3.4"}, {"PSU-IP-Address", "9.9.9.9"}, {"PSU-User-Agent", "Mozilla/5.0"}} {
				req.Header.Set(field[0], field[1])
			}
			b.ReportAllocs()
			for b.Loop() {
				reader.Reset(body)
				ex, err := Route{ASPSP: a}.Prepare(req, nil)
				if err != nil {
					b.Fatal(err)
				}
				if _, err = ex.attempt(req, ex.outboundHeaders(req.Header)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
