package sandbox

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// answerCase is one signed answer, and how a client holds it against the keys.
type answerCase struct {
	call  func(*world) response
	check func(*world, response) error
}

// joseVerify checks a JWS signature with one of the bank's keys.
func joseVerify(key any, algorithm string, input string, sig []byte) error {
	sum := sha256.Sum256([]byte(input))
	switch key := key.(type) {
	case *rsa.PublicKey:
		if algorithm == "PS256" {
			return rsa.VerifyPSS(key, crypto.SHA256, sum[:], sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig)
	case *ecdsa.PublicKey:
		if len(sig) == 64 && ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
			return nil
		}
	}
	return errors.New("not verified")
}

// publicKey finds the bank's key.
func (w *world) publicKey(kid string) any {
	w.Helper()
	keys, err := w.bank.AnswerKeys()
	if err != nil {
		w.Fatal(err)
	}
	for _, key := range keys.KeySet.Key(kid) {
		return key.Key
	}
	return nil
}

// openAnswer takes a detached JWS apart; crit must be what is expected.
func openAnswer(value string, critical ...string) (header map[string]any, protected string, sig []byte, err error) {
	first, last, ok := strings.Cut(value, "..")
	raw, err1 := base64.RawURLEncoding.DecodeString(first)
	sig, err2 := base64.RawURLEncoding.DecodeString(last)
	if !ok || err1 != nil || err2 != nil || json.Unmarshal(raw, &header) != nil {
		return nil, "", nil, errors.New("not a detached JWS")
	}
	named, _ := header["crit"].([]any)
	if fmt.Sprint(named) != fmt.Sprint(critical) {
		return nil, "", nil, fmt.Errorf("crit is %v", named)
	}
	return header, first, sig, nil
}

// recent wants a time of the last minute.
func recent(seconds float64) error {
	if time.Since(time.Unix(int64(seconds), 0)).Abs() > time.Minute {
		return errors.New("too old")
	}
	return nil
}

func (w *world) checkOBIEAnswer(resp response) error {
	header, protected, sig, err := openAnswer(resp.header.Get("x-jws-signature"), iatName, issName, tanName)
	if err != nil {
		return err
	}
	if header["b64"] != nil || header["tan"] != nil || header[tanName] != "openbanking.org.uk" {
		return errors.New("the header is wrong")
	}
	seconds, _ := header[iatName].(float64)
	return errors.Join(recent(seconds), joseVerify(w.publicKey(text(header["kid"])), text(header["alg"]), protected+"."+b64([]byte(resp.body)), sig))
}

func (w *world) checkPolishAnswer(resp response) error {
	header, protected, sig, err := openAnswer(resp.header.Get("x-jws-signature"), "b64")
	if err != nil {
		return err
	}
	if header["b64"] != false {
		return errors.New("b64 is not false")
	}
	return joseVerify(w.publicKey(text(header["kid"])), text(header["alg"]), protected+"."+resp.body, sig)
}

// checkHeadersAnswer verifies a JWS over headers with the certificate in x5c.
func (w *world) checkHeadersAnswer(resp response, covers string) error {
	header, protected, sig, err := openAnswer(resp.header.Get("x-jws-signature"), "sigT", "sigD", "b64")
	if err != nil {
		return err
	}
	sigD, _ := header["sigD"].(map[string]any)
	var names, lines []string
	for _, name := range list(sigD, "pars") {
		names = append(names, text(name))
		value := resp.header.Get(text(name))
		if name == "(response-status)" {
			value = fmt.Sprint(resp.status)
		}
		lines = append(lines, text(name)+": "+value)
	}
	if strings.Join(names, " ") != covers || header["b64"] != false {
		return fmt.Errorf("it covers %s", names)
	}
	chain := list(header, "x5c")
	der, err := base64.StdEncoding.DecodeString(text(chain[0]))
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	keys, err := w.bank.AnswerKeys()
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(keys.Authority)
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, text(header["sigT"]))
	if err != nil {
		return err
	}
	if resp.header.Get("Digest") != digestOf(resp.body) {
		return errors.New("the digest is wrong")
	}
	return errors.Join(recent(float64(at.Unix())), joseVerify(cert.PublicKey, text(header["alg"]), protected+"."+strings.Join(lines, "\n"), sig))
}

func (w *world) checkJWTAnswer(resp response) error {
	parts := strings.Split(resp.body, ".")
	if len(parts) != 3 || resp.header.Get("Content-Type") != "application/jwt" {
		return errors.New("no JWT")
	}
	var header, claims map[string]any
	for i, into := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(raw, into) != nil {
			return errors.New("no JWT")
		}
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || header["crit"] != nil || claims["aud"] != orgID || claims["data"] == nil {
		return errors.New("wrong header or claims")
	}
	seconds, _ := claims["iat"].(float64)
	return errors.Join(recent(seconds), joseVerify(w.publicKey(text(header["kid"])), text(header["alg"]), parts[0]+"."+parts[1], sig))
}

func (w *world) checkMessageAnswer(resp response) error {
	input, ok1 := strings.CutPrefix(resp.header.Get("Signature-Input"), "sig1=")
	value, ok2 := strings.CutPrefix(resp.header.Get("Signature"), "sig1=:")
	sig, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(value, ":"))
	if !ok1 || !ok2 || err != nil {
		return errors.New("no signature")
	}
	var created int64
	var kid string
	names, params, _ := strings.Cut(input, ")")
	if _, err := fmt.Sscanf(strings.ReplaceAll(params, ";", " "), " created=%d keyid=%q", &created, &kid); err != nil {
		return err
	}
	var lines []string
	for _, name := range strings.Fields(strings.Trim(names, "(")) {
		value := resp.header.Get(strings.Trim(name, `"`))
		if name == `"@status"` {
			value = fmt.Sprint(resp.status)
		}
		lines = append(lines, name+": "+value)
	}
	if names != `("@status" "content-type" "content-digest" "x-request-id"` {
		return fmt.Errorf("it covers %s", names)
	}
	sum := sha256.Sum256([]byte(resp.body))
	if resp.header.Get("Content-Digest") != "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":" {
		return errors.New("the digest is wrong")
	}
	key, ok := w.publicKey(kid).(*rsa.PublicKey)
	if !ok {
		return errors.New("no such key")
	}
	long := sha512.Sum512([]byte(strings.Join(append(lines, `"@signature-params": `+input), "\n")))
	return errors.Join(recent(float64(created)), rsa.VerifyPSS(key, crypto.SHA512, long[:], sig, nil))
}
