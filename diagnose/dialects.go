package diagnose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"slices"

	"github.com/caddy-tpp/caddy-tpp/signer"
)

// judgeDialects compares the request with the dialect that is wanted, and names
// those that it fits.
func (c *check) judgeDialects() {
	if c.result.Container == "" || c.proof == nil && len(c.found) > 0 {
		return
	}
	var excused *signer.Spec
	profile := c.profile()
	for i := range c.in.Dialects {
		d := &c.in.Dialects[i]
		list := c.compare(d)
		wanted := d == profile
		switch {
		case len(list) == 0 && slices.Contains(c.result.Dialects, d.Name):
		case len(list) == 0:
			c.result.Dialects = append(c.result.Dialects, d.Name)
			if excused == nil && c.in.Profile == "" || wanted {
				excused = &d.Spec
			}
		case wanted:
			excused = &d.Spec
		case c.result.Nearest == nil || distance(list) < distance(c.result.Nearest.Findings):
			c.result.Nearest = &Nearest{d.Name, list}
		}
		if wanted {
			for _, f := range list {
				if f.Code != AlgorithmOther || !c.has(AlgorithmLabel) { // the same, said twice
					c.add(stageOf(f.Code), f)
				}
			}
		}
	}
	if len(c.result.Dialects) > 0 || c.in.Profile != "" {
		c.result.Nearest = nil
	}
	if excused != nil {
		c.excuse(excused)
	}
}

// distance is how far a request is from a dialect. Another container is another
// world.
func distance(list []Finding) int {
	n := 0
	for _, f := range list {
		switch f.Code {
		case ContainerOther:
			n += 100
		case KeyIDForm, AlgorithmOther, DigestMissing, CertificateHeader:
			n += 3
		default:
			n++
		}
	}
	return n
}

// excuse drops findings that are right at a bank.
func (c *check) excuse(spec *signer.Spec) {
	if c.facts.pathOnly && spec.RequestTarget == "path" {
		// What was signed is what this bank builds, too.
		c.result.SigningString, c.result.Signed = c.result.Signed, ""
	}
	c.drop(func(s staged) bool {
		return s.stage == stageSignature && s.Code == TargetForm && c.facts.pathOnly && spec.RequestTarget == "path" ||
			s.stage == stageDigest && s.Code == DigestBraces && c.facts.braces && spec.Digest.Empty == "braces"
	})
}

// stageOf says where in its work a bank meets what differs from its dialect.
func stageOf(code Code) stage {
	switch code {
	case ContainerOther:
		return stageContainer
	case KeyIDForm, KeyIDSerial, KeyIDName, KeyIDOrder, KeyIDDialect, KeyIDSpaces, KeyIDCommas, KeyIDCharset, KeyIDEscape, KeyIDFingerprint, KeyIDOther:
		return stageKeyID
	case CertificateHeader:
		return stageCertificate
	}
	return stageProfile
}

// compare lists in what the request differs from a dialect, its content aside.
func (c *check) compare(d *Dialect) []Finding {
	spec := &d.Spec
	container := or(spec.Container, "signature")
	if container != c.result.Container {
		if d.Name == c.in.Profile {
			return nil // said already
		}
		return []Finding{finding(ContainerOther, fmt.Sprintf("%s wants the signature in %s.", d.Name, containerWords[container]))}
	}
	var list []Finding
	if container != "jws" && container != "jwt" {
		list = append(list, c.compareList(d.Name, spec)...)
		list = append(list, c.compareDigest(d.Name, spec)...)
	}
	list = append(list, c.compareKeyID(d.Name, spec.KeyID)...)
	list = append(list, c.compareAlgorithm(d.Name, spec)...)
	list = append(list, c.compareCertificate(d.Name, spec)...)
	switch container {
	case "signature", "authorization":
		list = append(list, c.compareParameters(d.Name, spec)...)
		list = append(list, c.compareTarget(d.Name, spec)...)
	case "message-signature":
		list = append(list, c.compareMessage(d.Name, spec)...)
	default:
		list = append(list, c.compareJOSE(d.Name, spec)...)
	}
	return list
}

func (c *check) compareTarget(who string, spec *signer.Spec) []Finding {
	full := len(c.in.Request.Target) > 0 && slices.Contains([]byte(c.in.Request.Target), '?')
	listed := slices.Contains(c.facts.listed, requestTarget)
	switch {
	case !full || !listed || c.match == nil:
	case spec.RequestTarget == "path" && !c.facts.pathOnly && len(c.match.findings) == 0:
		return []Finding{finding(TargetForm, fmt.Sprintf("(request-target) was signed with the query, but %s wants the path alone.", who))}
	case spec.RequestTarget != "path" && c.facts.pathOnly && c.in.Profile != who:
		return []Finding{finding(TargetForm, fmt.Sprintf("(request-target) was signed without the query, but %s wants it.", who))}
	}
	return nil
}

// realAlgorithm is what a dialect uses with a key, "" if it cannot.
func realAlgorithm(spec *signer.Spec, pub crypto.PublicKey) string {
	if name := or(spec.Algorithm, "auto"); name != "auto" {
		return name
	}
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if spec.Container == "jws" || spec.Container == "jwt" || spec.Container == "http-headers-jws" {
			return "rsa-pss-sha256"
		}
		return "rsa-sha256"
	case *ecdsa.PublicKey:
		switch bits := k.Curve.Params().BitSize; {
		case bits > 384:
			return "ecdsa-sha512"
		case bits > 256:
			return "ecdsa-sha384"
		}
		return "ecdsa-sha256"
	case ed25519.PublicKey:
		return "ed25519"
	}
	return ""
}

// compareAlgorithm looks at what was used, what it is called and how it is encoded.
func (c *check) compareAlgorithm(who string, spec *signer.Spec) []Finding {
	p := c.proof
	if p == nil {
		return nil
	}
	var list []Finding
	want := realAlgorithm(spec, c.key.public)
	if want != p.name() {
		list = append(list, finding(AlgorithmOther, fmt.Sprintf("The signature was made with %s, but %s wants %s.", algorithmWords(p), who, want), "found", p.name(), "expected", want))
	}
	cavage := spec.Container == "" || spec.Container == "signature" || spec.Container == "authorization"
	if !cavage {
		return list
	}
	if p.scheme == "ecdsa" && p.raw != (spec.ECDSAEncoding == "raw") {
		word := map[bool]string{true: "r and s side by side (raw)", false: "ASN.1 DER"}
		list = append(list, finding(ECDSAEncoding, fmt.Sprintf("The ECDSA signature is %s, but %s wants %s.", word[p.raw], who, word[!p.raw])))
	}
	label := spec.AlgorithmLabel
	if label == "" {
		if label = want; p.scheme == "rsa-pss" {
			label = "hs2019"
		}
	}
	wanted := label != "none" && (spec.Parameters == nil || slices.Contains(spec.Parameters, "algorithm"))
	switch {
	case wanted && !c.facts.hasLabel:
		list = append(list, finding(ParameterMissing, fmt.Sprintf("There is no parameter algorithm, which %s wants.", who)))
	case wanted && c.facts.label != label && (want == p.name() || spec.AlgorithmLabel != ""):
		list = append(list, finding(AlgorithmLabel, fmt.Sprintf("algorithm says %s, but %s wants it to say %s.", printable(c.facts.label), who, label), "found", printable(c.facts.label), "expected", label))
	}
	return list
}

func (c *check) compareCertificate(who string, spec *signer.Spec) []Finding {
	if spec.Certificate.Header == "" {
		return nil
	}
	value, ok := c.in.Request.Get(spec.Certificate.Header)
	if !ok {
		return []Finding{finding(CertificateHeader, fmt.Sprintf("%s wants the certificate in header %s, which is not there.", who, spec.Certificate.Header))}
	}
	cert, form := readCertificate(value)
	if want := or(spec.Certificate.Form, "base64-der"); cert != nil && form != want {
		return []Finding{finding(CertificateHeader, fmt.Sprintf("%s has the certificate as %s, but %s wants it as %s.", spec.Certificate.Header, form, who, want))}
	}
	return nil
}
