package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Bounds of created, seen from the bank's clock: RFC 9421 leaves them to the
// verifier (section 3.2), FAPI 2.0 asks for a short one.
const (
	createdPast   = 60 * time.Second
	createdFuture = 2 * time.Second
)

// messageSignature is one signature of RFC 9421, taken apart.
type messageSignature struct {
	label     string
	covered   []string
	input     string // the value of @signature-params
	keyID     string
	algorithm string
	created   time.Time
	expires   time.Time
	nonce     string
	tag       string
	signature []byte
}

// parseMessageSignature reads Signature-Input and Signature, which must hold
// one signature under the same label.
func parseMessageSignature(input, signature string) (*messageSignature, error) {
	inputs, err := parseDictionary(input)
	if err != nil {
		return nil, fmt.Errorf("header Signature-Input: %w", err)
	}
	values, err := parseDictionary(signature)
	if err != nil {
		return nil, fmt.Errorf("header Signature: %w", err)
	}
	switch {
	case len(inputs) != 1 || len(values) != 1:
		return nil, errors.New("Signature-Input and Signature hold none or more than one signature; one is expected")
	case inputs[0].name != values[0].name:
		return nil, fmt.Errorf("Signature-Input has the label %.40q, Signature has %.40q", inputs[0].name, values[0].name)
	case !inputs[0].inner:
		return nil, errors.New("header Signature-Input is not a list of components in parentheses")
	case values[0].item.kind != sfBytes || len(values[0].item.bytes) == 0 || values[0].params != nil:
		return nil, errors.New("header Signature is not a byte sequence between colons")
	}
	m := &messageSignature{label: inputs[0].name, signature: values[0].item.bytes}
	if m.input, err = inputs[0].writeInner(); err != nil {
		return nil, fmt.Errorf("header Signature-Input: %w", err)
	}
	for _, e := range inputs[0].list {
		switch {
		case e.item.kind != sfString || e.item.text == "":
			return nil, errors.New("a component in Signature-Input is no text in quotation marks")
		case e.params != nil:
			return nil, fmt.Errorf("the component %.60q has parameters, which this bank does not take", e.item.text)
		case e.item.text != strings.ToLower(e.item.text):
			return nil, errors.New("the components of Signature-Input must be in lower case")
		case slices.Contains(m.covered, e.item.text):
			return nil, fmt.Errorf("Signature-Input names the component %.60q twice", e.item.text)
		}
		m.covered = append(m.covered, e.item.text)
	}
	return m, m.readParameters(inputs[0].params)
}

func (m *messageSignature) readParameters(params []sfParameter) error {
	for _, p := range params {
		kind := sfString
		if p.name == "created" || p.name == "expires" {
			kind = sfInteger
		}
		if p.item.kind != kind {
			return fmt.Errorf("the parameter %.40q of Signature-Input is of the wrong type", p.name)
		}
		switch p.name {
		case "created":
			m.created = time.Unix(p.item.number, 0)
		case "expires":
			m.expires = time.Unix(p.item.number, 0)
		case "keyid":
			m.keyID = p.item.text
		case "alg":
			m.algorithm = p.item.text
		case "nonce":
			m.nonce = p.item.text
		case "tag":
			m.tag = p.item.text
		default:
			return fmt.Errorf("Signature-Input has the unknown parameter %.40q", p.name)
		}
	}
	return nil
}

// base is the signature base (RFC 9421 section 2.5). The derived components
// are taken from the request line and Host as they arrived.
func (m *messageSignature) base(msg *message) (string, error) {
	var out strings.Builder
	for _, name := range m.covered {
		value, err := component(msg, name)
		if err != nil {
			return "", err
		}
		out.WriteString(`"` + name + `": ` + value + "\n")
	}
	out.WriteString(`"@signature-params": ` + m.input)
	return out.String(), nil
}

// component is the value of one component (RFC 9421 sections 2.1 and 2.2).
func component(msg *message, name string) (string, error) {
	path, query, hasQuery := strings.Cut(msg.Target, "?")
	authority := strings.TrimSuffix(strings.ToLower(msg.value("host")), ":443")
	switch name {
	case "@method":
		return msg.Method, nil
	case "@target-uri":
		return "https://" + msg.value("host") + msg.Target, nil
	case "@authority":
		return authority, nil
	case "@scheme":
		return "https", nil
	case "@request-target":
		return msg.Target, nil
	case "@path":
		return path, nil
	case "@query":
		if !hasQuery {
			return "?", nil
		}
		return "?" + query, nil
	}
	if strings.HasPrefix(name, "@") {
		return "", fmt.Errorf("Signature-Input names the component %.60q, which a request does not have or this bank does not take", name)
	}
	values := msg.values(name)
	if len(values) == 0 {
		return "", fmt.Errorf("Signature-Input names %.60q, which the request does not have", name)
	}
	return strings.Join(values, ", "), nil
}

// checkMessageSignature verifies a signature of RFC 9421.
func (c *call) checkMessageSignature() {
	input, ok := c.wantsSignature("signature-input")
	if !ok {
		return
	}
	value, ok := c.wantsSignature("signature")
	if !ok {
		return
	}
	m, err := parseMessageSignature(input, value)
	if err != nil {
		c.fail(c.signatureStatus(), codeSignature, "%v", err)
		return
	}
	c.rec.KeyID = m.keyID
	c.checkComponents(m)
	for _, err := range m.checkTimes(c.bank.now()) {
		c.fail(c.signatureStatus(), codeSignature, "%v", err)
	}
	if m.nonce != "" && !c.bank.jwtIDs.remember("nonce "+m.keyID+" "+m.nonce) {
		c.fail(c.signatureStatus(), codeSignature, "the nonce in Signature-Input was used before")
	}
	text, err := m.base(&c.msg)
	if err != nil {
		c.fail(c.signatureStatus(), codeSignature, "%v", err)
		return
	}
	c.rec.SigningString = text
	keys, err := c.keysNamed(m.keyID)
	if err != nil {
		c.badSignature("Signature-Input: keyid", err)
		return
	}
	for _, key := range keys {
		if err = verifyMessage(key.public, m.algorithm, []byte(text), m.signature); err == nil {
			c.signedWith(key, m.signature)
			return
		}
	}
	c.fail(c.signatureStatus(), codeSignature, "%v", err)
}

func (m *messageSignature) checkTimes(now time.Time) (problems []error) {
	switch {
	case m.created.IsZero():
		problems = append(problems, errors.New("Signature-Input has no parameter created"))
	case now.Sub(m.created) > createdPast+time.Second:
		problems = append(problems, fmt.Errorf("created is more than %s in the past", createdPast))
	case m.created.Sub(now) > createdFuture:
		problems = append(problems, fmt.Errorf("created is more than %s in the future", createdFuture))
	}
	if !m.expires.IsZero() && !now.Before(m.expires) {
		problems = append(problems, errors.New("expires is over"))
	}
	if m.keyID == "" {
		problems = append(problems, errors.New("Signature-Input has no parameter keyid"))
	}
	return problems
}

// checkComponents wants everything signed that says what is asked of the bank.
func (c *call) checkComponents(m *messageSignature) {
	has := func(names ...string) bool {
		for _, name := range names {
			if !slices.Contains(m.covered, name) {
				return false
			}
		}
		return true
	}
	whole := has("@target-uri") || ((has("@authority") || has("host")) && (has("@request-target") || has("@path", "@query") ||
		(has("@path") && !strings.Contains(c.msg.Target, "?"))))
	if !whole {
		c.fail(c.signatureStatus(), codeSignature, "the target is not signed: @target-uri is, or @authority with @request-target, or with @path and @query")
	}
	required := []string{"@method"}
	if len(c.body) > 0 {
		required = append(required, "content-digest", "content-type")
	}
	for _, f := range c.msg.Fields {
		if strings.HasPrefix(f.Lower, "psu-") || f.Lower == "x-request-id" {
			required = append(required, f.Lower)
		}
	}
	for _, name := range required {
		if !has(name) {
			c.fail(c.signatureStatus(), codeSignature, "%s is not signed", name)
		}
	}
	if value, ok := c.msg.first("content-digest"); ok {
		if err := checkContentDigest(value, c.body); err != nil {
			c.fail(http.StatusBadRequest, codeRequest, "%v", err)
		}
	} else if len(c.body) > 0 {
		c.fail(http.StatusBadRequest, codeRequest, "the header Content-Digest is missing")
	}
}
