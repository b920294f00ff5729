package signer

import (
	"crypto"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// verifyMessage checks an HTTP message signature (RFC 9421 section 3.2).
func (s *Spec) verifyMessage(pub crypto.PublicKey, alg *algorithm, msg *Message) error {
	parameters, err := s.labelled(msg.Header, "Signature-Input")
	if err != nil {
		return err
	}
	value, err := s.labelled(msg.Header, "Signature")
	if err != nil {
		return err
	}
	f, err := s.receivedFacts(pub, msg, nil)
	if err != nil {
		return err
	}
	var sc scratch
	plans := newPlans(s)
	if err := plans.find(msg).build(&sc, s, msg, &f); err != nil {
		return err
	}
	covered := "(" + string(sc.list) + ")"
	rest, ok := strings.CutPrefix(parameters, covered)
	if !ok {
		return fmt.Errorf("%w: signed are not the components expected: %s", ErrSignature, covered)
	}
	if err := s.checkMessageParameters(rest, s.label(alg)); err != nil {
		return err
	}
	sc.base([]byte(parameters))
	inner, opened := strings.CutPrefix(value, ":")
	inner, closed := strings.CutSuffix(inner, ":")
	signature, err := base64.StdEncoding.Strict().DecodeString(inner)
	if !opened || !closed || err != nil || strings.ContainsAny(inner, "\r\n") {
		return fmt.Errorf("%w: Signature is no byte sequence", ErrSignature)
	}
	return alg.verify(pub, sc.text, signature, true)
}

// labelled is what a header holds under the Spec's label, which must be its only
// content.
func (s *Spec) labelled(h http.Header, name string) (string, error) {
	value, err := received(h, name)
	if err != nil {
		return "", err
	}
	if value == "" {
		return "", fmt.Errorf("%w: %s", ErrHeaderMissing, strings.ToLower(name))
	}
	content, ok := strings.CutPrefix(value, s.MessageSignature.Label+"=")
	if !ok {
		return "", fmt.Errorf("%w: %s has not the label %q", ErrSignature, name, s.MessageSignature.Label)
	}
	return content, nil
}

// checkMessageParameters compares the parameters behind the components with
// those that s wants, in order.
func (s *Spec) checkMessageParameters(text, label string) error {
	for _, name := range s.MessageSignature.Parameters {
		after, ok := strings.CutPrefix(text, ";"+name+"=")
		if !ok {
			return fmt.Errorf("%w: the parameter %s is missing, or not in its place", ErrSignature, name)
		}
		end := strings.IndexByte(after, ';')
		if quoted := strings.HasPrefix(after, `"`); quoted {
			_, rest, err := parseValue(after)
			if err != nil {
				return fmt.Errorf("%w: parameter %s %w", ErrSignature, name, err)
			}
			end = len(after) - len(rest)
		} else if end < 0 {
			end = len(after)
		}
		value := after[:end]
		text = after[end:]
		if err := s.checkMessageParameter(name, value, label); err != nil {
			return err
		}
	}
	if text != "" {
		return fmt.Errorf("%w: there are more parameters than expected", ErrSignature)
	}
	return nil
}

func (s *Spec) checkMessageParameter(name, value, label string) error {
	ok := true
	switch name {
	case "created", "expires":
		n, err := strconv.ParseInt(value, 10, 64)
		ok = err == nil && strconv.FormatInt(n, 10) == value
	case "alg":
		ok = value == `"`+label+`"`
	case "tag":
		ok = value == `"`+s.MessageSignature.Tag+`"`
	default:
		ok = len(value) > 2 && value[0] == '"'
	}
	if !ok {
		return fmt.Errorf("%w: the parameter %s is not as expected", ErrSignature, name)
	}
	return nil
}
