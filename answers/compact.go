package answers

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
)

// The members of a protected header that are understood when crit lists them.
const (
	memberB64  = "b64"  // RFC 7797
	memberSigT = "sigT" // ETSI TS 119 182-1 section 5.2.1
	memberSigD = "sigD" // ETSI TS 119 182-1 section 5.2.8
	obIAT      = "http://openbanking.org.uk/iat"
	obISS      = "http://openbanking.org.uk/iss"
	obTAN      = "http://openbanking.org.uk/tan"
)

var understood = []string{memberB64, memberSigT, memberSigD, obIAT, obISS, obTAN}

// maxHeader bounds a signature header: x5c with a chain takes some 12 KiB.
const maxHeader = 64 << 10

// compact is a JWS in its compact form, taken apart.
type compact struct {
	protected, payload string // as received
	signature          []byte
	header             joseHeader
}

// joseHeader is what is looked at of a protected header.
type joseHeader struct {
	Algorithm  string   `json:"alg"`
	KeyID      string   `json:"kid"`
	Thumbprint string   `json:"x5t#S256"`
	Chain      []string `json:"x5c"`
	B64        *bool    `json:"b64"`
	SigT       string   `json:"sigT"`
	SigD       *struct {
		MID  string   `json:"mId"`
		Pars []string `json:"pars"`
	} `json:"sigD"`
	members map[string]json.RawMessage
	crit    []string
	chain   []*x509.Certificate
}

// parseCompact reads a compact JWS. what names it in reasons.
func parseCompact(what, text string) (*compact, error) {
	if len(text) > maxHeader && what != bodyOfAnswer {
		return nil, invalid(what + " is too long")
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, invalid(what + " is no JWS of three parts")
	}
	c := &compact{protected: parts[0], payload: parts[1]}
	raw, err := decodePart(parts[0])
	if err != nil {
		return nil, invalid(what + " holds what is not base64url")
	}
	if c.signature, err = decodePart(parts[2]); err != nil {
		return nil, invalid(what + " holds what is not base64url")
	}
	if err := c.header.parse(raw); err != nil {
		return nil, err
	}
	return c, nil
}

// decodePart decodes base64url without padding, of which there is exactly one
// spelling for each value.
func decodePart(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, base64.CorruptInputError(0)
	}
	return base64.RawURLEncoding.Strict().DecodeString(text)
}

// parse reads a protected header: an object with no member twice.
func (h *joseHeader) parse(raw []byte) error {
	unreadable := invalid("the protected header cannot be read")
	members, err := objectOf(raw)
	if err != nil {
		return unreadable
	}
	h.members = members
	// encoding/json would take Alg for alg.
	for member, into := range map[string]any{"alg": &h.Algorithm, "kid": &h.KeyID, "x5t#S256": &h.Thumbprint,
		"x5c": &h.Chain, memberB64: &h.B64, memberSigT: &h.SigT, memberSigD: &h.SigD, "crit": &h.crit} {
		if value, ok := members[member]; ok && (string(value) == "null" || json.Unmarshal(value, into) != nil) {
			return unreadable
		}
	}
	if _, ok := members["crit"]; ok {
		if err := h.checkCrit(); err != nil {
			return err
		}
	}
	if _, ok := members["x5c"]; ok {
		h.chain, err = parseChain(h.Chain)
	}
	return err
}

// checkCrit follows RFC 7515 section 4.1.11.
func (h *joseHeader) checkCrit() error {
	if len(h.crit) == 0 {
		return invalid("crit is empty")
	}
	for i, name := range h.crit {
		_, there := h.members[name]
		switch {
		case !slices.Contains(understood, name):
			return invalid("crit lists a member that is not understood")
		case !there:
			return invalid("crit lists a member that is not there")
		case slices.Contains(h.crit[:i], name):
			return invalid("crit lists a member twice")
		}
	}
	return nil
}

// objectOf reads an object, each of whose members is there once.
func objectOf(raw []byte) (map[string]json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errNoObject
	}
	members := make(map[string]json.RawMessage)
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, errNoObject
		}
		var value json.RawMessage
		if _, twice := members[name]; twice || decoder.Decode(&value) != nil {
			return nil, errNoObject
		}
		members[name] = value
	}
	if token, err := decoder.Token(); err != nil || token != json.Delim('}') || decoder.InputOffset() != int64(len(bytes.TrimRight(raw, " \t\r\n"))) {
		return nil, errNoObject
	}
	return members, nil
}

var errNoObject = invalid("no object")

// checkHeader judges what all forms have in common.
func (v *Verifier) checkHeader(h *joseHeader, now time.Time) error {
	for _, name := range v.policy.Critical {
		if !slices.Contains(h.crit, name) {
			return invalid("crit does not list what responses.critical demands")
		}
	}
	return checkOpenBanking(h, now)
}

// checkOpenBanking judges the claims of UK Open Banking's header: iat is about
// now, iss a name, and tan the trust anchor.
func checkOpenBanking(h *joseHeader, now time.Time) error {
	if raw, ok := h.members[obIAT]; ok {
		if at, ok := unixTime(raw); !ok || !current(at, now) {
			return invalid("openbanking.org.uk/iat is not of this time")
		}
	}
	if raw, ok := h.members[obISS]; ok {
		var issuer string
		if json.Unmarshal(raw, &issuer) != nil || issuer == "" {
			return invalid("openbanking.org.uk/iss is no name")
		}
	}
	if raw, ok := h.members[obTAN]; ok {
		var anchor string
		if json.Unmarshal(raw, &anchor) != nil || anchor != "openbanking.org.uk" {
			return invalid("openbanking.org.uk/tan is another trust anchor")
		}
	}
	return nil
}

// current reports whether a signature of that time may belong to an answer that
// has just arrived.
func current(at, now time.Time) bool { return !at.After(now.Add(skew)) && !at.Before(now.Add(-skew)) }

// unixTime reads a number of seconds since 1970.
func unixTime(raw json.RawMessage) (time.Time, bool) {
	var seconds float64
	if json.Unmarshal(raw, &seconds) != nil || math.Abs(seconds) > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// hint is what the header says of the key.
func (h *joseHeader) hint() hint {
	return hint{keyID: h.KeyID, thumbprint: h.Thumbprint, chain: h.chain}
}

// signatureOf is what is to be verified of a JWS over a text.
func (v *Verifier) signatureOf(c *compact, text []byte) *signature {
	return &signature{hint: c.header.hint(), text: text, sig: c.signature,
		fits: v.named(c.header.Algorithm, func(a *algorithm) string { return a.jose })}
}
