package sidecar_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-tpp/caddy-tpp/answers"
	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// bankSeal is the key that a bank signs its answers with.
var bankSeal = sync.OnceValue(func() *testpki.Issued {
	issued, err := authority().Issue(testpki.Profile{Kind: testpki.QSEAL, CommonName: "seal.bank.test", Key: "rsa2048", OrganizationIdentifier: "PSDFR-ACPR-99999"})
	if err != nil {
		panic(err)
	}
	return issued
})

// sealed is a detached JWS of text, made by the test itself.
func sealed(t testing.TB, header map[string]any, text func(protected string) string) string {
	t.Helper()
	header["alg"] = "PS256"
	raw, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	protected := base64.RawURLEncoding.EncodeToString(raw)
	sum := sha256.Sum256([]byte(text(protected)))
	sig, err := bankSeal().Key.Sign(rand.Reader, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	return protected + ".." + base64.RawURLEncoding.EncodeToString(sig)
}

func jwsOf(t testing.TB, kid, body string) string {
	return sealed(t, map[string]any{"kid": kid}, func(protected string) string {
		return protected + "." + base64.RawURLEncoding.EncodeToString([]byte(body))
	})
}

const signedBody = "{ \"amount\" : 1.00,\n\"iban\":\"FR7613807008043001965405255\" }"

// message is an answer on the wire.
func message(status, body string, lines ...string) string {
	return "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\n" + strings.Join(append(lines, ""), "\r\n") +
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

// signedBank answers with text, and has its keys at /keys.
func signedBank(t testing.TB, text string) *rawBank {
	t.Helper()
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: bankSeal().Key.Public(), KeyID: "k1", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	return newRawBank(t, nil, func(conn *tls.Conn, r *rawRequest, _ int) {
		if r.URL.Path == "/keys" {
			write(conn, message("200 OK", string(set)))
			return
		}
		write(conn, text)
	})
}

// sealFile writes the bank's seal certificate to a file.
func sealFile(t testing.TB) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "seal.pem")
	if err := os.WriteFile(name, bankSeal().CertPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func responses(t testing.TB, p answers.Policy) profiles.Overrides {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return profiles.Overrides{Responses: text}
}

func (r *rig) signed(path string) answer { return r.call("GET", path, "", "Authorization", "Bearer x") }

// withAuthorization is a request that brings its own token.
func withAuthorization(t testing.TB) *http.Request {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "/x", http.NoBody)
	req.Header.Set("Authorization", "Bearer x")
	return req
}
