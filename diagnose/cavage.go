package diagnose

import (
	"crypto/ecdsa"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// facts are what a dialect is compared with.
type facts struct {
	parameters  []parameter
	keyID       string   // value of keyId, kid or keyid
	rawKeyID    string   // the same with its escapes
	hasKeyID    bool     // that it is there
	label       string   // algorithm, alg
	hasLabel    bool     // that it is there
	listed      []string // what is signed, as listed
	digest      digested
	digestWrong bool
	braces      bool // the digest is of {}, the body empty
	pathOnly    bool // (request-target) is the path alone
	header      string
	matches     []keyIDMatch  // ways to make keyID
	jose        *webSignature // of a JWS
	message     *messageInput
}

// cavage judges a Signature header, or Authorization: Signature
// (draft-cavage-http-signatures).
func (c *check) cavage() {
	r := c.in.Request
	header, value := "Signature", ""
	if c.result.Container == "authorization" {
		header = "Authorization"
	}
	values := r.Values(header)
	if len(values) > 1 {
		c.add(stageContainer, finding(SignatureTwice, fmt.Sprintf("%s is there %d times; a bank takes one.", header, len(values))))
	}
	value = values[0]
	if header == "Authorization" {
		value = value[len("Signature "):]
	}
	c.facts.header = header
	list, err := parseParameters(value)
	if err != nil {
		c.add(stageContainer, finding(SignatureMalformed, fmt.Sprintf("%s cannot be read: %s.", header, printable(err.Error()))))
		return
	}
	c.facts.parameters = list
	params := make(map[string]parameter)
	for _, p := range list {
		params[plainName(p.name)] = p
	}
	for _, name := range []string{"keyId", "headers", "signature"} {
		if params[name].value == "" {
			c.add(stageContainer, finding(ParameterMissing, fmt.Sprintf("%s has no parameter %s.", header, name)))
		}
	}
	c.facts.keyID, c.facts.rawKeyID, c.facts.hasKeyID = params["keyId"].value, params["keyId"].raw, params["keyId"].value != ""
	c.facts.label = params["algorithm"].value
	_, c.facts.hasLabel = params["algorithm"]
	c.judgeDigest()
	c.facts.listed = strings.Fields(params["headers"].value)
	if len(c.facts.listed) == 0 {
		c.facts.listed = []string{"date"} // draft-cavage-10 section 2.1.6
	}
	t := c.cavageText(params)
	sig, ok := c.decodeSignature(params["signature"].value, false)
	if !ok {
		c.result.SigningString = c.masked(t.base())
		return
	}
	c.addCarriedInKeyID()
	c.seal(sig, t)
	c.settle()
	c.judgeKeyID()
	c.judgeLabel()
	c.judgeTimes(params)
}

// addCarriedInKeyID takes a certificate that is the keyId.
func (c *check) addCarriedInKeyID() {
	if cert, _ := readCertificate(c.facts.keyID); cert != nil {
		c.keys = append(c.keys, key{source: "keyId", public: cert.PublicKey, cert: cert, carried: true})
	}
}

// cavageText makes the signing string and what else it may have been, and
// judges the list.
func (c *check) cavageText(params map[string]parameter) *text {
	r := c.in.Request
	t := &text{}
	var names []string
	for _, listed := range c.facts.listed {
		name := strings.ToLower(listed)
		if name != listed {
			c.addOnce(stageList, finding(HeaderCapitals, fmt.Sprintf("The list of signed headers has capitals (%s); it has to be in lower case.", printable(listed))))
		}
		if slices.Contains(names, name) {
			c.addOnce(stageList, finding(HeaderTwice, fmt.Sprintf("The list of signed headers names %s twice.", printable(name))))
		}
		names = append(names, name)
		switch name {
		case requestTarget:
			t.parts = append(t.parts, targetPart(r))
		case "(created)", "(expires)":
			p := params[strings.Trim(name, "()")]
			if p.value == "" {
				c.add(stageList, finding(ParameterMissing, fmt.Sprintf("%s is signed, but there is no parameter %s.", name, strings.Trim(name, "()"))))
			}
			t.parts = append(t.parts, part{name: name, variants: []variant{{text: name + ": " + p.value},
				{absent: true, finding: finding(HeaderDropped, fmt.Sprintf("%s is listed as signed, but the signature was made without its line.", name))}}})
		default:
			if _, ok := r.Get(name); !ok && (name != "host" || r.Host == "") {
				c.add(stageList, finding(HeaderAbsent, fmt.Sprintf("%s is listed as signed, but the request does not carry it.", printable(name))))
			}
			c.hides(name)
			t.parts = append(t.parts, headerPart(r, listed))
		}
	}
	t.layouts = cavageLayouts(r, names, c.unlisted(names))
	return t
}

// unlisted are the lines of what is not listed.
func (c *check) unlisted(names []string) map[string]string {
	extra := make(map[string]string)
	if !slices.Contains(names, requestTarget) {
		extra[requestTarget] = targetPart(c.in.Request).variants[0].text
	}
	for _, f := range c.in.Request.Fields {
		name := strings.ToLower(f.Name)
		if !slices.Contains(names, name) && name != "signature" && len(extra) < 40 {
			extra[name] = name + ": " + f.Value()
		}
	}
	if !slices.Contains(names, "host") && c.in.Request.Host != "" {
		extra["host"] = "host: " + c.in.Request.Host
	}
	return extra
}

func (c *check) addOnce(s stage, f Finding) {
	if !c.has(f.Code) {
		c.add(s, f)
	}
}

func (c *check) has(code Code) bool {
	return slices.ContainsFunc(c.found, func(s staged) bool { return s.Code == code })
}

// judgeDigest compares Digest with the body.
func (c *check) judgeDigest() {
	c.facts.digest = readDigest(c.in.Request)
	list := c.facts.digest.check(c.in.Request)
	for _, f := range list {
		c.facts.digestWrong = true
		if f.Code == DigestBraces && len(c.in.Request.Body) == 0 {
			c.facts.braces = true
		}
		c.add(stageDigest, f)
	}
}

// settle takes back findings that a better one explains.
func (c *check) settle() {
	if c.match == nil {
		return
	}
	for _, f := range c.match.findings {
		switch {
		case f.Code == HeaderChanged && strings.Contains(f.Sentence, "digest was changed"):
			// Not the body but the header was changed.
			c.drop(func(s staged) bool { return s.stage == stageDigest && s.Code != ContentLength })
		case f.Code == HeaderCapitals:
			c.drop(func(s staged) bool { return s.stage == stageList && s.Code == HeaderCapitals })
		case f.Code == HeaderDropped && strings.Contains(f.Sentence, "was not sent"):
			c.drop(func(s staged) bool { return s.stage == stageSignature && s.Code == HeaderDropped })
		case f.Code == TargetForm && len(f.Evidence) > 0 && f.Evidence[0].Value == "the path without the query" && len(c.match.findings) == 1:
			c.facts.pathOnly = true
		}
	}
}

func (c *check) drop(which func(staged) bool) { c.found = slices.DeleteFunc(c.found, which) }

// algorithmNames are what labels mean.
var algorithmNames = map[string]string{
	"rsa-sha256": "rsa-sha256", "sha256withrsa": "rsa-sha256", "rsa-sha384": "rsa-sha384", "sha384withrsa": "rsa-sha384",
	"rsa-sha512": "rsa-sha512", "sha512withrsa": "rsa-sha512", "ecdsa-sha256": "ecdsa-sha256", "sha256withecdsa": "ecdsa-sha256",
	"ecdsa-sha384": "ecdsa-sha384", "ecdsa-sha512": "ecdsa-sha512", "rsa-pss-sha256": "rsa-pss-sha256", "rsa-pss-sha384": "rsa-pss-sha384",
	"rsa-pss-sha512": "rsa-pss-sha512", "ed25519": "ed25519", "ecdsa-p256-sha256": "ecdsa-sha256", "ecdsa-p384-sha384": "ecdsa-sha384",
	"rsa-v1_5-sha256": "rsa-sha256",
	"rs256":           "rsa-sha256", "rs384": "rsa-sha384", "rs512": "rsa-sha512", "ps256": "rsa-pss-sha256", "ps384": "rsa-pss-sha384", "ps512": "rsa-pss-sha512",
	"es256": "ecdsa-sha256", "es384": "ecdsa-sha384", "es512": "ecdsa-sha512", "eddsa": "ed25519",
}

// judgeLabel compares the algorithm's name with what was used.
func (c *check) judgeLabel() {
	p := c.proof
	if p == nil || !c.facts.hasLabel || c.match == nil && !p.certain {
		return
	}
	real, known := algorithmNames[strings.ToLower(c.facts.label)]
	if known && real != p.name() && !c.profileTakesLabel() {
		c.add(stageSignature, finding(AlgorithmLabel, fmt.Sprintf("algorithm says %s, but the signature was made with %s.", printable(c.facts.label), algorithmWords(p)),
			"label", printable(c.facts.label), "used", p.name()))
	}
	if p.scheme == "rsa-pss" && p.salt != p.hash.Size() {
		c.add(stageSignature, finding(SaltLength, fmt.Sprintf("The RSA-PSS salt has %s; banks want as many as the hash has, %d.", plural(p.salt, "byte"), p.hash.Size())))
	}
	if _, isEC := c.key.public.(*ecdsa.PublicKey); isEC && c.in.Profile == "" && p.raw && strings.HasPrefix(c.result.Container, "s") {
		c.note("The ECDSA signature is r and s side by side (raw), not ASN.1 DER; banks differ in what they take.")
	}
}

// profileTakesLabel says that the bank itself calls the algorithm otherwise.
func (c *check) profileTakesLabel() bool {
	d := c.profile()
	return d != nil && d.Spec.AlgorithmLabel == c.facts.label && c.facts.label != "" && realAlgorithm(&d.Spec, c.key.public) == c.proof.name()
}

func algorithmWords(p *proof) string {
	switch p.scheme {
	case "rsa":
		return "RSA PKCS#1 v1.5 and " + strings.ToUpper(hashName(p.hash)) + " (" + p.name() + ")"
	case "rsa-pss":
		return "RSA-PSS and " + strings.ToUpper(hashName(p.hash)) + " (" + p.name() + ")"
	}
	return p.name()
}

// judgeTimes compares created and expires with the clock.
func (c *check) judgeTimes(params map[string]parameter) {
	seconds := func(name string) (time.Time, bool) {
		n, err := strconv.ParseInt(params[name].value, 10, 64)
		if params[name].value != "" && err != nil {
			c.add(stageContainer, finding(SignatureMalformed, fmt.Sprintf("Parameter %s is not a number of seconds.", name)))
		}
		return time.Unix(n, 0), err == nil
	}
	created, hasCreated := seconds("created")
	expires, hasExpires := seconds("expires")
	c.judgeLifetime(created, hasCreated, expires, hasExpires)
}

func (c *check) judgeLifetime(created time.Time, hasCreated bool, expires time.Time, hasExpires bool) {
	if c.in.At.IsZero() {
		return
	}
	if hasCreated && created.After(c.in.At) {
		c.add(stageTime, finding(TimeFuture, fmt.Sprintf("The signature was created %s after the time of judgement: a clock is wrong.", created.Sub(c.in.At).Round(time.Second))))
	}
	if hasExpires && expires.Before(c.in.At) {
		c.add(stageTime, finding(TimePast, fmt.Sprintf("The signature expired %s before the time of judgement.", c.in.At.Sub(expires).Round(time.Second))))
	}
}
