package answers

import (
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/jws"
)

// chained is an answer whose certificates come along in x5c.
func chained(t testing.TB, key crypto.Signer, members map[string]any, chain ...*x509.Certificate) *Answer {
	t.Helper()
	texts := make([]string, len(chain))
	for i, certificate := range chain {
		texts[i] = std(certificate.Raw)
	}
	return forms()[0].make(t, "ES256", key, func(m map[string]any) {
		if len(texts) > 0 {
			m["x5c"] = texts
		}
		for name, value := range members {
			if m[name] = value; value == nil {
				delete(m, name)
			}
		}
	})
}

func pool(certificates ...*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, certificate := range certificates {
		p.AddCert(certificate)
	}
	return p
}

func TestChain(t *testing.T) {
	root, middle, leaf, stranger := keyFor(t, "ES256"), keyFor(t, "ES256"), keyFor(t, "ES256"), keyFor(t, "ES256")
	rootCA := issue(t, root.Public(), nil, root, nil)
	middleCA := issue(t, middle.Public(), rootCA, root, func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage, c.Subject = true, x509.KeyUsageCertSign, pkix.Name{CommonName: "middle"}
	})
	good := func(change func(*x509.Certificate)) *x509.Certificate {
		return issue(t, leaf.Public(), middleCA, middle, change)
	}
	otherCA := issue(t, stranger.Public(), nil, stranger, func(c *x509.Certificate) { c.Subject.CommonName = "other" })
	bank := good(nil)
	policy := Policy{Container: ContainerJWS, Trust: []string{"ca.pem"}, OrganizationID: "PSDGE-NBG-1"}
	anybody := policy
	anybody.OrganizationID = "*"
	tests := []struct {
		name    string
		policy  Policy
		keys    Keys
		answer  *Answer
		outcome Outcome
		reason  string
	}{
		{"trusted", policy, Keys{Trust: pool(rootCA)}, chained(t, leaf, nil, bank, middleCA), Valid, ""},
		{"with its thumbprint", policy, Keys{Trust: pool(rootCA)}, chained(t, leaf, map[string]any{"x5t#S256": jws.Thumbprint(bank)}, bank, middleCA), Valid, ""},
		{"another's thumbprint", policy, Keys{Trust: pool(rootCA)}, chained(t, leaf, map[string]any{"x5t#S256": jws.Thumbprint(rootCA)}, bank, middleCA), Invalid, "x5t#S256"},
		{"middle missing", policy, Keys{Trust: pool(rootCA)}, chained(t, leaf, nil, bank), Invalid, "unknown authority"},
		{"another authority", policy, Keys{Trust: pool(otherCA)}, chained(t, leaf, nil, bank, middleCA), Invalid, "unknown authority"},
		{"signed by another key", policy, Keys{Trust: pool(rootCA)}, chained(t, stranger, nil, bank, middleCA), Invalid, reasonWrong},
		{"an authority itself", anybody, Keys{Trust: pool(rootCA)}, chained(t, middle, nil, middleCA), Invalid, "not for signatures"},
		{"for TLS only", policy, Keys{Trust: pool(rootCA)}, chained(t, leaf, nil, good(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), middleCA), Invalid, "not for signatures"},
		{"expired", policy, Keys{Trust: pool(rootCA)}, chained(t, leaf, nil, good(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }), middleCA), Invalid, "expired or not yet valid"},
		{"not yet valid", policy, Keys{Trust: pool(rootCA)}, chained(t, leaf, nil, good(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) }), middleCA), Invalid, "expired or not yet valid"},
		{"another organization", policy, Keys{Trust: pool(rootCA)}, chained(t, leaf, nil, good(func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "x"} }), middleCA), Invalid, "organizationIdentifier"},
		{"any organization", anybody, Keys{Trust: pool(rootCA)}, chained(t, leaf, nil, good(func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "x"} }), middleCA), Valid, ""},
		{"two organizations", policy, Keys{Trust: pool(rootCA)}, chained(t, leaf, nil, good(func(c *x509.Certificate) {
			c.Subject.ExtraNames = append(c.Subject.ExtraNames, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 97}, Value: "PSDGE-NBG-2"})
		}), middleCA), Invalid, "organizationIdentifier"},

		{"configured", Policy{Container: ContainerJWS}, Keys{Certificates: []*x509.Certificate{bank}}, chained(t, leaf, nil, bank), Valid, ""},
		{"not configured", Policy{Container: ContainerJWS}, Keys{Certificates: []*x509.Certificate{otherCA}}, chained(t, leaf, nil, bank), Invalid, "is not configured"},
		{"x5c does not replace a key", Policy{Container: ContainerJWS}, public(stranger), chained(t, leaf, nil, bank), Invalid, "is not configured"},
		{"by thumbprint", Policy{Container: ContainerJWS}, Keys{Certificates: []*x509.Certificate{otherCA, bank}}, chained(t, leaf, map[string]any{"x5t#S256": jws.Thumbprint(bank), "kid": nil}), Valid, ""},
		{"by another's thumbprint", Policy{Container: ContainerJWS}, Keys{Certificates: []*x509.Certificate{bank}}, chained(t, leaf, map[string]any{"x5t#S256": jws.Thumbprint(otherCA), "kid": nil}), Invalid, reasonUnknown},
		{"configured but expired", Policy{Container: ContainerJWS}, Keys{Certificates: []*x509.Certificate{good(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) })}}, chained(t, leaf, nil), Invalid, "not valid at this time"},
		{"too many", policy, Keys{Trust: pool(rootCA)}, chained(t, leaf, nil, bank, bank, bank, bank, bank, bank, bank, bank, bank), Invalid, "too many"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			expect(t, verifier(t, test.policy, test.keys).judge(test.answer), test.outcome, test.reason)
		})
	}
}

// A key set is asked for the key id that the answer names, and once for a newer one.
func TestPublished(t *testing.T) {
	key, other := keyFor(t, "ES256"), keyFor(t, "ES256")
	answer := forms()[0].make(t, "ES256", key, nil)
	gone := errors.New("gone")
	tests := []struct {
		name             string
		present, renewed []crypto.PublicKey
		presentErr       error
		renewedErr       error
		outcome          Outcome
		reason           string
		asked            int
	}{
		{"there", []crypto.PublicKey{other.Public(), key.Public()}, nil, nil, nil, Valid, "", 1},
		{"there when renewed", nil, []crypto.PublicKey{key.Public()}, nil, nil, Valid, "", 2},
		{"replaced under the same id", []crypto.PublicKey{other.Public()}, []crypto.PublicKey{key.Public()}, nil, nil, Valid, "", 2},
		{"another", []crypto.PublicKey{other.Public()}, nil, nil, gone, Invalid, reasonWrong, 2},
		{"none", nil, nil, nil, nil, Invalid, reasonUnknown, 2},
		{"not to be had", nil, nil, gone, nil, Unchecked, reasonKeys, 1},
		{"newer not to be had", nil, nil, nil, gone, Unchecked, reasonKeys, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			asked := 0
			v := verifier(t, Policy{Container: ContainerJWS, Keys: "https://bank.example/keys"}, Keys{
				Published: func(_ context.Context, keyID, algorithm string, renewed bool) ([]crypto.PublicKey, error) {
					if asked++; keyID != "k1" || algorithm != "ES256" {
						t.Errorf("asked for %q %q", keyID, algorithm)
					}
					if renewed {
						return test.renewed, test.renewedErr
					}
					return test.present, test.presentErr
				}})
			expect(t, v.judge(answer), test.outcome, test.reason)
			if asked != test.asked {
				t.Errorf("asked %d times", asked)
			}
		})
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, blocks ...*pem.Block) string {
		var text []byte
		for _, block := range blocks {
			text = append(text, pem.EncodeToMemory(block)...)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key := keyFor(t, "ES256")
	ca := issue(t, key.Public(), nil, key, nil)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, public := &pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw}, &pem.Block{Type: "PUBLIC KEY", Bytes: der}
	keys, err := ReadCertificates([]string{file("both.pem", certificate, public, certificate), file("one.pem", certificate)})
	if err != nil || len(keys.Certificates) != 2 || len(keys.Public) != 1 {
		t.Errorf("%v %v", keys, err)
	}
	for _, name := range []string{
		file("private.pem", &pem.Block{Type: "PRIVATE KEY", Bytes: private}), file("empty.pem"), file("broken.pem", &pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}}),
		file("broken-key.pem", &pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1}}), filepath.Join(dir, "none.pem"),
	} {
		if _, err := ReadCertificates([]string{name}); !errors.Is(err, ErrPolicy) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if trust, err := ReadTrust(nil); trust != nil || err != nil {
		t.Error(trust, err)
	}
	if trust, err := ReadTrust([]string{file("ca.pem", certificate)}); trust == nil || err != nil {
		t.Error(trust, err)
	}
	for _, name := range []string{file("none.txt"), filepath.Join(dir, "none.pem")} {
		if _, err := ReadTrust([]string{name}); !errors.Is(err, ErrPolicy) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
