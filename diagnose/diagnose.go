package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/capture"
)

// stage orders findings as a bank meets them.
type stage int

const (
	stageContainer stage = iota
	stageCertificate
	stageKeyID
	stageList
	stageDigest
	stageSignature
	stageProfile
	stageTime
)

// check is one diagnosis under way.
type check struct {
	in     Input
	result Result
	found  []staged

	keys    []key
	headers []carriedHeader
	key     *key // that made the signature
	proof   *proof
	match   *match

	facts facts
}

type staged struct {
	stage stage
	Finding
}

func (c *check) add(s stage, f Finding) { c.found = append(c.found, staged{s, f}) }

func (c *check) note(format string, args ...any) {
	c.result.Notes = append(c.result.Notes, fmt.Sprintf(format, args...))
}

// container is one place where a signature can be.
type container struct {
	name  string // as signer.Spec.Container
	judge func(*check)
}

// Check verifies a request. It never fails: what cannot be read is a finding.
func Check(in Input) Result {
	c := &check{in: in}
	c.gather()
	found := containers(in.Request)
	wanted := c.wantedContainer(found)
	switch i := slices.IndexFunc(found, func(f container) bool { return f.name == wanted }); {
	case len(found) == 0 && c.mayBeUnsigned():
		return c.unsigned()
	case len(found) == 0:
		c.add(stageContainer, finding(SignatureMissing, "The request carries no signature: there is no Signature, Authorization: Signature, Signature-Input or JWS header, and the body is no JWT."))
		return c.finish()
	case i >= 0:
		c.judge(found[i])
	default:
		if wanted != "" {
			c.add(stageContainer, finding(ContainerOther, fmt.Sprintf("The signature is in %s, but %s wants it in %s.", containerWords[found[0].name], in.Profile, containerWords[wanted])))
		}
		c.judge(found[0])
	}
	return c.finish()
}

var containerWords = map[string]string{
	"signature": "the Signature header", "authorization": "Authorization: Signature", "jws": "a detached JWS of the body",
	"http-headers-jws": "a JWS over HTTP headers", "jwt": "a body that is a JWT", "message-signature": "Signature-Input and Signature (RFC 9421)",
	"none": "no container: its requests are not signed",
}

// containers are those that the request has.
func containers(r *capture.Request) []container {
	var list []container
	signature, hasSignature := r.Get("Signature")
	if _, ok := r.Get("Signature-Input"); ok {
		list = append(list, container{"message-signature", (*check).messageSignature})
	} else if hasSignature && !isCompactJWS(signature) {
		list = append(list, container{"signature", (*check).cavage})
	}
	if value, ok := r.Get("Authorization"); ok && len(value) > 9 && strings.EqualFold(value[:10], "Signature ") {
		list = append(list, container{"authorization", (*check).cavage})
	}
	if j := findJWS(r); j != nil {
		list = append(list, container{j.container(), (*check).detachedJWS})
	}
	if isCompactJWS(strings.TrimSpace(string(r.Body))) {
		list = append(list, container{"jwt", (*check).bodyJWT})
	}
	return list
}

func (c *check) judge(f container) {
	c.result.Container = f.name
	f.judge(c)
}

// profile is the dialect that the caller names, or nil. A profile may have
// several, as where the request of an application token is signed otherwise; the
// one whose container the request has is taken then.
func (c *check) profile() *Dialect {
	var first *Dialect
	for i := range c.in.Dialects {
		d := &c.in.Dialects[i]
		if c.in.Profile == "" || d.Name != c.in.Profile {
			continue
		}
		if or(d.Spec.Container, "signature") == c.result.Container {
			return d
		}
		if first == nil {
			first = d
		}
	}
	return first
}

// mayBeUnsigned says that the bank wants this request without a signature.
func (c *check) mayBeUnsigned() bool {
	d := c.profile()
	if d == nil {
		return false
	}
	switch spec := &d.Spec; spec.Container {
	case "none":
		return true
	case "jws", "jwt":
		return len(c.in.Request.Body) == 0 || len(spec.Only) > 0 && !slices.Contains(spec.Only, c.in.Request.Method)
	default:
		return len(spec.Only) > 0 && !slices.Contains(spec.Only, c.in.Request.Method)
	}
}

func (c *check) wantedContainer(found []container) string {
	wanted := ""
	for i := range c.in.Dialects {
		d := &c.in.Dialects[i]
		if c.in.Profile == "" || d.Name != c.in.Profile {
			continue
		}
		name := or(d.Spec.Container, "signature")
		if slices.ContainsFunc(found, func(f container) bool { return f.name == name }) {
			return name
		}
		wanted = or(wanted, name)
	}
	return wanted
}

// unsigned is the verdict on a request that the bank wants no signature on.
func (c *check) unsigned() Result {
	c.result.Valid, c.result.Code, c.result.Container = true, Valid, "none"
	c.result.Sentence = fmt.Sprintf("%s wants no signature on such a request, and there is none.", c.in.Profile)
	if d := c.profile(); slices.ContainsFunc(d.Spec.Only, func(only string) bool { return only != strings.ToUpper(only) }) {
		c.note("%s wants some operations signed (%s); which one this is was not judged.", c.in.Profile, strings.Join(d.Spec.Only, ", "))
	}
	c.result.Dialects = []string{c.in.Profile}
	return c.result
}

// finish puts the findings in order and chooses the first.
func (c *check) finish() Result {
	c.judgeCertificates()
	c.judgeDialects()
	slices.SortStableFunc(c.found, func(a, b staged) int { return int(a.stage - b.stage) })
	r := &c.result
	for _, w := range c.in.Request.Warnings {
		c.note("Capture: %s.", w.Text)
	}
	if c.key != nil {
		r.Key = c.key.source
	}
	if c.proof != nil {
		r.Algorithm = c.proof.name()
	}
	if len(c.found) == 0 {
		r.Valid, r.Code = true, Valid
		r.Sentence = c.validSentence()
		return *r
	}
	first := c.found[0]
	r.Code, r.Sentence, r.Evidence = first.Code, first.Sentence, first.Evidence
	for _, f := range c.found[1:] {
		r.Also = append(r.Also, f.Finding)
	}
	return *r
}

func (c *check) validSentence() string {
	r := &c.result
	by := fmt.Sprintf("The signature is valid: %s, %s", r.Key, r.Algorithm)
	switch {
	case c.in.Profile != "" && c.profile() != nil:
		return by + ", as " + c.in.Profile + " wants it."
	case len(r.Dialects) > 0:
		return by + ". It fits " + strings.Join(r.Dialects, ", ") + "."
	case r.Nearest != nil:
		return by + ". No known profile writes it exactly so; the nearest is " + r.Nearest.Dialect + "."
	}
	return by + "."
}
