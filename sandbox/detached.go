package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// detached is a JWS with detached content in compact form (RFC 7515 appendix
// F): taken apart, not verified yet.
type detached struct {
	algorithm string
	keyID     string
	// protected is the header as it was sent, in base64url.
	protected string
	members   map[string]json.RawMessage
	critical  []string
	// unencoded is b64:false (RFC 7797).
	unencoded bool
	signature []byte
}

// parseDetached reads the value of a header such as x-jws-signature.
func parseDetached(value string) (*detached, error) {
	parts := strings.Split(value, ".")
	switch {
	case len(parts) != 3:
		return nil, errors.New("it is not protected header, two dots and signature")
	case parts[1] != "":
		return nil, errors.New("it carries the payload, which must be left out: two dots follow each other in a detached JWS")
	}
	header, err := base64.RawURLEncoding.Strict().DecodeString(parts[0])
	if err != nil {
		return nil, errors.New("its protected header is not base64url without padding")
	}
	j := &detached{protected: parts[0]}
	if j.signature, err = base64.RawURLEncoding.Strict().DecodeString(parts[2]); err != nil || len(j.signature) == 0 {
		return nil, errors.New("its signature is not base64url without padding")
	}
	if j.members, err = jsonObject(header); err != nil {
		return nil, fmt.Errorf("its protected header cannot be read: %w", err)
	}
	return j, j.understand()
}

// understand reads the members that every standard knows.
func (j *detached) understand() error {
	var ok bool
	if j.algorithm, ok = jsonText(j.members, "alg"); !ok {
		return errors.New("alg is missing in its protected header, or no text")
	}
	if _, there := j.members["kid"]; there {
		if j.keyID, ok = jsonText(j.members, "kid"); !ok || j.keyID == "" {
			return errors.New("kid in its protected header is empty or no text")
		}
	}
	if raw, there := j.members["b64"]; there {
		switch string(bytes.TrimSpace(raw)) {
		case "false":
			j.unencoded = true
		case "true":
		default:
			return errors.New("b64 in its protected header is neither true nor false")
		}
	}
	if raw, there := j.members["crit"]; there {
		if json.Unmarshal(raw, &j.critical) != nil || len(j.critical) == 0 {
			return errors.New("crit in its protected header is no list of names, or empty")
		}
	}
	for i, name := range j.critical {
		if _, there := j.members[name]; !there {
			return fmt.Errorf("crit names %.60q, which the protected header does not have", name)
		}
		if slices.Contains(j.critical[:i], name) {
			return fmt.Errorf("crit names %.60q twice", name)
		}
	}
	if j.unencoded && !slices.Contains(j.critical, "b64") {
		return errors.New("b64 is false, but crit does not name b64 (RFC 7797 section 6)")
	}
	return nil
}

// exactCritical wants crit to name these members and no others, in any order.
func (j *detached) exactCritical(want ...string) error {
	for _, name := range want {
		if !slices.Contains(j.critical, name) {
			return fmt.Errorf("crit does not name %q", name)
		}
	}
	for _, name := range j.critical {
		if !slices.Contains(want, name) {
			return fmt.Errorf("crit names %.60q, which is not expected there", name)
		}
	}
	return nil
}

// onlyMembers refuses members of the protected header that the standard does
// not list.
func (j *detached) onlyMembers(known ...string) error {
	for name := range j.members {
		if !slices.Contains(known, name) {
			return fmt.Errorf("its protected header has the member %.60q, which the standard does not list", name)
		}
	}
	return nil
}

// input is the signing input over a payload (RFC 7515 section 5.1, RFC 7797
// section 3).
func (j *detached) input(payload []byte) []byte {
	text := append([]byte(j.protected), '.')
	if j.unencoded {
		return append(text, payload...)
	}
	return base64.RawURLEncoding.AppendEncode(text, payload)
}

// wantsDetached reads the detached JWS that a request must carry.
func (c *call) wantsDetached() (*detached, bool) {
	value, ok := c.wantsSignature(jwsHeader)
	if !ok {
		return nil, false
	}
	j, err := parseDetached(value)
	if err != nil {
		c.badSignature(jwsHeader, err)
		return nil, false
	}
	c.rec.KeyID = j.keyID
	return j, true
}

// verifyDetached verifies a detached JWS of the body with the keys that its kid
// names. What counts is what was signed, even if the header is not to the rules.
func (c *call) verifyDetached(j *detached, algorithm string) {
	if j.algorithm != algorithm {
		c.fail(c.signatureStatus(), codeSignature, "%s: alg is %.20q, but only %s is taken", jwsHeader, j.algorithm, algorithm)
		return
	}
	input := j.input(c.body)
	c.rec.SigningString = string(input)
	keys, err := c.keysNamed(j.keyID)
	if err != nil {
		c.badSignature(jwsHeader+": kid", err)
		return
	}
	c.verifyAny(jwsHeader, j.algorithm, keys, input, j.signature)
}
