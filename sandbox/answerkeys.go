package sandbox

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// bankOrganization is the bank's organizationIdentifier in its seals.
const bankOrganization = "PSDFR-ACPR-99001"

// AnswerKeys are what the bank's signed answers are verified with.
type AnswerKeys struct {
	// KeySet holds an RSA and an EC P-256 key, in this order, each with kid, x5c
	// and x5t#S256.
	KeySet jose.JSONWebKeySet
	// Certificates are the certificates of these keys, in PEM, in the same order.
	Certificates []byte
	// Authority is the certificate of the authority that issued them, in PEM. It
	// is not in x5c.
	Authority []byte
}

// answerSeals are the keys that the bank signs answers with.
type answerSeals struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
	// authority has issued rsaDER and ecDER.
	authority, rsaDER, ecDER []byte
}

// signingKey is one of them.
type signingKey struct {
	key  crypto.Signer
	kid  string
	cert []byte // DER
}

// AnswerKeys are those of the moment; they are made when first asked for.
// RotateKeys replaces them, authority and all.
func (b *Bank) AnswerKeys() (AnswerKeys, error) {
	s, err := b.keys.answers(b.now())
	if err != nil {
		return AnswerKeys{}, err
	}
	keys := AnswerKeys{Authority: pemOf(s.authority)}
	for _, der := range [][]byte{s.rsaDER, s.ecDER} {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return AnswerKeys{}, fmt.Errorf("sandbox: %w", err)
		}
		q := qualified{Cert: cert, Thumbprint: sha256.Sum256(der)}
		keys.KeySet.Keys = append(keys.KeySet.Keys, jose.JSONWebKey{Key: cert.PublicKey, KeyID: keyID(cert.PublicKey), Use: "sig",
			Certificates: []*x509.Certificate{cert}, CertificateThumbprintSHA256: q.Thumbprint[:]})
		keys.Certificates = append(keys.Certificates, pemOf(der)...)
	}
	return keys, nil
}

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// answers makes the keys for answers if they are missing.
func (k *bankKeys) answers(now time.Time) (*answerSeals, error) {
	rsaKey, ecKey, err := k.get()
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seals == nil || k.seals.rsa != rsaKey {
		if k.seals, err = newSeals(rsaKey, ecKey, now); err != nil {
			return nil, fmt.Errorf("sandbox: %w", err)
		}
	}
	return k.seals, nil
}

func newSeals(rsaKey *rsa.PrivateKey, ecKey *ecdsa.PrivateKey, now time.Time) (*answerSeals, error) {
	s := &answerSeals{rsa: rsaKey, ec: ecKey}
	issuer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	root := bankTemplate("Sandbox Bank CA", now)
	root.IsCA, root.BasicConstraintsValid, root.KeyUsage = true, true, x509.KeyUsageCertSign
	if s.authority, err = x509.CreateCertificate(rand.Reader, root, root, issuer.Public(), issuer); err != nil {
		return nil, err
	}
	leaf := bankTemplate("Sandbox Bank Seal", now)
	leaf.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	if s.rsaDER, err = x509.CreateCertificate(rand.Reader, leaf, root, rsaKey.Public(), issuer); err != nil {
		return nil, err
	}
	leaf.SerialNumber = big.NewInt(3)
	s.ecDER, err = x509.CreateCertificate(rand.Reader, leaf, root, ecKey.Public(), issuer)
	return s, err
}

func bankTemplate(name string, now time.Time) *x509.Certificate {
	serial := big.NewInt(2)
	return &x509.Certificate{SerialNumber: serial, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		Subject: pkix.Name{CommonName: name, Organization: []string{"Sandbox Bank"}, Country: []string{"FR"},
			ExtraNames: []pkix.AttributeTypeAndValue{{Type: []int{2, 5, 4, 97}, Value: bankOrganization}}}}
}

// forAlgorithm is the key for a JWS algorithm.
func (s *answerSeals) forAlgorithm(algorithm string) signingKey {
	if strings.HasPrefix(algorithm, "ES") {
		return signingKey{s.ec, keyID(s.ec.Public()), s.ecDER}
	}
	return signingKey{s.rsa, keyID(s.rsa.Public()), s.rsaDER}
}

// answerKeySet is the endpoint of the keys for answers.
func (c *call) answerKeySet() (*answer, *problem) {
	keys, err := c.bank.AnswerKeys()
	if err != nil {
		return nil, refuse(http.StatusInternalServerError, codeInternal, "no key could be made")
	}
	return asJSON(http.StatusOK, "application/jwk-set+json", keys.KeySet), nil
}

// shownAnswerKeys gives the keys on the control plane, as JWKS or PEM.
func (b *Bank) shownAnswerKeys(w http.ResponseWriter, pick func(AnswerKeys) []byte) {
	keys, err := b.AnswerKeys()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if pick == nil {
		writeJSON(w, keys.KeySet)
		return
	}
	w.Header().Set("Content-Type", "application/x-pem-file")
	// A client that went away is no concern of the bank's.
	_, _ = bytes.NewReader(pick(keys)).WriteTo(w)
}
