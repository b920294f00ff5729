package signer

import (
	"bytes"
	"crypto"
	"io"
	"net/http"
	"testing"
)

// instantKey answers with a signature made before, so that what remains is
// the work of this package.
type instantKey struct {
	crypto.Signer
	signature []byte
}

func (k *instantKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return k.signature, nil
}

// benchSpec is what STET section 3.5 asks for.
var benchSpec = Spec{Signed: []string{"(request-target)", "date", "x-request-id", "digest?", "content-type?", "psu-*"}}

func benchMessage(s *Signer) *Message {
	msg := &Message{
		Method: "POST", Target: "/stet/psd2/v1.4.2/funds-confirmations", Host: "www.13807.live.api.89c3.com",
		Header: http.Header{
			"Date": {"Tue, 07 Jun 2022 20:51:35 GMT"}, "X-Request-Id": {"95126d8f-ae9d-4ac3-ac9e-c357dcd78811"},
			"Content-Type": {"application/json"}, "Accept": {"application/hal+json"}, "User-Agent": {"tpp"},
			"Authorization":  {"Bearer 0123456789abcdef0123456789abcdef"},
			"PSU-IP-Address": {"192.0.2.7"}, "PSU-User-Agent": {"Mozilla/5.0 (X11; Linux x86_64)"},
			"PSU-Accept-Language": {"fr-FR"}, "PSU-Device-ID": {"f1d1f1d1-0000-4000-8000-000000000000"},
		},
		Body: bytes.Repeat([]byte("x"), 500),
	}
	msg.BodyDigest = s.Digest(msg.Body)
	return msg
}

func instantSigner(t testing.TB) *Signer {
	cred := testCredentials(t, "rsa")
	cred.Key = &instantKey{cred.Key, make([]byte, 256)}
	return mustCompile(t, benchSpec, cred)
}

// TestAssemblyAllocations bounds what a request costs beside the cryptography:
// the header's text, and the slice that holds the headers' values.
func TestAssemblyAllocations(t *testing.T) {
	s := instantSigner(t)
	msg := benchMessage(s)
	sign := func() {
		if err := s.Sign(msg, testTime); err != nil {
			t.Fatal(err)
		}
	}
	if got := testing.AllocsPerRun(500, sign); got > 2+poolMisses {
		t.Errorf("%v allocations, at most 2 wanted", got)
	}
	msg.BodyDigest = ""
	if got := testing.AllocsPerRun(500, sign); got > 3+poolMisses {
		t.Errorf("with the digest: %v allocations, at most 3 wanted", got)
	}
}

func BenchmarkAssembly(b *testing.B) {
	s := instantSigner(b)
	msg := benchMessage(s)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Sign(msg, testTime); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDigest500(b *testing.B) {
	s := instantSigner(b)
	body := bytes.Repeat([]byte("x"), 500)
	b.ReportAllocs()
	for b.Loop() {
		if s.Digest(body) == "" {
			b.Fatal("no digest")
		}
	}
}

func BenchmarkSign(b *testing.B) {
	for _, key := range []string{"rsa", "p256"} {
		b.Run(key, func(b *testing.B) {
			s := mustCompile(b, benchSpec, testCredentials(b, key))
			msg := benchMessage(s)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Sign(msg, testTime); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
