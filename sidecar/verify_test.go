package sidecar_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-tpp/caddy-tpp/answers"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

func TestVerdicts(t *testing.T) {
	good := jwsOf(t, "k1", signedBody)
	tests := []struct {
		name, answer     string
		report, verdict  string // status that the app gets in report, and what it is told
		enforced, detail string // code in enforce
	}{
		{"valid", message("200 OK", signedBody, "X-JWS-Signature: "+good), "200", "valid", "", ""},
		{"error status", message("400 Bad Request", signedBody, "X-JWS-Signature: "+good), "400", "valid", "", ""},
		{"changed", message("200 OK", strings.Replace(signedBody, "1.00", "9.00", 1), "X-JWS-Signature: "+good), "200",
			"invalid; the signature does not fit what was received", "bank-answer-signature", "invalid; the signature does not fit"},
		{"unsigned", message("200 OK", signedBody), "200", "missing; there is no x-jws-signature", "bank-answer-signature", "missing"},
		{"imitated", message("200 OK", signedBody, "Sidecar-Answer-Signature: valid"), "200", "missing; there is no x-jws-signature", "bank-answer-signature", "missing"},
		{"too large", message("200 OK", strings.Repeat(" ", 300)+"{}", "X-JWS-Signature: "+good), "200", "unchecked; the body is larger than max_body", "bank-answer-signature", "max_body"},
	}
	for _, test := range tests {
		for _, mode := range []string{answers.Report, answers.Enforce} {
			t.Run(test.name+" "+mode, func(t *testing.T) {
				b := signedBank(t, test.answer)
				r := b.toward(t, options{overrides: responses(t, answers.Policy{Verify: mode, Container: answers.ContainerJWS, Certificates: []string{sealFile(t)}, MaxBody: 250})})
				a := r.signed("/x")
				_, body, _ := strings.Cut(test.answer, "\r\n\r\n")
				if !slices.Equal(r.verdicts, []string{"other " + test.verdict}) {
					t.Errorf("verdicts %q", r.verdicts)
				}
				if mode == answers.Enforce && test.enforced != "" {
					r.refusedAs(a, sidecar.Code(test.enforced), 502, "maybe")
					if !strings.Contains(a.body, test.detail) || strings.Contains(a.body, "FR76") || a.header.Get(sidecar.HeaderVerdict) != "" {
						t.Errorf("%v %s", a.header, a.body)
					}
					if n := len(b.received()); n != 1 {
						t.Errorf("the bank got %d requests", n)
					}
					return
				}
				if fmt.Sprint(a.status) != test.report || a.body != body || a.header.Get(sidecar.HeaderVerdict) != test.verdict || len(a.header[sidecar.HeaderVerdict]) != 1 {
					t.Errorf("%d %q %q", a.status, a.header[sidecar.HeaderVerdict], a.body)
				}
			})
		}
	}
}

// Without a responses section nothing is read ahead and nothing is said.
func TestVerifyOff(t *testing.T) {
	r := signedBank(t, message("200 OK", signedBody, "Sidecar-Answer-Signature: valid")).toward(t, options{})
	if a := r.signed("/x"); a.header.Get(sidecar.HeaderVerdict) != "" || a.body != signedBody || len(r.verdicts) > 0 {
		t.Errorf("%v %q", a.header, r.verdicts)
	}
}

// Header lines are verified as the bank sent them, before the sidecar puts its
// own X-Request-ID into the answer.
func TestVerifiedBeforeCleaning(t *testing.T) {
	sum := sha256.Sum256([]byte(signedBody))
	digest := "SHA-256=" + base64.StdEncoding.EncodeToString(sum[:])
	answer := func(id string) string {
		jws := sealed(t, map[string]any{"b64": false, "crit": []string{"sigT", "sigD", "b64"}, "sigT": time.Now().UTC().Format(time.RFC3339), "x5c": []string{base64.StdEncoding.EncodeToString(bankSeal().Certificate.Raw)},
			"sigD": map[string]any{"mId": "http://uri.etsi.org/19182/HttpHeaders", "pars": []string{"(response-status)", "x-request-id", "digest"}}},
			func(protected string) string {
				return protected + ".(response-status): 200\nx-request-id: " + id + "\ndigest: " + digest
			})
		return message("200 OK", signedBody, "X-Request-ID: "+id, "Digest: "+digest, "X-JWS-Signature: "+jws)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, authority().PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	policy := answers.Policy{Verify: answers.Report, Container: answers.ContainerHTTPHeadersJWS, Signed: []string{"(response-status)", "x-request-id", "digest"}, Trust: []string{ca}, OrganizationID: "PSDFR-ACPR-99999"}
	for id, want := range map[string]string{"mine": "valid", "another": "invalid; x-request-id is another call's"} {
		r := signedBank(t, answer(id)).toward(t, options{overrides: responses(t, policy)})
		a := r.call("GET", "/x", "", "Authorization", "Bearer x", "X-Request-ID", "mine")
		if got := a.header.Get(sidecar.HeaderVerdict); got != want || a.header.Get("X-Request-ID") != "mine" {
			t.Errorf("%s: %q, X-Request-ID %s", id, got, a.header.Get("X-Request-ID"))
		}
	}
}

// The bank's keys are fetched over its own connections, once for many answers.
func TestPublishedKeys(t *testing.T) {
	b := signedBank(t, message("200 OK", signedBody, "X-JWS-Signature: "+jwsOf(t, "k1", signedBody)))
	for _, keys := range []string{"/keys", b.url() + "/keys"} {
		before := len(b.received())
		r := b.toward(t, options{overrides: responses(t, answers.Policy{Verify: answers.Enforce, Container: answers.ContainerJWS, Keys: keys})})
		for range 3 {
			if a := r.signed("/x"); a.header.Get(sidecar.HeaderVerdict) != "valid" {
				t.Fatalf("%v %s", a.header, a.body)
			}
		}
		fetched := 0
		for _, request := range b.received()[before:] {
			if request.URL.Path != "/keys" {
				continue
			}
			if fetched++; request.serial == "" || request.Header.Get("Authorization") != "" {
				t.Errorf("fetched with certificate %q and\n%s", request.serial, request.head)
			}
		}
		if fetched != 1 {
			t.Errorf("fetched %d times", fetched)
		}
	}
	// An unknown key is looked for once, not with each answer.
	b = signedBank(t, message("200 OK", signedBody, "X-JWS-Signature: "+jwsOf(t, "k2", signedBody)))
	r := b.toward(t, options{overrides: responses(t, answers.Policy{Verify: answers.Report, Container: answers.ContainerJWS, Keys: "/keys"})})
	for range 4 {
		if a := r.signed("/x"); a.header.Get(sidecar.HeaderVerdict) != "invalid; it was made with a key that is not configured" {
			t.Fatalf("%v", a.header)
		}
	}
	if n := len(b.received()); n != 4+2 {
		t.Errorf("%d requests", n)
	}
	// Keys that cannot be had say nothing about the answer.
	b = newRawBank(t, nil, answering(message("404 Not Found", signedBody, "X-JWS-Signature: "+jwsOf(t, "k1", signedBody))))
	r = b.toward(t, options{overrides: responses(t, answers.Policy{Verify: answers.Report, Container: answers.ContainerJWS, Keys: "/keys"})})
	if a := r.signed("/x"); a.header.Get(sidecar.HeaderVerdict) != "unchecked; the bank's keys cannot be had" || a.body != signedBody {
		t.Errorf("%v %s", a.header, a.body)
	}
}

// Keys may lie in a file, and only some operations may be signed.
func TestKeysOfAFileAndOperations(t *testing.T) {
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: bankSeal().Key.Public(), KeyID: "k1"}}})
	if err != nil {
		t.Fatal(err)
	}
	policy := answers.Policy{Verify: answers.Enforce, Container: answers.ContainerJWS, Keys: "{file./keys}", Operations: []string{"accounts"}}
	resolve := func(c *sidecar.Config) {
		c.ResolveSecret = func(value string) (string, error) { return strings.ReplaceAll(value, "{file./keys}", string(set)), nil }
	}
	b := signedBank(t, message("200 OK", signedBody, "X-JWS-Signature: "+jwsOf(t, "k1", signedBody)))
	r := b.toward(t, options{overrides: responses(t, policy), config: resolve})
	if a := r.signed("/accounts"); a.header.Get(sidecar.HeaderVerdict) != "valid" {
		t.Errorf("%v %s", a.header, a.body)
	}
	r = signedBank(t, message("200 OK", signedBody)).toward(t, options{overrides: responses(t, policy), config: resolve})
	r.refusedAs(r.signed("/accounts"), sidecar.CodeAnswerSignature, 502, "maybe")
	if a := r.signed("/elsewhere"); a.status != 200 || !strings.HasPrefix(a.header.Get(sidecar.HeaderVerdict), "unchecked; ") {
		t.Errorf("%v", a.header)
	}
}

// What a gateway refuses is unsigned, and may pass if that is configured.
func TestUnsignedErrors(t *testing.T) {
	policy := answers.Policy{Verify: answers.Enforce, Container: answers.ContainerJWS, Certificates: []string{sealFile(t)}, UnsignedErrors: true}
	for text, passes := range map[string]bool{
		message("429 Too Many Requests", "{}", "Retry-After: 7"):                            true,
		message("503 Service Unavailable", "{}", "X-JWS-Signature: "+jwsOf(t, "k1", "{}")):  true,
		message("503 Service Unavailable", "{ }", "X-JWS-Signature: "+jwsOf(t, "k1", "{}")): false,
		message("200 OK", "{}"): false,
	} {
		r := signedBank(t, text).toward(t, options{overrides: responses(t, policy)})
		a := r.signed("/x")
		if passes {
			if a.header.Get(sidecar.ErrorHeader) != "" || a.header.Get(sidecar.HeaderVerdict) == "" {
				t.Errorf("%d %v", a.status, a.header)
			}
			continue
		}
		r.refusedAs(a, sidecar.CodeAnswerSignature, 502, "maybe")
	}
}

// Trailers, which are known at the end of the body only, pass as ever.
func TestVerifiedWithTrailers(t *testing.T) {
	b := newRawBank(t, nil, answering("HTTP/1.1 200 OK\r\nX-JWS-Signature: "+jwsOf(t, "k1", "{}")+"\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\nX-Sum: 1\r\nSidecar-Error: x\r\n\r\n"))
	r := b.toward(t, options{overrides: responses(t, answers.Policy{Verify: answers.Enforce, Container: answers.ContainerJWS, Certificates: []string{sealFile(t)}})})
	ex, err := sidecar.Route{ASPSP: r.aspsp}.Prepare(withAuthorization(t), nil)
	r.check(err)
	response, err := ex.RoundTrip(ex.ForProxy(withAuthorization(t), false))
	r.check(err)
	defer response.Body.Close()
	if response.Header.Get(sidecar.HeaderVerdict) != "valid" || response.ContentLength != -1 || response.Trailer.Get("X-Sum") != "1" || response.Trailer.Get("Sidecar-Error") != "" {
		t.Errorf("%v %d %v", response.Header, response.ContentLength, response.Trailer)
	}
	r.check(ex.Finish(nil))
}

// An answer that breaks off is passed on broken, or refused; never as whole.
func TestVerifiedAnswerBreaksOff(t *testing.T) {
	broken := "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nX-JWS-Signature: " + jwsOf(t, "k1", "{}") + "\r\n\r\n{}"
	b := newRawBank(t, nil, func(conn *tls.Conn, _ *rawRequest, _ int) { write(conn, broken); conn.Close() })
	policy := answers.Policy{Verify: answers.Enforce, Container: answers.ContainerJWS, Certificates: []string{sealFile(t)}}
	r := b.toward(t, options{overrides: responses(t, policy)})
	r.refusedAs(r.signed("/x"), sidecar.CodeBankConnectionLost, 502, "maybe")

	policy.Verify = answers.Report
	r = b.toward(t, options{overrides: responses(t, policy)})
	ex, err := sidecar.Route{ASPSP: r.aspsp}.Prepare(withAuthorization(t), nil)
	r.check(err)
	response, err := ex.RoundTrip(ex.ForProxy(withAuthorization(t), false))
	r.check(err)
	defer response.Body.Close()
	var got [100]byte
	n, _ := response.Body.Read(got[:])
	_, err = response.Body.Read(got[n:])
	if string(got[:n]) != "{}" || err == nil || response.Header.Get(sidecar.HeaderVerdict) != "unchecked; the answer broke off" {
		t.Errorf("%q %v %v", got[:n], err, response.Header)
	}
	ex.Abort(nil)
}

func TestResponsesMistakes(t *testing.T) {
	r := newRig(t, options{})
	for want, p := range map[string]answers.Policy{
		"none.pem":       {Verify: answers.Report, Container: answers.ContainerJWS, Certificates: []string{"none.pem"}},
		"ca.pem":         {Verify: answers.Report, Container: answers.ContainerJWS, Trust: []string{"ca.pem"}, OrganizationID: "*"},
		"responses.keys": {Verify: answers.Report, Container: answers.ContainerJWS, Keys: "https://b\u00e4nk.example/keys"},
		"keys: {nobody}": {Verify: answers.Report, Container: answers.ContainerJWS, Keys: "{nobody}"},
	} {
		_, err := r.newASPSP(options{overrides: responses(t, p)})
		if !errors.Is(err, sidecar.ErrConfig) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "aspsp bank") {
			t.Errorf("%s: %v", want, err)
		}
	}
}
