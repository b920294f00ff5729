package sandbox

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

const (
	iatName = "http://openbanking.org.uk/iat"
	issName = "http://openbanking.org.uk/iss"
	tanName = "http://openbanking.org.uk/tan"
)

// b64 is base64url without padding.
func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// joseSign signs as RFC 7518 section 3 says.
func joseSign(t *testing.T, by *testpki.Issued, algorithm, input string) []byte {
	t.Helper()
	hash, short := crypto.SHA256, sha256.Sum256([]byte(input))
	digest := short[:]
	switch algorithm[2:] {
	case "384":
		sum := sha512.Sum384([]byte(input))
		hash, digest = crypto.SHA384, sum[:]
	case "512":
		sum := sha512.Sum512([]byte(input))
		hash, digest = crypto.SHA512, sum[:]
	}
	var sig []byte
	var err error
	switch key := any(by.Key).(type) {
	case *ecdsa.PrivateKey:
		r, s, failed := ecdsa.Sign(rand.Reader, key, digest)
		size := (key.Params().BitSize + 7) / 8
		if sig, err = make([]byte, 2*size), failed; err == nil {
			r.FillBytes(sig[:size])
			s.FillBytes(sig[size:])
		}
	case *rsa.PrivateKey:
		if algorithm[:2] == "PS" {
			sig, err = rsa.SignPSS(rand.Reader, key, hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			sig, err = rsa.SignPKCS1v15(rand.Reader, key, hash, digest)
		}
	default:
		t.Fatalf("key %T", key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// jwsMessage is a request with a JWS, to be changed before it is signed.
type jwsMessage struct {
	*request
	algorithm string
	by        *testpki.Issued
	// protected are the members of the header; nil values leave one out.
	protected map[string]any
	// pars are the header lines signed, for a JWS over headers.
	pars []string
	// plain signs the payload without base64url.
	plain bool
	// payload is signed instead of the body.
	payload *string
	// finish changes the value of the header once it is signed.
	finish func(string) string
}

// seal signs and sets the header.
func (m *jwsMessage) seal(t *testing.T) *request {
	t.Helper()
	header := map[string]any{"alg": m.algorithm}
	for name, value := range m.protected {
		if header[name] = value; value == nil {
			delete(header, name)
		}
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	payload := m.body
	if m.payload != nil {
		payload = *m.payload
	}
	if m.pars != nil {
		var lines []string
		for _, name := range m.pars {
			value := m.get(name)
			if name == "(request-target)" {
				value = strings.ToLower(m.method) + " " + m.target
			}
			lines = append(lines, name+": "+value)
		}
		payload = strings.Join(lines, "\n")
	}
	if !m.plain {
		payload = b64([]byte(payload))
	}
	value := b64(text) + ".." + b64(joseSign(t, m.by, m.algorithm, b64(text)+"."+payload))
	if m.finish != nil {
		value = m.finish(value)
	}
	m.set("x-jws-signature", value)
	return m.request
}

// json gives the request a body.
func (r *request) json(body string) *request {
	r.body = body
	r.set("Content-Type", "application/json")
	r.set("Content-Length", strconv.Itoa(len(body)))
	return r
}

// x5t is the name that the bank knows a registered QSEAL by.
func x5t(i *testpki.Issued) string {
	sum := sha256.Sum256(i.Certificate.Raw)
	return b64(sum[:])
}

// keysOf registers keys under names.
func keySet(pairs ...any) *jose.JSONWebKeySet {
	set := &jose.JSONWebKeySet{}
	for i := 0; i < len(pairs); i += 2 {
		set.Keys = append(set.Keys, jose.JSONWebKey{KeyID: pairs[i].(string), Key: pairs[i+1].(*testpki.Issued).Certificate.PublicKey})
	}
	return set
}
