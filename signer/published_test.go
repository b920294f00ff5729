package signer

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// publishedCase is a test case of RFC 9421 appendix B.
type publishedCase struct {
	ID, Alg, KeyID, Message, Signature string
	Base                               string `json:"signature_base"`
	Input                              string `json:"signature_input"`
	Signed                             string `json:"signed_message"`
}

func loadPublished(t *testing.T) map[string]publishedCase {
	t.Helper()
	var list []publishedCase
	if err := json.Unmarshal(loadFile(t, "rfc9421", "rfc9421-appendix-b.json"), &list); err != nil {
		t.Fatal(err)
	}
	cases := make(map[string]publishedCase)
	for _, c := range list {
		id, _, _ := strings.Cut(c.ID, " ")
		cases[id] = c
	}
	return cases
}

// publishedKey reads a private key; crypto/x509 knows none that bind themselves
// to RSA-PSS (RFC 4055), so that the wrapping is taken off here.
func publishedKey(t *testing.T, name string) crypto.Signer {
	t.Helper()
	block, _ := pem.Decode(loadFile(t, "rfc9421", name+".priv.pem"))
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return key.(crypto.Signer)
	}
	var info struct {
		Version   int
		Algorithm asn1.RawValue
		Key       []byte
	}
	if _, err := asn1.Unmarshal(block.Bytes, &info); err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS1PrivateKey(info.Key)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// publishedRequest takes a request apart.
func publishedRequest(t *testing.T, text string) *Message {
	t.Helper()
	head, body, _ := strings.Cut(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n")
	first, lines, _ := strings.Cut(head, "\n")
	parts := strings.Fields(first)
	msg := &Message{Method: parts[0], Target: parts[1], Header: parseHeaders(lines), Body: []byte(body)}
	msg.Host = msg.Header["Host"][0]
	delete(msg.Header, "Host")
	delete(msg.Header, "Content-Length")
	return msg
}

// TestRFC9421Requests has what the appendix signs signed again, and its
// signatures verified, as far as banks could want such a signature: the others
// sign parts of a query or nothing at all.
func TestRFC9421Requests(t *testing.T) {
	created := time.Unix(1618884473, 0)
	for id, text := range map[string]string{
		"b.2.3": `{"signed":["date","@method","@path","@query","@authority","content-type","content-digest","content-length"],"algorithm":"rsa-pss-sha512",
			"digest":{"header":"Content-Digest","algorithm":"SHA-512"},"message_signature":{"label":"sig-b23"}}`,
		"b.2.6": `{"signed":["date","@method","@path","@authority","content-type","content-length"],"message_signature":{"label":"sig-b26"},"digest":{"algorithm":"none"}}`,
		"b.3":   `{"signed":["@path","@query","@method","@authority","client-cert"],"message_signature":{"label":"ttrp"},"digest":{"algorithm":"none"}}`,
	} {
		t.Run(id, func(t *testing.T) {
			c := loadPublished(t)[id]
			spec := parseSpec(t, text)
			spec.Container = containerMessage
			spec.KeyID = KeyID{Form: "literal", Value: c.KeyID}
			key := publishedKey(t, c.KeyID)
			s := mustCompile(t, spec, Credentials{Key: key})
			request := c.Signed
			if c.Message != "" {
				request = string(loadFile(t, "rfc9421", c.Message))
			}
			msg := publishedRequest(t, request)
			if c.Message != "" { // B.3 prints the signed request
				msg.Header["Signature-Input"] = []string{c.Input}
				msg.Header["Signature"] = []string{c.Signature}
			}
			if spec.Digest.Algorithm == none {
				delete(msg.Header, "Content-Digest")
			}
			want := msg.Header["Signature-Input"][0]
			if err := Verify(key.Public(), spec, msg); err != nil {
				t.Errorf("published signature: %v", err)
			}
			base, _, err := s.SigningString(msg, created)
			if err != nil {
				t.Fatal(err)
			}
			if base != c.Base {
				t.Errorf("signature base\n%s\nexpected\n%s", base, c.Base)
			}
			if err := s.Sign(msg, created); err != nil {
				t.Fatal(err)
			}
			if got := msg.Header["Signature-Input"][0]; got != want {
				t.Errorf("Signature-Input\n%s\nexpected\n%s", got, want)
			}
			if got := msg.Header["Signature"][0]; c.Alg == "ed25519" && got != c.Signature {
				t.Errorf("Signature\n%s\nexpected\n%s", got, c.Signature)
			}
		})
	}
}

// TestRFC9421Algorithms verifies the published signatures over the published
// bases, those of the response and of unusual components too.
func TestRFC9421Algorithms(t *testing.T) {
	verified := 0
	for id, c := range loadPublished(t) {
		if c.Alg == "hmac-sha256" {
			continue
		}
		pub := publishedKey(t, c.KeyID).Public()
		name := ""
		for _, a := range algorithms {
			if a.message == c.Alg {
				name = a.name
			}
		}
		alg, err := algorithmFor(name, pub, minRSABits)
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		_, value, labelled := strings.Cut(strings.TrimSuffix(c.Signature, ":"), "=:")
		if !labelled {
			value = c.Signature
		}
		signature, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			t.Fatal(err)
		}
		if err := alg.verify(pub, []byte(c.Base), signature, true); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		if alg.verify(pub, []byte(c.Base+" "), signature, true) == nil {
			t.Errorf("%s: a changed base verifies", id)
		}
		verified++
	}
	if verified != 6 {
		t.Errorf("%d verified, expected 6", verified)
	}
	_, body, _ := strings.Cut(string(loadFile(t, "rfc9421", "test-response.http")), "\r\n\r\n")
	s := mustCompile(t, parseSpec(t, `{"signed":["digest"],"digest":{"header":"Content-Digest","algorithm":"SHA-512"},"key_id":"client-id"}`), testCredentials(t, "p256"))
	if digest := s.Digest([]byte(body)); !strings.Contains(loadPublished(t)["b.2.4"].Base, digest) {
		t.Errorf("the digest of the response is %s", digest)
	}
}

func TestRFC9530Digests(t *testing.T) {
	var list []struct {
		PN, Alg, Value, Body string
		Matches              []string
	}
	if err := json.Unmarshal(loadFile(t, "rfc9530", "rfc9530-appendix.json"), &list); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, c := range list {
		spec := parseSpec(t, `{"container":"message-signature","signed":["content-digest"],"digest":{"header":"Content-Digest","empty":"hash"},"key_id":"client-id"}`)
		spec.Digest.Algorithm = strings.ToUpper(c.Alg)
		s := mustCompile(t, spec, testCredentials(t, "p256"))
		for _, which := range c.Matches {
			body := map[string]string{"body": c.Body, "body+LF": c.Body + "\n", "empty": ""}[which]
			if got, want := s.Digest([]byte(body)), c.Alg+"=:"+c.Value+":"; got != want {
				t.Errorf("%s: %s\n%s\nexpected\n%s", c.PN, which, got, want)
			}
			compared++
		}
	}
	if compared < 13 {
		t.Errorf("%d compared", compared)
	}
}

type joseCase struct {
	Name, Header, Payload, Token, Detached string
	Input                                  string `json:"signing_input"`
	JWK                                    json.RawMessage
}

func loadJOSE(t *testing.T) map[string]joseCase {
	t.Helper()
	var file struct{ Vectors []joseCase }
	if err := json.Unmarshal(loadFile(t, "jose", "rfc7515-rfc7797.json"), &file); err != nil {
		t.Fatal(err)
	}
	cases := make(map[string]joseCase)
	for _, c := range file.Vectors {
		cases[c.Name] = c
	}
	return cases
}

func publicJWK(t *testing.T, data []byte) crypto.PublicKey {
	t.Helper()
	var key jose.JSONWebKey
	if err := json.Unmarshal(data, &key); err != nil {
		t.Fatal(err)
	}
	return key.Public().Key
}

func TestRFC7515(t *testing.T) {
	for name, algorithm := range map[string]string{"RFC7515 A.2 RS256": "rsa-sha256", "RFC7515 A.3 ES256": "ecdsa-sha256"} {
		c := loadJOSE(t)[name]
		pub := publicJWK(t, c.JWK)
		whole := &Message{Method: "POST", Target: "/", Host: "h", Body: []byte(c.Token), Header: http.Header{"Content-Type": {"application/jwt"}}}
		if err := Verify(pub, Spec{Container: containerJWT, Algorithm: algorithm}, whole); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		detached := &Message{Method: "POST", Target: "/", Host: "h", Body: []byte(c.Payload), Header: http.Header{"X-Jws-Signature": {c.Detached}}}
		if err := Verify(pub, Spec{Container: containerJWS, Algorithm: algorithm}, detached); err != nil {
			t.Errorf("%s, detached: %v", name, err)
		}
		detached.Body = bytes.ReplaceAll(detached.Body, []byte("\r\n"), []byte("\n"))
		if Verify(pub, Spec{Container: containerJWS, Algorithm: algorithm}, detached) == nil {
			t.Errorf("%s: passes with other line ends", name)
		}
	}
	// RS256 comes out the same byte for byte.
	c := loadJOSE(t)["RFC7515 A.2 RS256"]
	s := mustCompile(t, Spec{Container: containerJWS, Algorithm: "rsa-sha256"}, Credentials{Key: loadKey(t, "jose", "rfc7515-a2.priv.pem")})
	msg := &Message{Method: "POST", Target: "/", Host: "h", Body: []byte(c.Payload)}
	if err := s.Sign(msg, testTime); err != nil {
		t.Fatal(err)
	}
	if got := msg.Header[s.Spec().JWS.Header]; len(got) != 1 || got[0] != c.Detached {
		t.Errorf("%s\nexpected\n%s", got, c.Detached)
	}
}

// TestRFC7797 signs the RFC's payload, whose dot must not be taken for one of
// the JWS's own, with another algorithm than its HMAC.
func TestRFC7797(t *testing.T) {
	for name, unencoded := range map[string]bool{"RFC7797 4.1 b64 true": false, "RFC7797 4.2 b64 false": true} {
		c := loadJOSE(t)[name]
		spec := Spec{Container: containerJWS, Algorithm: "rsa-sha256", JWS: JWS{Unencoded: unencoded}}
		cred := Credentials{Key: loadKey(t, "jose", "rfc7515-a2.priv.pem")}
		s := mustCompile(t, spec, cred)
		msg := &Message{Method: "POST", Target: "/", Host: "h", Body: []byte(c.Payload)}
		input, _, err := s.SigningString(msg, testTime)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(c.Input, ".")
		head := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(c.Header, "HS256", "RS256", 1)))
		if want := head + "." + rest; input != want {
			t.Errorf("%s: %s, expected %s", name, input, want)
		}
		if err := s.Sign(msg, testTime); err != nil {
			t.Fatal(err)
		}
		if err := Verify(cred.Key.Public(), spec, msg); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
