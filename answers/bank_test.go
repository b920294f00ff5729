package answers

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// now is when all answers of the tests are received.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// keyFor gives the test key of a JOSE algorithm.
func keyFor(t testing.TB, alg string) crypto.Signer {
	t.Helper()
	var (
		key crypto.Signer
		err error
	)
	switch alg {
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		return rsaKey()
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign is a bank's signature, made without the code under test.
func sign(t testing.TB, alg string, key crypto.Signer, text string) []byte {
	t.Helper()
	if alg == "EdDSA" {
		return ed25519.Sign(key.(ed25519.PrivateKey), []byte(text))
	}
	var (
		sum  []byte
		hash crypto.Hash
	)
	switch alg[2:] {
	case "256":
		h := sha256.Sum256([]byte(text))
		sum, hash = h[:], crypto.SHA256
	case "384":
		h := sha512.Sum384([]byte(text))
		sum, hash = h[:], crypto.SHA384
	default:
		h := sha512.Sum512([]byte(text))
		sum, hash = h[:], crypto.SHA512
	}
	var options crypto.SignerOpts = hash
	if alg[:2] == "PS" {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	if alg[:2] == "ES" {
		k := key.(*ecdsa.PrivateKey)
		r, s, err := ecdsa.Sign(rand.Reader, k, sum)
		if err != nil {
			t.Fatal(err)
		}
		n := (k.Params().N.BitLen() + 7) / 8
		return append(r.FillBytes(make([]byte, n)), s.FillBytes(make([]byte, n))...)
	}
	sig, err := key.Sign(rand.Reader, sum, options)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func std(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

func sha(body string) string {
	sum := sha256.Sum256([]byte(body))
	return std(sum[:])
}

// headerText is a protected header.
func headerText(t testing.TB, members map[string]any) string {
	t.Helper()
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return b64(text)
}

const payment = `{"Data":{"Amount":"1.00","n":1.00},"Links":{"Self":"https://bank.example/x"}}`

// said is an answer with a body and headers, given by name and value.
func said(body string, pairs ...string) *Answer {
	h := http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"id-1"}}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return &Answer{Status: 201, Header: h, Body: []byte(body), Request: Request{ID: "id-1", Method: "POST",
		Host: "Bank.Example", Target: "/v1/payments?a=b", Header: http.Header{"Digest": {"SHA-256=" + sha("{}")}, "x-lower": {" v "}}}}
}

// form is a container with an answer that a bank has signed in it.
type form struct {
	name   string
	policy Policy
	// make signs an answer. alter changes the protected header or parameters first.
	make func(t testing.TB, alg string, key crypto.Signer, alter func(map[string]any)) *Answer
	// covered are the headers of which every byte counts.
	covered []string
}

func altered(members map[string]any, alter func(map[string]any)) map[string]any {
	if alter != nil {
		alter(members)
	}
	return members
}

var obCrit = []string{obIAT, obISS, obTAN}

func obHeader(alg string) map[string]any {
	return map[string]any{"alg": alg, "kid": "k1", "typ": "JOSE", "cty": "application/json", "crit": obCrit,
		obIAT: now.Unix(), obISS: "0015800001041RHAAY", obTAN: "openbanking.org.uk"}
}

// forms are the containers that signatures come in.
func forms() []form {
	return []form{
		{"OBIE", Policy{Container: ContainerJWS, Critical: obCrit}, func(t testing.TB, alg string, key crypto.Signer, alter func(map[string]any)) *Answer {
			protected := headerText(t, altered(obHeader(alg), alter))
			sig := sign(t, alg, key, protected+"."+b64([]byte(payment)))
			return said(payment, "X-Jws-Signature", protected+".."+b64(sig))
		}, []string{"X-Jws-Signature"}},
		{"OBIE 3.1.3", Policy{Container: ContainerJWS, Unencoded: true}, func(t testing.TB, alg string, key crypto.Signer, alter func(map[string]any)) *Answer {
			members := obHeader(alg)
			members["b64"], members["crit"] = false, append([]string{"b64"}, obCrit...)
			protected := headerText(t, altered(members, alter))
			return said(payment, "X-Jws-Signature", protected+".."+b64(sign(t, alg, key, protected+"."+payment)))
		}, []string{"X-Jws-Signature"}},
		{"HTTP headers", Policy{Container: ContainerHTTPHeadersJWS, Signed: []string{"(response-status)", "x-request-id", "content-type?", "x-none?", "digest"}},
			func(t testing.TB, alg string, key crypto.Signer, alter func(map[string]any)) *Answer {
				protected := headerText(t, altered(map[string]any{"alg": alg, "b64": false, "crit": []string{"sigT", "sigD", "b64"}, "sigT": now.Format(time.RFC3339),
					"sigD": map[string]any{"pars": []string{"(response-status)", "x-request-id", "content-type", "digest"}, "mId": mechanismHTTPHeaders}}, alter))
				lines := "(response-status): 201\nx-request-id: id-1\ncontent-type: application/json\ndigest: SHA-256=" + sha(payment)
				return said(payment, "Digest", "SHA-256="+sha(payment), "X-Jws-Signature", protected+".."+b64(sign(t, alg, key, protected+"."+lines)))
			}, []string{"X-Jws-Signature", "X-Request-Id", "Content-Type", "Digest"}},
		{"JWT", Policy{Container: ContainerJWT}, func(t testing.TB, alg string, key crypto.Signer, alter func(map[string]any)) *Answer {
			protected := headerText(t, altered(map[string]any{"alg": alg, "kid": "k1", "typ": "JWT"}, alter))
			text := protected + "." + b64(fmt.Appendf(nil, `{"iat":%d,"exp":%d,"nbf":%d,"data":{"n":1.00}}`, now.Unix(), now.Unix()+60, now.Unix()))
			a := said(text + "." + b64(sign(t, alg, key, text)))
			a.Header.Set("Content-Type", "application/jwt; charset=utf-8")
			return a
		}, nil},
		{"cavage", Policy{Container: ContainerSignature, Signed: []string{"digest", "x-request-id"}},
			func(t testing.TB, alg string, key crypto.Signer, alter func(map[string]any)) *Answer {
				p := altered(map[string]any{"algorithm": algorithmNamed(alg).cavage, "headers": "(response-status) x-request-id digest (created)", "created": now.Unix()}, alter)
				text := fmt.Sprintf("(response-status): 201\nx-request-id: id-1\ndigest: SHA-256=%s\n(created): %v", sha(payment), p["created"])
				return said(payment, "Digest", "SHA-256="+sha(payment), "Signature", fmt.Sprintf(`keyId="k1",algorithm="%s",created=%v,headers="%s",signature="%s"`,
					p["algorithm"], p["created"], p["headers"], std(sign(t, alg, key, text))))
			}, []string{"X-Request-Id", "Digest"}},
		{"RFC 9421", Policy{Container: ContainerMessageSignature, Signed: []string{"@status", "content-digest"}},
			func(t testing.TB, alg string, key crypto.Signer, alter func(map[string]any)) *Answer {
				p := altered(map[string]any{"params": fmt.Sprintf(`;created=%d;keyid="k1"`, now.Unix()),
					"list": `("@status" "content-type" "content-digest" "@method";req "@target-uri";req "x-lower";req "x-request-id")`}, alter)
				digest := "sha-256=:" + sha(payment) + ":"
				text := "\"@status\": 201\n\"content-type\": application/json\n\"content-digest\": " + digest +
					"\n\"@method\";req: POST\n\"@target-uri\";req: https://bank.example/v1/payments?a=b\n\"x-lower\";req: v\n\"x-request-id\": id-1\n\"@signature-params\": " + p["list"].(string) + p["params"].(string)
				return said(payment, "Content-Digest", digest, "Signature-Input", "sig1="+p["list"].(string)+p["params"].(string),
					"Signature", "sig1=:"+std(sign(t, alg, key, text))+":")
			}, []string{"Content-Type", "Content-Digest", "Signature-Input", "Signature", "X-Request-Id"}},
	}
}

// verifier compiles a policy with one public key, in mode enforce.
func verifier(t testing.TB, p Policy, keys Keys) *Verifier {
	t.Helper()
	if p.Verify == "" {
		p.Verify = Enforce
	}
	if p.Keys == "" && p.Certificates == nil && p.Trust == nil {
		p.Certificates = []string{"bank.pem"} // keys says what is in it
	}
	v, err := Compile(p, keys, Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func public(keys ...crypto.Signer) (k Keys) {
	for _, key := range keys {
		k.Public = append(k.Public, key.Public())
	}
	return k
}

func (v *Verifier) judge(a *Answer) Verdict { return v.Verify(context.Background(), a) }

// issue makes a certificate for key; parent nil makes an authority.
func issue(t testing.TB, key crypto.PublicKey, parent *x509.Certificate, parentKey crypto.Signer, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		Subject:  pkix.Name{CommonName: "bank", ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 97}, Value: "PSDGE-NBG-1"}}},
		KeyUsage: x509.KeyUsageContentCommitment, BasicConstraintsValid: true}
	if parent == nil {
		template.IsCA, template.KeyUsage, template.Subject = true, x509.KeyUsageCertSign, pkix.Name{CommonName: "authority"}
	}
	if change != nil {
		change(template)
	}
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// holding reports a verdict that is not the expected one.
func expect(t testing.TB, got Verdict, outcome Outcome, reason string) {
	t.Helper()
	if got.Outcome != outcome || !strings.Contains(got.Reason, reason) {
		t.Errorf("got %q, want %s with %q", got, outcome, reason)
	}
}
