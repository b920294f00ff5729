package sandbox

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// published reads what the RFCs print, which is kept once for the whole project.
func published(t *testing.T, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{"..", "signer", "testdata"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRFC9421Examples verifies the examples of appendix B that are requests,
// and refuses them once a byte of what was signed is another.
func TestRFC9421Examples(t *testing.T) {
	var examples []struct {
		ID, Alg, KeyID, Message string
		Base                    string `json:"signature_base"`
		Input                   string `json:"signature_input"`
		Signature               string
	}
	if err := json.Unmarshal(published(t, "rfc9421", "rfc9421-appendix-b.json"), &examples); err != nil {
		t.Fatal(err)
	}
	verified := 0
	for _, e := range examples {
		if e.Message != "test-request.http" || e.Alg == "hmac-sha256" || strings.Contains(e.Input, "@query-param") {
			continue // answers, and what this bank does not take
		}
		head, _, _ := strings.Cut(string(published(t, "rfc9421", e.Message)), "\r\n\r\n")
		msg, err := parseHead([]byte(head + "\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := parseMessageSignature(e.Input, e.Signature)
		if err != nil {
			t.Errorf("%s: %v", e.ID, err)
			continue
		}
		text, err := m.base(&msg)
		if err != nil || text != e.Base || m.keyID != e.KeyID {
			t.Errorf("%s: %v\n%s\nis not\n%s", e.ID, err, text, e.Base)
		}
		block, _ := pem.Decode(published(t, "rfc9421", e.KeyID+".pub.pem"))
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifyMessage(public, e.Alg, []byte(text), m.signature); err != nil {
			t.Errorf("%s: %v", e.ID, err)
		}
		for i := range text {
			changed := []byte(text)
			changed[i] ^= 1
			if verifyMessage(public, e.Alg, changed, m.signature) == nil {
				t.Errorf("%s: byte %d does not count", e.ID, i)
			}
		}
		verified++
	}
	if verified < 3 {
		t.Errorf("only %d examples", verified)
	}
}

// TestJWSExamples reads RFC 7515's and RFC 7797's detached examples, and
// verifies those with a key pair.
func TestJWSExamples(t *testing.T) {
	var examples struct {
		Vectors []struct {
			Name, Payload, Token, Detached string
			Input                          string `json:"signing_input"`
			JWK                            *jose.JSONWebKey
		}
	}
	if err := json.Unmarshal(published(t, "jose", "rfc7515-rfc7797.json"), &examples); err != nil {
		t.Fatal(err)
	}
	verified := 0
	for _, e := range examples.Vectors {
		compact := e.Detached
		if compact == "" {
			parts := strings.Split(e.Token, ".")
			compact = parts[0] + ".." + parts[len(parts)-1]
		}
		j, err := parseDetached(compact)
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		input := j.input([]byte(e.Payload))
		if e.Input != "" && string(input) != e.Input {
			t.Errorf("%s: signed is %q, not %q", e.Name, input, e.Input)
		}
		if e.JWK == nil {
			continue
		}
		verifies := func(text []byte) bool {
			sum := sha256.Sum256(text)
			return verifyJWS(e.JWK.Public().Key, j.algorithm, crypto.SHA256, sum[:], j.signature)
		}
		if !verifies(input) {
			t.Errorf("%s does not verify", e.Name)
		}
		for i := range input {
			changed := bytes.Clone(input)
			changed[i] ^= 1
			if verifies(changed) {
				t.Errorf("%s: byte %d does not count", e.Name, i)
			}
		}
		verified++
	}
	if verified < 2 {
		t.Errorf("only %d examples", verified)
	}
}

// TestRFC9530Examples holds Content-Digest against the digests that the RFC
// prints and that its text lets one make again.
func TestRFC9530Examples(t *testing.T) {
	var examples []struct {
		Field, Alg, Value, Body string
		Matches                 []string
	}
	if err := json.Unmarshal(published(t, "rfc9530", "rfc9530-appendix.json"), &examples); err != nil {
		t.Fatal(err)
	}
	held := 0
	for _, e := range examples {
		if e.Field != "Content-Digest" || (e.Alg != "sha-256" && e.Alg != "sha-512") || len(e.Matches) == 0 {
			continue
		}
		for form, body := range map[string]string{"body": e.Body, "body+LF": e.Body + "\n", "empty": ""} {
			err := checkContentDigest(e.Alg+"=:"+e.Value+":", []byte(body))
			if slices.Contains(e.Matches, form) != (err == nil) && body != "" {
				t.Errorf("%s of %q: %v", e.Alg, body, err)
			}
		}
		held++
	}
	if held < 2 {
		t.Errorf("only %d examples", held)
	}
}
