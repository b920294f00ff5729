package sandbox

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// answerSigner signs one answer, or spoils it as the rules say.
type answerSigner struct {
	call  *call
	a     *answer
	rules AnswerRules
	seals *answerSeals
	// at is the time of signing.
	at time.Time
}

// signAnswer signs an answer the way of the endpoint's standard. A key that
// cannot be made leaves the answer unsigned, which the client will notice.
func (c *call) signAnswer(a *answer) {
	rules := c.bank.Rules().Answers
	seal := c.endpoint.dialect.seal()
	digests := rules.Digest && (c.endpoint.dialect == dialectSTET || c.endpoint.dialect == dialectBerlin)
	if rules.Wrong == AnswerWrongMissing || (seal == nil && !digests) {
		return
	}
	seals, err := c.bank.keys.answers(c.bank.now())
	if err != nil {
		return
	}
	s := &answerSigner{call: c, a: a, rules: rules, seals: seals, at: c.bank.now()}
	if rules.Wrong == AnswerWrongTime {
		s.at = s.at.Add(-24 * time.Hour)
	}
	if seal == nil {
		s.digest()
	} else if err = seal(s); err != nil {
		return
	}
	switch {
	case rules.Wrong == AnswerWrongBody && a.header.Get("Content-Type") != typeJWT:
		a.body = altered(a.body)
	case rules.Wrong == AnswerWrongHeader:
		a.header.Set("Content-Type", "application/x-altered+json")
	}
}

// altered changes one digit, so that the length and the form stay.
func altered(body []byte) []byte {
	body = bytes.Clone(body)
	for i := len(body) - 1; i >= 0; i-- {
		if isDigit(body[i]) {
			body[i] = '0' + (body[i]-'0'+1)%10
			return body
		}
	}
	return append(body, ' ')
}

// algorithm is the rules', or the standard's.
func (s *answerSigner) algorithm(standard string) string {
	if s.rules.Algorithm != "" {
		return s.rules.Algorithm
	}
	return standard
}

// key is the key for an algorithm, and the name that the answer gives it.
func (s *answerSigner) key(algorithm string) (signingKey, error) {
	k := s.seals.forAlgorithm(algorithm)
	switch s.rules.Wrong {
	case AnswerWrongKid:
		k.kid = "nobody-knows-this-key"
	case AnswerWrongChain:
		strange, err := newSeals(s.seals.rsa, s.seals.ec, s.call.bank.now())
		if err != nil {
			return k, err
		}
		k.cert = strange.forAlgorithm(algorithm).cert
	case AnswerWrongKey:
		strange, err := strangeKey(k.key)
		if err != nil {
			return k, err
		}
		k.key, _ = strange.(crypto.Signer)
	}
	return k, nil
}

// signBytes signs by a JWS algorithm (RFC 7518 section 3).
func signBytes(key crypto.Signer, algorithm string, input []byte) ([]byte, error) {
	hash, sum := crypto.SHA256, sha256.Sum256(input)
	digest := sum[:]
	if algorithm == "PS512" {
		long := sha512.Sum512(input)
		hash, digest = crypto.SHA512, long[:]
	}
	switch algorithm[:2] {
	case "PS":
		return key.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash})
	case "RS":
		return key.Sign(rand.Reader, digest, hash)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("sandbox: %s needs an EC key", algorithm)
	}
	r, t, err := ecdsa.Sign(rand.Reader, ec, digest)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, 64)
	r.FillBytes(raw[:32])
	t.FillBytes(raw[32:])
	return raw, nil
}

// digest adds Digest (RFC 3230).
func (s *answerSigner) digest() {
	if s.rules.Wrong != AnswerWrongNoDigest {
		sum := sha256.Sum256(s.digested())
		s.a.header.Set("Digest", "SHA-256="+base64.StdEncoding.EncodeToString(sum[:]))
	}
}

// contentDigest adds Content-Digest (RFC 9530).
func (s *answerSigner) contentDigest() {
	if s.rules.Wrong != AnswerWrongNoDigest {
		sum := sha256.Sum256(s.digested())
		s.a.header.Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
	}
}

// digested is what digests are made of.
func (s *answerSigner) digested() []byte {
	if s.rules.Wrong == AnswerWrongDigest {
		return append(bytes.Clone(s.a.body), " of another"...)
	}
	return s.a.body
}

// status is the status that is signed.
func (s *answerSigner) status() string {
	if s.rules.Wrong == AnswerWrongStatus {
		return fmt.Sprint(s.a.status + 1)
	}
	return fmt.Sprint(s.a.status)
}

// member is a member of a JSON object, in the order of writing.
type member struct {
	name  string
	value any
}

// ordered writes a JSON object.
func ordered(members []member) ([]byte, error) {
	var parts []string
	for _, m := range members {
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		parts = append(parts, fmt.Sprintf("%q:%s", m.name, value))
	}
	return []byte("{" + strings.Join(parts, ",") + "}"), nil
}

// present are those of the names that the answer has as headers.
func (s *answerSigner) present(names ...string) []string {
	var found []string
	for _, name := range names {
		if s.a.header.Get(name) != "" {
			found = append(found, name)
		}
	}
	return found
}

// cavage signs in the header Signature (draft-cavage-10), which has no
// (request-target) for answers.
func (s *answerSigner) cavage() error {
	algorithm := s.algorithm("RS256")
	label := map[string]string{"RS256": "rsa-sha256", "ES256": "ecdsa-sha256", "PS256": "hs2019"}[algorithm]
	k, err := s.key(algorithm)
	if err != nil {
		return err
	}
	s.a.header.Set("Date", s.at.UTC().Format(http.TimeFormat))
	s.digest()
	names := s.present("date", "digest", "content-type", "x-fapi-interaction-id")
	var lines []string
	for _, name := range names {
		lines = append(lines, name+": "+s.a.header.Get(name))
	}
	text := []byte(strings.Join(lines, "\n"))
	var signature []byte
	if ec, ok := k.key.(*ecdsa.PrivateKey); ok {
		sum := sha256.Sum256(text)
		signature, err = ecdsa.SignASN1(rand.Reader, ec, sum[:]) // cavage wants DER
	} else {
		signature, err = signBytes(k.key, algorithm, text)
	}
	if err != nil {
		return err
	}
	value := fmt.Sprintf(`keyId="%s",algorithm="%s",headers="%s",signature="%s"`, k.kid, label, strings.Join(names, " "),
		base64.StdEncoding.EncodeToString(signature))
	if s.rules.Wrong == AnswerWrongForm {
		value = "not a signature"
	}
	s.a.header.Set("Signature", value)
	return nil
}

// message signs by RFC 9421.
func (s *answerSigner) message() error {
	algorithm := s.algorithm("PS256")
	label := map[string]string{"PS256": "rsa-pss-sha512", "RS256": "rsa-v1_5-sha256", "ES256": "ecdsa-p256-sha256"}[algorithm]
	k, err := s.key(algorithm)
	if err != nil {
		return err
	}
	s.contentDigest()
	lines := []string{`"@status": ` + s.status()}
	names := []string{`"@status"`}
	for _, name := range s.present("content-type", "content-digest", "x-request-id") {
		names = append(names, `"`+name+`"`)
		lines = append(lines, `"`+name+`": `+s.a.header.Get(name))
	}
	input := fmt.Sprintf(`(%s);created=%d;keyid="%s";alg="%s"`, strings.Join(names, " "), s.at.Unix(), k.kid, label)
	lines = append(lines, `"@signature-params": `+input)
	if algorithm == "PS256" {
		algorithm = "PS512"
	}
	signature, err := signBytes(k.key, algorithm, []byte(strings.Join(lines, "\n")))
	if err != nil {
		return err
	}
	s.a.header.Set("Signature-Input", "sig1="+input)
	value := "sig1=:" + base64.StdEncoding.EncodeToString(signature) + ":"
	if s.rules.Wrong == AnswerWrongForm {
		value = "not a signature"
	}
	s.a.header.Set("Signature", value)
	return nil
}
