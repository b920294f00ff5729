package diagnose

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/signer"
)

// messageInput is a member of Signature-Input (RFC 9421 section 4.1).
type messageInput struct {
	label      string
	params     string // as written, from the first bracket on
	components []component
	parameters []parameter
}

// component is a covered component with its own parameters (section 2.5).
type component struct {
	name string
	raw  string // as written, "name";param
	flag string // of its parameters, ";" and all
}

var (
	memberStart = regexp.MustCompile(`^\s*([a-z*][a-z0-9_.*-]*)\s*=\s*`)
	item        = regexp.MustCompile(`^\s*"([^"\\]*)"((?:;[a-z0-9*_.-]+(?:=(?:"[^"]*"|[^;\s()",]*))?)*)`)
	sfParameter = regexp.MustCompile(`^\s*;\s*([a-z*][a-z0-9_.*-]*)(?:=("(?:[^"\\]|\\.)*"|[A-Za-z0-9+/=:*._-]+))?`)
)

// parseMessageInput reads the first member of Signature-Input.
func parseMessageInput(value string) (*messageInput, error) {
	at := memberStart.FindStringSubmatch(value)
	if at == nil {
		return nil, fmt.Errorf("does not begin with a label and =")
	}
	m := &messageInput{label: at[1]}
	rest, ok := strings.CutPrefix(value[len(at[0]):], "(")
	if !ok {
		return nil, fmt.Errorf("has no list in brackets")
	}
	for {
		rest = strings.TrimLeft(rest, " ")
		if after, closed := strings.CutPrefix(rest, ")"); closed {
			rest = after
			break
		}
		found := item.FindStringSubmatch(rest)
		if found == nil {
			return nil, fmt.Errorf("lists something that is no name in quotation marks")
		}
		m.components = append(m.components, component{name: found[1], raw: strings.TrimLeft(found[0], " "), flag: found[2]})
		rest = rest[len(found[0]):]
	}
	for {
		found := sfParameter.FindStringSubmatch(rest)
		if found == nil {
			break
		}
		p := parameter{name: found[1], value: found[2], raw: found[2]}
		if unquoted, ok := strings.CutPrefix(p.value, `"`); ok {
			p.quoted = true
			p.raw = strings.TrimSuffix(unquoted, `"`)
			p.value = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(p.raw)
		}
		m.parameters = append(m.parameters, p)
		rest = rest[len(found[0]):]
	}
	if trimmed := strings.TrimLeft(rest, " \t"); trimmed != "" && trimmed[0] != ',' {
		return nil, fmt.Errorf("has parameters that cannot be read")
	}
	m.params = value[len(at[0]) : len(value)-len(rest)]
	return m, nil
}

func (m *messageInput) parameter(name string) (string, bool) {
	for _, p := range m.parameters {
		if p.name == name {
			return p.value, true
		}
	}
	return "", false
}

// messageSignature judges Signature-Input and Signature.
func (c *check) messageSignature() {
	r := c.in.Request
	m, err := parseMessageInput(strings.Join(r.Values("Signature-Input"), ", "))
	if err != nil {
		c.add(stageContainer, finding(SignatureMalformed, fmt.Sprintf("Signature-Input %s.", err)))
		return
	}
	c.facts.message = m
	text, ok := byteSequence(strings.Join(r.Values("Signature"), ", "), m.label)
	if !ok {
		c.add(stageContainer, finding(SignatureMalformed, fmt.Sprintf("Signature has no member %s=:base64:, which Signature-Input names.", m.label)))
		return
	}
	c.facts.keyID, c.facts.hasKeyID = m.parameter("keyid")
	c.facts.rawKeyID = c.facts.keyID
	c.facts.label, c.facts.hasLabel = m.parameter("alg")
	c.judgeDigest()
	t := c.messageText(m)
	if !c.sealRaw(text, false, t, "The ECDSA signature is ASN.1 DER; RFC 9421 wants r and s side by side (section 3.3.4).") {
		return
	}
	c.judgeKeyID()
	c.judgeLabel()
	params := make(map[string]parameter)
	for _, p := range m.parameters {
		params[p.name] = p
	}
	c.judgeTimes(params)
}

// byteSequence takes label=:base64: out of a dictionary.
func byteSequence(value, label string) (string, bool) {
	for member := range strings.SplitSeq(value, ",") {
		name, rest, ok := strings.Cut(strings.TrimSpace(member), "=")
		if !ok || name != label {
			continue
		}
		rest, ok = strings.CutPrefix(rest, ":")
		if end := strings.IndexByte(rest, ':'); ok && end >= 0 {
			return rest[:end], true
		}
	}
	return "", false
}

// messageText is the signature base (RFC 9421 section 2.5).
func (c *check) messageText(m *messageInput) *text {
	t := &text{}
	var names []string
	for _, covered := range m.components {
		c.facts.listed = append(c.facts.listed, covered.name)
		names = append(names, covered.raw)
		if strings.HasPrefix(covered.name, "@") {
			t.parts = append(t.parts, c.derived(covered))
			continue
		}
		if covered.name != strings.ToLower(covered.name) {
			c.addOnce(stageList, finding(HeaderCapitals, fmt.Sprintf("Signature-Input has capitals in %s; names are in lower case.", printable(covered.name))))
		}
		if _, ok := c.in.Request.Get(covered.name); !ok && (covered.name != "host" || c.in.Request.Host == "") {
			c.add(stageList, finding(HeaderAbsent, fmt.Sprintf("%s is listed as signed, but the request does not carry it.", printable(covered.name))))
		}
		c.hides(covered.name)
		// The lines are those of draft-cavage with the name in quotation marks.
		p := headerPart(c.in.Request, covered.name)
		for i := range p.variants {
			name, value, _ := strings.Cut(p.variants[i].text, ":")
			p.variants[i].text = `"` + name + `"` + covered.flag + ":" + value
		}
		if strings.Contains(covered.flag, ";bs") {
			p.variants = []variant{{text: covered.raw + ": " + binaryWrapped(c.in.Request.Values(covered.name))}}
		}
		t.parts = append(t.parts, p)
	}
	last := part{name: "@signature-params", variants: []variant{{text: `"@signature-params": ` + m.params}}}
	last.add(variant{text: `"@signature-params": ` + strings.NewReplacer("( ", "(", " )", ")", "; ", ";", " ;", ";", "  ", " ").Replace(m.params),
		finding: finding(HeaderSpaces, "Signature-Input has other white space than what was signed.")})
	last.add(variant{absent: true, finding: finding(HeaderDropped, "The signature was made without the line @signature-params.")})
	t.parts = append(t.parts, last)
	t.layouts = cavageLayouts(c.in.Request, append(names, "@signature-params"), nil)
	return t
}

// binaryWrapped is the value of a component with bs (section 2.1.3).
func binaryWrapped(values []string) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = ":" + base64.StdEncoding.EncodeToString([]byte(v)) + ":"
	}
	return strings.Join(out, ", ")
}

// derived makes the line of a derived component (section 2.2).
func (c *check) derived(covered component) part {
	r := c.in.Request
	p := part{name: covered.name}
	line := func(value string) string { return covered.raw + ": " + value }
	right := func(value string) { p.variants = []variant{{text: line(value)}} }
	other := func(value, what string) {
		p.add(variant{text: line(value), finding: finding(TargetForm, fmt.Sprintf("%s was signed with %s.", covered.name, what), "signed form", what)})
	}
	path, query, hasQuery := strings.Cut(r.Target, "?")
	host := strings.ToLower(r.Host)
	scheme := or(r.Scheme, "https")
	usual := map[string]string{"https": ":443", "http": ":80"}[scheme]
	authority := strings.TrimSuffix(host, usual)
	switch covered.name {
	case "@method":
		right(r.Method)
		p.add(variant{text: line(strings.ToLower(r.Method)), finding: finding(MethodForm, "@method was signed in lower case; RFC 9421 wants it as sent.")})
		p.add(variant{text: line(strings.ToUpper(r.Method)), finding: finding(MethodForm, "@method was signed in capitals, and sent otherwise.")})
		for _, method := range []string{"POST", "GET", "PUT", "DELETE", "PATCH"} {
			p.add(variant{text: line(method), finding: finding(MethodForm, fmt.Sprintf("@method was signed as %s, but the request is a %s.", method, strings.ToUpper(r.Method)))})
		}
	case "@target-uri":
		right(scheme + "://" + authority + r.Target)
		other(scheme+"://"+authority+usual+r.Target, "the port, which is the usual one")
		other("http://"+authority+r.Target, "http, not https")
		other(scheme+"://"+authority+path, "the URL without the query")
		for _, f := range targetForms(r)[1:] {
			other(scheme+"://"+authority+f.text, f.what)
		}
		other(r.Target, "the path alone, without scheme and host")
	case "@authority":
		right(authority)
		other(authority+usual, "the port, which is the usual one")
		other(r.Host, "capitals; it has to be in lower case")
		bare, _, _ := strings.Cut(authority, ":")
		for _, port := range []string{"", ":443", ":8443", ":80"} {
			other(bare+port, "another port, or none")
		}
	case "@scheme":
		right(scheme)
		other("http", "http, not https")
	case "@request-target":
		right(r.Target)
		for _, f := range targetForms(r)[1:] {
			other(f.text, f.what)
		}
	case "@path":
		right(path)
		other(r.Target, "the query too")
		for _, f := range targetForms(r)[1:] {
			formPath, _, _ := strings.Cut(f.text, "?")
			other(formPath, f.what)
		}
	case "@query":
		right("?" + query)
		other(query, "the query without its question mark")
		if plain, err := url.QueryUnescape(query); err == nil {
			other("?"+plain, "the query decoded")
		}
		if !hasQuery {
			other("", "nothing, where RFC 9421 wants a question mark")
		}
	case "@query-param":
		values, _ := url.ParseQuery(query)
		name := regexp.MustCompile(`;name="([^"]*)"`).FindStringSubmatch(covered.flag)
		if name == nil {
			right("")
			break
		}
		key, _ := url.QueryUnescape(name[1])
		right(strings.ReplaceAll(url.QueryEscape(values.Get(key)), "+", "%20"))
		other(values.Get(key), "the value decoded")
	default:
		right("")
		c.add(stageList, finding(HeaderAbsent, fmt.Sprintf("%s is no component of a request.", printable(covered.name))))
	}
	p.add(variant{absent: true, finding: finding(HeaderDropped, fmt.Sprintf("%s is listed as signed, but the signature was made without its line.", covered.name))})
	return p
}

// compareMessage holds label and parameters against a dialect.
func (c *check) compareMessage(who string, spec *signer.Spec) []Finding {
	m := c.facts.message
	var list []Finding
	want := spec.MessageSignature.Parameters
	if want == nil {
		want = []string{"created", "keyid"}
	}
	for _, name := range want {
		if _, ok := m.parameter(name); !ok {
			list = append(list, finding(ParameterMissing, fmt.Sprintf("There is no parameter %s, which %s wants.", name, who)))
		}
	}
	if tag, _ := m.parameter("tag"); spec.MessageSignature.Tag != "" && tag != spec.MessageSignature.Tag {
		list = append(list, finding(ParameterMissing, fmt.Sprintf("tag is not %s, which %s wants.", strconv.Quote(spec.MessageSignature.Tag), who)))
	}
	if created, ok := m.parameter("created"); ok {
		if _, err := strconv.ParseInt(created, 10, 64); err != nil {
			list = append(list, finding(SignatureMalformed, "created is no number of seconds."))
		}
	}
	return list
}
