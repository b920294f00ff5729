package diagnose

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// seal finds the key that made a signature, and the text that it is over.
func (c *check) seal(sig []byte, t *text) {
	c.result.SigningString = c.masked(t.base())
	if len(c.keys) == 0 {
		c.add(stageCertificate, finding(CertificateMissing, "There is no certificate to verify with: the request carries none, and none was given."))
		return
	}
	var candidates []int
	ways := make([][]proof, len(c.keys))
	certain := false
	for i := range c.keys {
		ways[i] = proofs(c.keys[i].public, sig)
		for _, p := range ways[i] {
			certain = certain || p.certain
		}
		if len(ways[i]) > 0 {
			candidates = append(candidates, i)
		}
	}
	for _, i := range candidates {
		if certain && !ways[i][0].certain || c.tried(candidates, i) {
			continue
		}
		m := t.search(ways[i])
		if m != nil || certain {
			c.key, c.match, c.proof = &c.keys[i], m, &ways[i][0]
			if m != nil {
				c.proof = m.proof
			}
			break
		}
	}
	c.explainSeal(len(sig), candidates, certain, t)
}

// tried says that an earlier candidate has the same key.
func (c *check) tried(candidates []int, i int) bool {
	return slices.ContainsFunc(candidates, func(earlier int) bool {
		return earlier < i && samePublic(c.keys[earlier].public, c.keys[i].public)
	})
}

func (c *check) explainSeal(size int, candidates []int, certain bool, t *text) {
	switch {
	case c.match != nil:
		for _, f := range c.match.findings {
			c.add(stageSignature, f)
		}
		if len(c.match.findings) > 0 {
			c.result.Signed = c.masked(c.match.signed)
		}
	case len(candidates) == 0 && c.lengthFits(size):
		c.add(stageCertificate, finding(KeyOther, fmt.Sprintf("Another key made the signature: it was not made with the key of %s.", c.sources()), c.keyEvidence()...))
	case len(candidates) == 0:
		c.add(stageCertificate, finding(SignatureLength, fmt.Sprintf("The signature has %s, which no key of %s makes: it was cut, or another key made it.", plural(size, "byte"), c.sources()), c.keyEvidence()...))
	case certain:
		c.add(stageSignature, finding(ContentChanged, fmt.Sprintf("The key is right (%s, %s), but it signed another text: %s, or how it was written, was changed after it was signed.",
			c.key.source, c.proof.name(), oneOf(c.suspects(t))), "suspects", strings.Join(c.suspects(t), " ")))
	default:
		c.add(stageSignature, finding(NotVerified, fmt.Sprintf("The signature does not fit: another key than that of %s made it, or %s was changed after it was signed; its algorithm does not tell which.",
			c.sources(), oneOf(c.suspects(t))), "suspects", strings.Join(c.suspects(t), " ")))
	}
}

// suspects are the lines whose value nothing else confirms. A digest that fits
// the body was not changed.
func (c *check) suspects(t *text) []string {
	var list []string
	for _, p := range t.parts {
		if strings.HasSuffix(p.name, "digest") && !c.facts.digestWrong {
			continue
		}
		list = append(list, p.name)
	}
	if len(list) == 0 {
		for _, p := range t.parts {
			list = append(list, p.name)
		}
	}
	return list
}

func oneOf(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// lengthFits says whether some key makes signatures of that size.
func (c *check) lengthFits(size int) bool {
	for _, k := range c.keys {
		if n, ok := k.public.(interface{ Size() int }); ok && n.Size() == size {
			return true
		}
	}
	return false
}

func (c *check) sources() string {
	var names []string
	for _, k := range c.keys {
		names = append(names, k.source)
	}
	return oneOf(names)
}

func (c *check) keyEvidence() []string {
	var list []string
	for _, k := range c.keys {
		list = append(list, k.source, describeKey(k.public))
	}
	return list
}

// decodeSignature reads base64 or base64url, whichever it is; urlSafe says which
// is wanted.
func (c *check) decodeSignature(text string, urlSafe bool) ([]byte, bool) {
	wanted, other := base64.StdEncoding.Strict(), base64.RawURLEncoding.Strict()
	words := [2]string{"base64", "base64url"}
	if urlSafe {
		wanted, other = other, wanted
		words[0], words[1] = words[1], words[0]
	}
	if sig, err := wanted.DecodeString(text); err == nil && !strings.ContainsAny(text, "\r\n") {
		return sig, true
	}
	if sig, err := other.DecodeString(text); err == nil {
		c.add(stageContainer, finding(SignatureBase64, fmt.Sprintf("The signature is written in %s; it has to be %s.", words[1], words[0])))
		return sig, true
	}
	plain := strings.NewReplacer("-", "+", "_", "/", " ", "", "\t", "", "=", "").Replace(text)
	if sig, err := base64.RawStdEncoding.DecodeString(plain); err == nil {
		c.add(stageContainer, finding(SignatureBase64, fmt.Sprintf("The signature is not written in proper %s: its padding is missing, or it holds white space or letters of the other alphabet.", words[0])))
		return sig, true
	}
	c.add(stageContainer, finding(SignatureBase64, fmt.Sprintf("The signature is not %s.", words[0])))
	return nil, false
}

// sealRaw decodes a signature and finds what made it. One of ECDSA has to be raw,
// else notRaw is what is wrong. It is false if the signature cannot be decoded.
func (c *check) sealRaw(signature string, jose bool, t *text, notRaw string) bool {
	sig, ok := c.decodeSignature(signature, jose)
	if !ok {
		c.result.SigningString = c.masked(t.base())
		return false
	}
	c.seal(sig, t)
	c.settle()
	if p := c.proof; p != nil && p.scheme == "ecdsa" && !p.raw && c.match != nil {
		c.add(stageSignature, finding(ECDSAEncoding, notRaw))
	}
	return true
}
