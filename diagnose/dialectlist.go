package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/capture"
	"github.com/caddy-tpp/caddy-tpp/signer"
)

// expand makes a dialect's list what it is for a request. What the dialect
// wants signed but the request lacks is kept.
func expand(spec *signer.Spec, list []string, r *capture.Request) []string {
	var names []string
	named := func(name string) bool { return slices.Contains(list, name) || slices.Contains(list, name+"?") }
	every := func(prefix string) (found []string) {
		for _, f := range r.Fields {
			name := strings.ToLower(f.Name)
			if strings.HasPrefix(name, prefix) && !named(name) && !slices.Contains(found, name) {
				found = append(found, name)
			}
		}
		slices.Sort(found)
		return found
	}
	for _, entry := range list {
		name, optional := strings.CutSuffix(entry, "?")
		switch {
		case name == "psu-*":
			names = append(names, every("psu-")...)
		case name == "*":
			for _, other := range every("") {
				if !slices.Contains([]string{"signature", "signature-input", "x-jws-signature", "host", "content-length", "connection", "transfer-encoding"}, other) {
					names = append(names, other)
				}
			}
		case !optional || present(r, name):
			names = append(names, name)
		}
	}
	if spec.Sort {
		slices.Sort(names)
	}
	return names
}

func present(r *capture.Request, name string) bool {
	_, ok := r.Get(name)
	return ok || name == "host" && r.Host != "" || strings.HasPrefix(name, "@") || strings.HasPrefix(name, "(")
}

// compareList holds what is signed against a dialect's lists.
func (c *check) compareList(who string, spec *signer.Spec) []Finding {
	r := c.in.Request
	have := make([]string, len(c.facts.listed))
	for i, name := range c.facts.listed {
		have[i] = strings.ToLower(name)
	}
	standard := spec.Signed
	if own, ok := spec.SignedByOperation[strings.ToUpper(r.Method)]; ok {
		standard = own
	}
	lists := [][]string{standard}
	for name, list := range spec.SignedByOperation {
		if name != strings.ToUpper(name) {
			lists = append(lists, list) // of operations, which are not known here
		}
	}
	for _, list := range lists {
		if slices.Equal(expand(spec, list, r), have) {
			return nil
		}
	}
	return differences(who, r, expand(spec, standard, r), have)
}

func differences(who string, r *capture.Request, want, have []string) []Finding {
	var list []Finding
	evidence := []string{"found", strings.Join(have, " "), "expected", strings.Join(want, " ")}
	for _, name := range want {
		if !slices.Contains(have, name) {
			sentence := fmt.Sprintf("%s is not signed, but %s wants it signed.", name, who)
			if !present(r, name) {
				sentence = fmt.Sprintf("%s is neither sent nor signed, but %s wants it signed.", name, who)
			}
			list = append(list, finding(HeaderNotSigned, sentence, evidence...))
		}
	}
	for _, name := range have {
		if !slices.Contains(want, name) {
			list = append(list, finding(HeaderExtra, fmt.Sprintf("%s is signed, but %s wants it unsigned.", printable(name), who), evidence...))
		}
	}
	if len(list) == 0 {
		list = append(list, finding(HeaderOrder, fmt.Sprintf("The headers are signed in another order than %s wants.", who), evidence...))
	}
	return list
}

// compareDigest looks at whether there is a digest, and what it is called.
func (c *check) compareDigest(who string, spec *signer.Spec) []Finding {
	d := &c.facts.digest
	header := or(spec.Digest.Header, "Digest")
	algorithm := or(spec.Digest.Algorithm, "SHA-256")
	empty := len(c.in.Request.Body) == 0
	wanted := algorithm != "none" && (!empty || spec.Digest.Empty == "hash" || spec.Digest.Empty == "braces")
	switch {
	case d.present && digestHash(d.prefix) == 0:
		return nil // said already
	case wanted && !d.present:
		return []Finding{finding(DigestMissing, fmt.Sprintf("There is no %s header, which %s wants.", header, who))}
	case !d.present:
		return nil
	case algorithm == "none":
		return []Finding{finding(DigestUnwanted, fmt.Sprintf("There is a %s header, which %s does not want.", d.header, who))}
	case !wanted:
		return []Finding{finding(DigestUnwanted, fmt.Sprintf("There is a %s header although the request has no body; %s wants none then.", d.header, who))}
	case !strings.EqualFold(d.header, header):
		return []Finding{finding(DigestMissing, fmt.Sprintf("The digest is in %s, but %s wants it in %s.", d.header, who, header))}
	}
	prefix := or(spec.Digest.Prefix, algorithm)
	if d.structured() {
		prefix = strings.ToLower(prefix)
	}
	var list []Finding
	if d.prefix != prefix {
		list = append(list, finding(DigestAlgorithm, fmt.Sprintf("%s says %s, but %s wants %s.", d.header, printable(d.prefix), who, prefix), "found", printable(d.prefix), "expected", prefix))
	}
	if spec.Digest.Empty == "braces" && empty && !c.facts.braces && !c.facts.digestWrong {
		list = append(list, finding(DigestBraces, fmt.Sprintf("%s is of an empty body, but %s wants that of {} then.", d.header, who)))
	}
	return list
}

var parameterOrder = [...]string{"keyId", "algorithm", "created", "expires", "headers", "signature"}

// compareParameters looks at order, names, separators and quotation marks.
func (c *check) compareParameters(who string, spec *signer.Spec) []Finding {
	var list []Finding
	separator := or(spec.Separator, ",")
	unquoted := spec.Unquoted
	if unquoted == nil {
		unquoted = []string{"created", "expires"}
	}
	var have []string
	for i, p := range c.facts.parameters {
		name := plainName(p.name)
		have = append(have, name)
		if i > 0 && p.before != separator {
			word := "no space after the comma"
			if separator == ", " {
				word = "a comma and one space"
			}
			found := "white space"
			if p.before == "," {
				found = "a comma alone"
			}
			list = append(list, finding(Separator, fmt.Sprintf("There is %s between the parameters before %s, but %s wants %s.", found, printable(p.name), who, word)))
			separator = p.before // say it once
		}
		if wanted := or(spec.ParameterNames[name], name); p.name != wanted {
			list = append(list, finding(ParameterName, fmt.Sprintf("Parameter %s is called %s, but %s wants %s.", name, printable(p.name), who, wanted)))
		}
		if bare := slices.Contains(unquoted, name); p.quoted == bare && slices.Contains(parameterOrder[:], name) {
			word := map[bool]string{true: "in quotation marks", false: "without quotation marks"}
			list = append(list, finding(ParameterQuote, fmt.Sprintf("Parameter %s is %s, but %s wants it %s.", name, word[p.quoted], who, word[!p.quoted])))
		}
	}
	want := spec.Parameters
	if want == nil {
		want = parameterOrder[:]
	}
	var order []string
	for _, name := range want {
		if slices.Contains(have, name) {
			order = append(order, name)
		}
	}
	if !slices.Equal(order, have) {
		list = append(list, finding(ParameterOrder, fmt.Sprintf("The parameters are in another order, or other ones, than %s wants.", who), "found", printable(strings.Join(have, " ")), "expected", strings.Join(order, " ")))
	}
	return list
}
