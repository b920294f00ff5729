package diagnose

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/capture"
)

// webSignature is a JSON Web Signature in compact form (RFC 7515 section 7.1).
type webSignature struct {
	header                        string // that carries it, "" for the body
	protected, payload, signature string // as written
	members                       map[string]json.RawMessage
	alg, kid, thumbprint          string
	b64                           bool
	crit                          []string
	chain                         []*x509.Certificate
	chainBroken                   bool
	sigD                          *signedHeaders
	sigT                          string
	malformed                     string
}

// signedHeaders is sigD (ETSI TS 119 182-1 section 5.2.8).
type signedHeaders struct {
	Pars []string `json:"pars"`
	ID   string   `json:"mId"`
}

const httpHeadersID = "http://uri.etsi.org/19182/HttpHeaders"

var compact = regexp.MustCompile(`^[A-Za-z0-9_=-]{8,}\.[A-Za-z0-9_=-]*\.[A-Za-z0-9_+/=-]{16,}$`)

func isCompactJWS(text string) bool {
	if !compact.MatchString(text) {
		return false
	}
	protected, _, _ := strings.Cut(text, ".")
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(protected, "="))
	return err == nil && json.Valid(data) && strings.Contains(string(data), `"alg"`)
}

// findJWS looks for a header that is a JWS. A token in Authorization is none.
func findJWS(r *capture.Request) *webSignature {
	for _, f := range r.Fields {
		lower := strings.ToLower(f.Name)
		named := strings.Contains(lower, "jws-signature")
		if lower == "authorization" || !named && !strings.Contains(lower, "signature") {
			continue
		}
		if isCompactJWS(f.Value()) {
			return parseJOSE(f.Name, f.Value())
		}
		if named {
			return &webSignature{header: f.Name, malformed: "is no JWS in compact form"}
		}
	}
	return nil
}

func parseJOSE(header, text string) *webSignature {
	j := &webSignature{header: header, b64: true}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		j.malformed = "has not three parts"
		return j
	}
	j.protected, j.payload, j.signature = parts[0], parts[1], parts[2]
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(j.protected, "="))
	if err != nil || json.Unmarshal(data, &j.members) != nil {
		j.malformed = "has no protected header that is JSON in base64url"
		return j
	}
	read := func(name string, into any) {
		if raw, ok := j.members[name]; ok && json.Unmarshal(raw, into) != nil {
			j.malformed = "has a member " + name + " of the wrong kind"
		}
	}
	read("alg", &j.alg)
	read("kid", &j.kid)
	read("x5t#S256", &j.thumbprint)
	read("b64", &j.b64)
	read("crit", &j.crit)
	read("sigT", &j.sigT)
	read("sigD", &j.sigD)
	var chain []string
	read("x5c", &chain)
	for _, encoded := range chain {
		der, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			j.chainBroken = true
			return j
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			j.chainBroken = true
			return j
		}
		j.chain = append(j.chain, cert)
	}
	return j
}

func (j *webSignature) container() string {
	if j.sigD != nil {
		return "http-headers-jws"
	}
	return "jws"
}

// beginJOSE judges what does not depend on the payload.
func (c *check) beginJOSE(j *webSignature) bool {
	c.facts.jose = j
	where := or(j.header, "The body's JWT")
	if j.malformed != "" {
		c.add(stageContainer, finding(SignatureMalformed, fmt.Sprintf("%s %s.", where, j.malformed)))
		return false
	}
	if j.alg == "" || strings.EqualFold(j.alg, "none") || strings.HasPrefix(j.alg, "HS") {
		c.add(stageContainer, finding(ParameterMissing, fmt.Sprintf("%s names no algorithm of a certificate in alg (%s).", where, printable(j.alg))))
	}
	if j.chainBroken {
		c.add(stageCertificate, finding(CertificateHeader, "x5c holds something else than certificates as base64 of DER."))
	} else if len(j.chain) > 0 {
		c.keys = append(c.keys, key{source: "x5c", public: j.chain[0].PublicKey, cert: j.chain[0], carried: true})
	}
	for _, name := range j.crit {
		if _, ok := j.members[name]; !ok {
			c.add(stageContainer, finding(CriticalMembers, fmt.Sprintf("crit names %s, which is not in the protected header.", printable(name))))
		}
	}
	if !j.b64 && !slices.Contains(j.crit, "b64") {
		c.add(stageContainer, finding(CriticalMembers, "b64 is false, but crit does not name b64 (RFC 7797 section 6)."))
	}
	c.facts.label, c.facts.hasLabel = j.alg, true
	c.facts.keyID, c.facts.rawKeyID, c.facts.hasKeyID = j.kid, j.kid, j.kid != ""
	return true
}

// detachedJWS judges a JWS in a header: of the body, or of headers.
func (c *check) detachedJWS() {
	j := findJWS(c.in.Request)
	if !c.beginJOSE(j) {
		return
	}
	if j.payload != "" {
		c.add(stageContainer, finding(SignatureMalformed, fmt.Sprintf("%s holds a payload between its dots; it has to be detached.", j.header)))
	}
	t := &text{prefix: j.protected + "."}
	if j.sigD != nil {
		c.headersText(j, t)
	} else {
		payloadText(c.in.Request.Body, j, t)
	}
	c.endJOSE(j, t)
}

// bodyJWT judges a body that is a JWT.
func (c *check) bodyJWT() {
	body := string(c.in.Request.Body)
	trimmed := strings.TrimSpace(body)
	if trimmed != body {
		c.note("There is white space round the JWT in the body.")
	}
	j := parseJOSE("", trimmed)
	if !c.beginJOSE(j) {
		return
	}
	t := &text{prefix: j.protected + "."}
	t.parts = []part{{name: "the claims", variants: []variant{{text: j.payload}}}}
	if plain, err := base64.RawURLEncoding.DecodeString(j.payload); err == nil {
		t.parts[0].add(variant{text: string(plain), finding: finding(PayloadForm, "The signature is over the claims as they are, not over their base64url form.")})
	}
	t.layouts = []layout{{join: plainJoin}}
	c.endJOSE(j, t)
	c.judgeClaims(j)
}

func (c *check) endJOSE(j *webSignature, t *text) {
	if !c.sealRaw(j.signature, true, t, "The ECDSA signature is ASN.1 DER; in a JWS it has to be r and s side by side (RFC 7518 section 3.4).") {
		return
	}
	c.judgeKeyID()
	c.judgeThumbprint(j)
	c.judgeLabel()
	c.judgeSigningTime(j)
}
