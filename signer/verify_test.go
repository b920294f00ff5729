package signer

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func cloneMessage(m *Message) *Message {
	c := *m
	c.Header, c.Body = m.Header.Clone(), bytes.Clone(m.Body)
	return &c
}

// flip changes the byte of s at i into another printable one.
func flip(s string, i int) string { return s[:i] + string([]byte{s[i] ^ 1}) + s[i+1:] }

// TestEveryByteCounts changes each byte of everything signed, one at a time,
// in every OpenSSL vector. The method's case and the keyId are not signed.
func TestEveryByteCounts(t *testing.T) {
	files, err := filepath.Glob("testdata/openssl/vectors/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			v := loadVector(t, name)
			cred := testCredentials(t, v.key)
			s := mustCompile(t, v.spec, cred)
			_, signed, err := s.SigningString(&v.msg, v.now)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Sign(&v.msg, v.now); err != nil {
				t.Fatal(err)
			}
			quoted, err := v.spec.KeyID.quote(s.KeyID())
			if err != nil {
				t.Fatal(err)
			}
			refused := func(what string, m *Message) {
				if Verify(cred.Key.Public(), v.spec, m) == nil {
					t.Errorf("%s: change not noticed", what)
				}
			}
			if slices.Contains(signed, requestTarget) {
				path, _, _ := strings.Cut(v.msg.Target, "?")
				if v.spec.RequestTarget != "path" {
					path = v.msg.Target
				}
				for i := range path {
					m := cloneMessage(&v.msg)
					m.Target = flip(m.Target, i)
					refused("target", m)
				}
				for i := range v.msg.Method {
					m := cloneMessage(&v.msg)
					m.Method = flip(m.Method, i)
					refused("method", m)
				}
			}
			if slices.Contains(signed, "host") {
				for i := range v.msg.Host {
					m := cloneMessage(&v.msg)
					m.Host = flip(m.Host, i)
					refused("host", m)
				}
			}
			for i := range v.msg.Body {
				m := cloneMessage(&v.msg)
				m.Body[i] ^= 1
				refused("body", m)
			}
			for key, values := range v.msg.Header {
				if key != v.container && !slices.Contains(signed, strings.ToLower(key)) {
					continue
				}
				for n, value := range values {
					from, to := 0, 0
					if key == v.container {
						from = strings.Index(value, quoted)
						to = from + len(quoted)
					}
					for i := range value {
						if from <= i && i < to || key == v.container && strings.HasPrefix(value[i:], ` `) && strings.HasSuffix(value[:i], `,`) {
							continue // the keyId, and the separator's space
						}
						m := cloneMessage(&v.msg)
						m.Header[key][n] = flip(value, i)
						refused(fmt.Sprintf("%s at %d", key, i), m)
					}
				}
				m := cloneMessage(&v.msg)
				delete(m.Header, key)
				refused("without "+key, m)
				m = cloneMessage(&v.msg)
				m.Header[key] = append(m.Header[key], "x")
				refused("twice "+key, m)
			}
			if slices.Contains(v.spec.Signed, everyPSU) {
				m := cloneMessage(&v.msg)
				m.Header["Psu-Geo-Location"] = []string{"GEO:1;1"}
				refused("one more PSU header", m)
			}
			if other := testCredentials(t, map[string]string{"rsa": "p256", "p256": "p384", "p384": "rsa"}[v.key]); Verify(other.Key.Public(), v.spec, &v.msg) == nil {
				t.Error("verifies with another key")
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	cred := testCredentials(t, "p256")
	spec := literalSpec("date", "(created)")
	spec.Certificate.Header = "TPP-Signature-Certificate"
	s := mustCompile(t, spec, cred)
	good := &Message{Method: "GET", Target: "/", Header: http.Header{"Date": {"x"}}}
	if err := s.Sign(good, testTime); err != nil {
		t.Fatal(err)
	}
	value := good.Header["Signature"][0]
	otherCertificate := mustCompile(t, Spec{Signed: []string{"date"}, Certificate: CertificateHeader{Header: "X"}}, testCredentials(t, "rsa")).certificate
	for name, test := range map[string]struct {
		header, value string
		want          error
	}{
		"absent":                 {"Signature", "", ErrHeaderMissing},
		"malformed":              {"Signature", "x", ErrSignature},
		"no keyId":               {"Signature", strings.Replace(value, `keyId="k",`, "", 1), ErrSignature},
		"another algorithm":      {"Signature", strings.Replace(value, `ecdsa-sha256`, "hs2019", 1), ErrSignature},
		"no algorithm":           {"Signature", strings.Replace(value, `algorithm="ecdsa-sha256",`, "", 1), ErrSignature},
		"no headers: date alone": {"Signature", strings.Replace(value, `headers="date (created)",`, "", 1), ErrSignature},
		"fewer headers":          {"Signature", strings.Replace(value, ` (created)"`, `"`, 1), ErrSignature},
		"other order":            {"Signature", strings.Replace(value, "date (created)", "(created) date", 1), ErrSignature},
		"no created":             {"Signature", strings.Replace(value, "created=1700000000,", "", 1), ErrSignature},
		"created with a zero":    {"Signature", strings.Replace(value, "created=", "created=0", 1), ErrSignature},
		"created is text":        {"Signature", strings.Replace(value, "created=", "created=x", 1), ErrSignature},
		"no base64":              {"Signature", strings.Replace(value, `signature="`, `signature="*`, 1), ErrSignature},
		"no signature":           {"Signature", strings.Split(value, `,signature=`)[0], ErrSignature},
		"digest of no body":      {"Digest", "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", ErrSignature},
		"certificate absent":     {"TPP-Signature-Certificate", "", ErrSignature},
		"certificate no base64":  {"TPP-Signature-Certificate", "*", ErrSignature},
		"certificate garbage":    {"TPP-Signature-Certificate", "QUJD", ErrSignature},
		"certificate as PEM":     {"TPP-Signature-Certificate", pemBegin + s.certificate + pemEnd, ErrSignature},
		"another's certificate":  {"TPP-Signature-Certificate", otherCertificate, ErrSignature},
	} {
		m := cloneMessage(good)
		if m.Header[test.header] = []string{test.value}; test.value == "" {
			delete(m.Header, test.header)
		}
		if err := Verify(cred.Key.Public(), spec, m); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Verify(cred.Key.Public(), spec, good); err != nil {
		t.Error(err)
	}
	spec.Container = "authorization"
	m := cloneMessage(good)
	m.Header["Authorization"] = []string{"Bearer x"}
	if err := Verify(cred.Key.Public(), spec, m); !errors.Is(err, ErrSignature) {
		t.Errorf("another scheme: %v", err)
	}
	if err := Verify("no key", spec, m); !errors.Is(err, ErrKey) {
		t.Errorf("no key: %v", err)
	}
}

// TestSignatureHasOneSpelling refuses base64 whose unused last bits are not 0:
// the same bytes, but another text than was sent.
func TestSignatureHasOneSpelling(t *testing.T) {
	cred := testCredentials(t, "rsa") // 256 bytes leave 4 bits over
	s := mustCompile(t, literalSpec("date"), cred)
	msg := &Message{Header: http.Header{"Date": {"x"}}}
	if err := s.Sign(msg, testTime); err != nil {
		t.Fatal(err)
	}
	value, ok := strings.CutSuffix(msg.Header["Signature"][0], `=="`)
	if !ok {
		t.Fatal(value)
	}
	last := len(value) - 1 // one of A, Q, g, w
	msg.Header["Signature"][0] = value[:last] + string(value[last]+1) + `=="`
	if err := Verify(cred.Key.Public(), literalSpec("date"), msg); !errors.Is(err, ErrSignature) {
		t.Error(err)
	}
}
