package signer

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// verifyJOSE checks a JSON Web Signature. go-jose does not verify here: it
// refuses every crit that it does not know itself, and all of these are.
func (s *Spec) verifyJOSE(pub crypto.PublicKey, alg *algorithm, msg *Message) error {
	compact, err := s.compact(msg)
	if err != nil {
		return err
	}
	parts := strings.Split(compact, ".")
	if len(parts) != 3 || (parts[1] == "") != (s.Container != containerJWT) {
		return fmt.Errorf("%w: it is no compact JWS of this container", ErrSignature)
	}
	header, err := joseHeaderOf(parts[0])
	if err != nil {
		return err
	}
	if err := s.checkJOSEHeader(alg, header); err != nil {
		return err
	}
	input := []byte(parts[0] + ".")
	switch {
	case s.Container == containerJWT:
		input = append(input, parts[1]...)
	case s.Container == containerHTTPHeaders:
		text, err := s.signedHeaders(pub, msg, header)
		if err != nil {
			return err
		}
		input = append(input, text...)
	case s.JWS.Unencoded:
		input = append(input, msg.Body...)
	default:
		input = base64.RawURLEncoding.AppendEncode(input, msg.Body)
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil || strings.ContainsAny(parts[2], "\r\n") {
		return fmt.Errorf("%w: the JWS signature is not base64url", ErrSignature)
	}
	return alg.verify(pub, input, signature, true)
}

// compact is the JWS of msg: the header's value, or the body.
func (s *Spec) compact(msg *Message) (string, error) {
	if s.Container != containerJWT {
		value, err := received(msg.Header, s.JWS.Header)
		if err == nil && value == "" {
			err = fmt.Errorf("%w: %s", ErrHeaderMissing, strings.ToLower(s.JWS.Header))
		}
		return value, err
	}
	media, err := received(msg.Header, "Content-Type")
	if err == nil && media != s.JWS.ContentType {
		err = fmt.Errorf("%w: Content-Type is not %s", ErrSignature, s.JWS.ContentType)
	}
	return string(msg.Body), err
}

// joseHeaderOf decodes a protected header.
func joseHeaderOf(encoded string) (map[string]json.RawMessage, error) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") {
		return nil, fmt.Errorf("%w: the JWS header is not base64url", ErrSignature)
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(text, &header); err != nil {
		return nil, fmt.Errorf("%w: the JWS header is no JSON object", ErrSignature)
	}
	return header, nil
}

// checkJOSEHeader compares a protected header with what s says.
func (s *Spec) checkJOSEHeader(alg *algorithm, header map[string]json.RawMessage) error {
	var name string
	if json.Unmarshal(header["alg"], &name) != nil || name != string(alg.jose) {
		return fmt.Errorf("%w: alg is %q, expected %q", ErrSignature, name, alg.jose)
	}
	if b64, there := header["b64"]; there != s.JWS.Unencoded || there && string(b64) != "false" {
		return fmt.Errorf("%w: b64 is not as expected", ErrSignature)
	}
	var critical []string
	if raw, there := header["crit"]; there && json.Unmarshal(raw, &critical) != nil {
		return fmt.Errorf("%w: crit is no list", ErrSignature)
	}
	want := s.critical()
	slices.Sort(critical)
	slices.Sort(want)
	if !slices.Equal(critical, want) {
		return fmt.Errorf("%w: crit names %q, expected %q", ErrSignature, critical, want)
	}
	for member := range s.JWS.Members {
		if _, there := header[member]; !there {
			return fmt.Errorf("%w: the member %q is missing", ErrSignature, member)
		}
	}
	return nil
}

// signedHeaders is what container "http-headers-jws" signs of a received message.
func (s *Spec) signedHeaders(pub crypto.PublicKey, msg *Message, header map[string]json.RawMessage) ([]byte, error) {
	f, err := s.receivedFacts(pub, msg, nil)
	if err != nil {
		return nil, err
	}
	var sc scratch
	plans := newPlans(s)
	if err := plans.find(msg).build(&sc, s, msg, &f); err != nil {
		return nil, err
	}
	var detached detachedHeaders
	decoder := json.NewDecoder(bytes.NewReader(header["sigD"]))
	if err := decoder.Decode(&detached); err != nil || detached.ID != httpHeadersID {
		return nil, fmt.Errorf("%w: sigD is not of %s", ErrSignature, httpHeadersID)
	}
	if list := strings.Join(detached.Pars, " "); list != string(sc.list) {
		return nil, fmt.Errorf("%w: signed are %q, expected %q", ErrSignature, list, sc.list)
	}
	return sc.text, nil
}
