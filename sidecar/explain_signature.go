package sidecar

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/signer"
)

// ExplainedSignature is how a request is signed.
type ExplainedSignature struct {
	// Container is the form and place of the signature.
	Container string `json:"container"`
	// Text is the signing string, byte for byte: what the algorithm is applied to.
	Text string `json:"signing_string"`
	// Signed are the names in it, in order.
	Signed []string `json:"signed,omitempty"`
	// Algorithm is the real one, Label what the request says.
	Algorithm string `json:"algorithm"`
	Label     string `json:"algorithm_label,omitempty"`
	// KeyID names the key, KeyIDFrom says how it was derived.
	KeyID     string `json:"key_id,omitempty"`
	KeyIDFrom string `json:"key_id_from,omitempty"`
	// Protected is the protected header of a JSON Web Signature, decoded.
	Protected json.RawMessage `json:"protected,omitempty"`
	// Digest is the digest header, nil if there is none.
	Digest *ExplainedDigest `json:"digest,omitempty"`
}

// ExplainedDigest is a digest header and what it was computed of.
type ExplainedDigest struct {
	Header string `json:"header"`
	Value  string `json:"value"`
	// Input says what was digested, InputLength how many bytes that is.
	Input       string `json:"input"`
	InputLength int    `json:"input_length"`
}

// explainSignature signs message, or goes as far as that without a key, and says
// how.
func (ex *Exchange) explainSignature(e *Explanation, message *signer.Message, options ExplainOptions) error {
	s := ex.signer
	if options.Hide {
		var err error
		if s, err = s.Blind(); err != nil {
			return err
		}
		e.note("nothing was signed: where the signature would be, " + signer.NotSigned + " stands")
	}
	spec, now, plain := s.Spec(), ex.lastDate, len(message.Body)
	text, signed, err := s.SigningString(message, now)
	if err != nil {
		return err
	}
	if err := s.Sign(message, now); err != nil {
		return err
	}
	if options.Hide && len(signed) == 0 {
		head, payload, _ := strings.Cut(text, ".")
		text = head + "." + standIn(fmt.Sprintf("payload, %d bytes", len(payload)))
	}
	e.Signature = &ExplainedSignature{Container: spec.Container, Text: text, Signed: signed,
		Algorithm: s.Algorithm(), Label: s.AlgorithmLabel(), KeyID: s.KeyID(), Digest: explainDigest(spec, message, plain)}
	e.Signature.Protected = protectedHeader(text)
	if s.KeyID() != "" {
		e.Signature.KeyIDFrom = spec.KeyID.Text()
	}
	if ex.aspsp.config.Profile.Token.ClientIDFromAnswer {
		e.note("the bank gives the client_id with the application token: the real keyId may be another one")
	}
	return nil
}

// protectedHeader is the protected header of a JWS signing input (RFC 7515
// section 5.1), nil of any other text.
func protectedHeader(text string) json.RawMessage {
	encoded, _, found := strings.Cut(text, ".")
	header, err := base64.RawURLEncoding.DecodeString(encoded)
	if !found || err != nil || !json.Valid(header) {
		return nil
	}
	return header
}

// explainDigest says what a digest header was made of.
func explainDigest(spec signer.Spec, message *signer.Message, length int) *ExplainedDigest {
	values := message.Header[spec.Digest.Header]
	if len(values) != 1 {
		return nil
	}
	d := &ExplainedDigest{Header: spec.Digest.Header, Value: values[0], Input: "the body", InputLength: length}
	if length == 0 {
		if d.Input = "nothing, since there is no body"; spec.Digest.Empty == "braces" {
			d.Input, d.InputLength = "{} in place of the missing body", len("{}")
		}
	}
	return d
}
