package sandbox

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/google/uuid"
)

// strangeMember is one that no standard knows.
const strangeMember = "http://bank.example/strange"

// obie signs as Open Banking does. Its payments are signed, and the rest if the
// rules say so.
func (s *answerSigner) obie(unencoded bool) error {
	if len(s.a.body) == 0 || !(s.call.endpoint.signsAnswer || s.rules.All) {
		return nil
	}
	algorithm := s.algorithm("PS256")
	k, err := s.key(algorithm)
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(k.cert)
	if err != nil {
		return err
	}
	issuer, err := gatewayName(cert.RawSubject)
	if err != nil {
		return err
	}
	return s.detached(k, algorithm, unencoded, []member{{"kid", k.kid}, {obIssuedAt, s.at.Unix()}, {obIssuer, issuer}, {obAnchor, obTrustAnchor}},
		[]string{obIssuedAt, obIssuer, obAnchor}, s.a.body)
}

// polish signs as PolishAPI does: RS256 over the body as it is.
func (s *answerSigner) polish() error {
	if len(s.a.body) == 0 {
		return nil
	}
	algorithm := s.algorithm("RS256")
	k, err := s.key(algorithm)
	if err != nil {
		return err
	}
	return s.detached(k, algorithm, true, []member{{"kid", k.kid}}, nil, s.a.body)
}

// georgia signs status and headers, its certificate in x5c; ing signs media
// type and digest.
func (s *answerSigner) georgia() error {
	return s.headers(append([]string{"(response-status)"}, s.pars("x-request-id", "content-type", "content-length", "digest")...))
}

func (s *answerSigner) ing() error { return s.headers(s.pars("content-type", "digest")) }

// pars are those of the names that the answer is going to have.
func (s *answerSigner) pars(names ...string) []string {
	s.digest()
	if len(s.a.body) > 0 {
		s.a.header.Set("Content-Length", strconv.Itoa(len(s.a.body)))
	}
	return s.present(names...)
}

// headers signs header lines (ETSI TS 119 182-1 section 5.2.8.2).
func (s *answerSigner) headers(pars []string) error {
	algorithm := s.algorithm("PS256")
	k, err := s.key(algorithm)
	if err != nil {
		return err
	}
	var text string
	for i, name := range pars {
		value := s.a.header.Get(name)
		if name == "(response-status)" {
			value = s.status()
		}
		if i > 0 {
			text += "\n"
		}
		text += name + ": " + value
	}
	return s.detached(k, algorithm, true, []member{
		{"x5c", []string{base64.StdEncoding.EncodeToString(k.cert)}},
		{"sigT", s.at.UTC().Format("2006-01-02T15:04:05Z")},
		{"sigD", map[string]any{"pars": pars, "mId": httpHeadersID}},
	}, []string{"sigT", "sigD"}, []byte(text))
}

// detached signs a payload and sends the JWS in X-JWS-Signature.
func (s *answerSigner) detached(k signingKey, algorithm string, unencoded bool, members []member, critical []string, payload []byte) error {
	shown := unencoded != (s.rules.Wrong == AnswerWrongEncoding)
	if shown {
		members = append(members, member{"b64", false})
		critical = append(critical, "b64")
	}
	if s.rules.Wrong == AnswerWrongCritical {
		members = append(members, member{strangeMember, 1})
		critical = append(critical, strangeMember)
	}
	if s.rules.Wrong == AnswerWrongNone {
		algorithm = "none"
	}
	members = slices.Concat([]member{{"alg", algorithm}}, members)
	if len(critical) > 0 {
		members = append(members, member{"crit", critical})
	}
	header, err := ordered(members)
	if err != nil {
		return err
	}
	j := detached{protected: base64.RawURLEncoding.EncodeToString(header), unencoded: shown}
	var signature []byte
	if algorithm != "none" {
		if signature, err = signBytes(k.key, algorithm, j.input(payload)); err != nil {
			return err
		}
	}
	value := j.protected + ".." + base64.RawURLEncoding.EncodeToString(signature)
	if s.rules.Wrong == AnswerWrongForm {
		value = "not a signature"
	}
	s.a.header.Set(jwsHeader, value)
	return nil
}

// jwt makes the whole answer a signed JWT, as Open Finance Brasil does.
// Refusals stay plain JSON.
func (s *answerSigner) jwt() error {
	if s.a.status >= 400 || len(s.a.body) == 0 {
		return nil
	}
	algorithm := s.algorithm("PS256")
	k, err := s.key(algorithm)
	if err != nil {
		return err
	}
	claims := map[string]json.RawMessage{}
	if err := json.Unmarshal(s.a.body, &claims); err != nil {
		return err
	}
	audience := ""
	if s.call.qwac != nil {
		audience = s.call.qwac.OrgID
	}
	for name, value := range map[string]any{"iss": bankOrganization, "aud": audience, "iat": s.at.Unix(), "jti": uuid.NewString()} {
		if claims[name], err = json.Marshal(value); err != nil {
			return err
		}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return err
	}
	members := []member{{"alg", algorithm}, {"kid", k.kid}, {"typ", "JWT"}}
	switch s.rules.Wrong {
	case AnswerWrongNone:
		members[0].value = "none"
	case AnswerWrongCritical:
		members = append(members, member{strangeMember, 1}, member{"crit", []string{strangeMember}})
	}
	header, err := ordered(members)
	if err != nil {
		return err
	}
	encode := base64.RawURLEncoding.EncodeToString
	input := encode(header) + "." + encode(payload)
	var signature []byte
	if s.rules.Wrong != AnswerWrongNone {
		if signature, err = signBytes(k.key, algorithm, []byte(input)); err != nil {
			return err
		}
	}
	if s.rules.Wrong == AnswerWrongBody {
		// Another payload under the same signature.
		input = encode(header) + "." + encode(altered(payload))
	}
	s.a.body = []byte(input + "." + encode(signature))
	if s.rules.Wrong == AnswerWrongForm {
		s.a.body = []byte("not a signature")
	}
	s.a.header.Set("Content-Type", typeJWT)
	return nil
}
