package signer

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// messageSigner is what container "message-signature" has ready at compile time
// (RFC 9421).
type messageSigner struct {
	label string
	// parameters are the signature parameters in order, with their text as far as
	// it does not depend on the request: ;keyid="…".
	parameters []messageParameter
}

type messageParameter struct {
	name string
	text string // ;name= and, if it is the same for all requests, the value
}

// nonceBytes is how much of a nonce is random.
const nonceBytes = 16

func newMessageSigner(spec *Spec, keyID, label string) (*messageSigner, error) {
	m := &messageSigner{label: spec.MessageSignature.Label}
	for _, name := range spec.MessageSignature.Parameters {
		p := messageParameter{name: name, text: ";" + name + "="}
		value := ""
		switch name {
		case "keyid":
			value = keyID
		case "alg":
			if value = label; value == "" {
				return nil, fmt.Errorf(`%w: signature.algorithm: RFC 9421 registers no name for it; set algorithm_label, or take "alg" out of message_signature.parameters`, ErrSpec)
			}
		case "tag":
			value = spec.MessageSignature.Tag
		default:
			m.parameters = append(m.parameters, p)
			continue
		}
		quoted, ok := quotedString(value)
		if !ok {
			return nil, fmt.Errorf("%w: message_signature: %s holds a character outside printable ASCII (RFC 8941 section 3.3.3)", ErrSpec, name)
		}
		p.text += quoted
		m.parameters = append(m.parameters, p)
	}
	return m, nil
}

// quotedString writes a string of structured fields (RFC 8941 section 4.1.6).
func quotedString(value string) (string, bool) {
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return "", false
		}
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`, true
}

// finish adds the last line of the signature base to sc.text and leaves the
// parameters, as Signature-Input has them after the label, in sc.value (RFC
// 9421 sections 2.3 and 2.5).
func (m *messageSigner) finish(sc *scratch, f *facts) {
	sc.value = append(append(append(sc.value, '('), sc.list...), ')')
	for i := range m.parameters {
		p := &m.parameters[i]
		sc.value = append(sc.value, p.text...)
		switch p.name {
		case "created":
			sc.value = strconv.AppendInt(sc.value, f.created, 10)
		case "expires":
			sc.value = strconv.AppendInt(sc.value, f.expires, 10)
		case "nonce":
			sc.value = append(append(append(sc.value, '"'), f.nonce...), '"')
		}
	}
	sc.base(sc.value)
}

// base ends the signature base with the parameters.
func (sc *scratch) base(parameters []byte) {
	if len(sc.text) > 0 {
		sc.text = append(sc.text, '\n')
	}
	sc.text = append(append(sc.text, `"@signature-params": `...), parameters...)
}

func newNonce() string {
	var random [nonceBytes]byte
	_, _ = rand.Read(random[:]) // never fails
	return base64.StdEncoding.EncodeToString(random[:])
}

// wantsNonce says whether each signature takes a nonce.
func (m *messageSigner) wantsNonce() bool {
	return slices.ContainsFunc(m.parameters, func(p messageParameter) bool { return p.name == "nonce" })
}

// component writes a derived component (RFC 9421 section 2.2) of a request that
// goes out over TLS.
func (sc *scratch) component(e *entry, msg *Message) error {
	if !isToken(msg.Method) {
		return fmt.Errorf("%w: the method is not a token", ErrHeaderValue)
	}
	if msg.Target == "" || hasControl(msg.Target, false) || strings.IndexByte(msg.Target, ' ') >= 0 || hasControl(msg.Host, false) {
		return fmt.Errorf("%w: the request-target or host is empty or holds a space or control character", ErrHeaderValue)
	}
	path, query, _ := strings.Cut(msg.Target, "?")
	sc.begin(e.name)
	switch e.name {
	case "@method":
		sc.text = append(sc.text, msg.Method...)
	case "@target-uri":
		sc.text = append(sc.text, "https://"...)
		sc.text = append(sc.text, msg.Host...)
		sc.text = append(sc.text, msg.Target...)
	case "@authority":
		sc.text = appendLower(sc.text, strings.TrimSuffix(msg.Host, ":443"))
	case "@scheme":
		sc.text = append(sc.text, "https"...)
	case "@request-target":
		sc.text = append(sc.text, msg.Target...)
	case "@path":
		sc.text = append(sc.text, path...)
	case "@query":
		sc.text = append(append(sc.text, '?'), query...)
	}
	return nil
}
