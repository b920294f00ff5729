package answers

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxSignatures bounds how many signatures of one answer are looked at.
const maxSignatures = 4

// verifyMessage verifies an HTTP message signature of an answer (RFC 9421
// section 3.2). Of several it takes one that holds.
func (v *Verifier) verifyMessage(ctx context.Context, answer *Answer, now time.Time) error {
	inputs := strings.Join(answer.Header["Signature-Input"], ", ")
	values := strings.Join(answer.Header["Signature"], ", ")
	if inputs == "" || values == "" {
		return missing("there is no signature-input with signature")
	}
	if len(inputs)+len(values) > maxHeader {
		return invalid("the signature is too long")
	}
	members, ok := parseInput(inputs)
	if !ok {
		return invalid("signature-input cannot be read")
	}
	signatures, ok := parseSignatures(values)
	if !ok {
		return invalid("signature cannot be read")
	}
	var first error
	for _, m := range members[:min(len(members), maxSignatures)] {
		sig, ok := signatures[m.label]
		err := invalid("signature lacks what signature-input lists")
		if ok {
			err = v.verifyMember(ctx, answer, &m, sig, now)
		}
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// verifyMember verifies one of an answer's signatures.
func (v *Verifier) verifyMember(ctx context.Context, answer *Answer, m *member, sig []byte, now time.Time) error {
	if err := messageTimes(m.params, now); err != nil {
		return err
	}
	var (
		base    []byte
		covered []string
	)
	seen := make(map[string]bool)
	for i := range m.items {
		it := &m.items[i]
		if seen[it.raw] {
			return invalid("it covers a component twice")
		}
		seen[it.raw] = true
		value, err := componentValue(answer, it)
		if err != nil {
			return err
		}
		base = append(append(append(base, it.raw...), ": "...), value...)
		base = append(base, '\n')
		if len(it.params) == 0 {
			covered = append(covered, it.name)
		}
	}
	if err := v.checkCovered(answer, covered, now); err != nil {
		return err
	}
	base = append(append(base, `"@signature-params": `...), m.raw...)
	s := &signature{hint: hint{keyID: m.params["keyid"]}, text: base, sig: sig, fits: v.algorithms}
	if name := m.params["alg"]; name != "" {
		s.fits = v.named(name, func(a *algorithm) string { return a.message })
	}
	return v.check(ctx, s, now)
}

// messageTimes judges created and expires (RFC 9421 section 2.3).
func messageTimes(params map[string]string, now time.Time) error {
	if text, ok := params["created"]; ok {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if at := time.Unix(seconds, 0); err != nil || !current(at, now) {
			return invalid("created is not of this time")
		}
	}
	if text, ok := params["expires"]; ok {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || time.Unix(seconds, 0).Before(now.Add(-skew)) {
			return invalid("expires is past")
		}
	}
	return nil
}

// componentValue gives the value of a covered component: of the answer, or with
// the parameter req of the request (RFC 9421 section 2.4).
func componentValue(answer *Answer, it *item) (string, error) {
	_, ofRequest := it.params["req"]
	if len(it.params) > 1 || len(it.params) == 1 && (!ofRequest || it.params["req"] != "?1") {
		return "", invalid("it covers a component in a way that is not understood")
	}
	if ofRequest {
		return requestValue(&answer.Request, it.name)
	}
	if it.name == "@status" {
		return strconv.Itoa(answer.Status), nil
	}
	if !isToken(it.name) || it.name != strings.ToLower(it.name) {
		return "", invalid("it covers a component that is not understood")
	}
	return coveredValue(answer.Header, it.name)
}

// requestValue gives a component of the request (RFC 9421 section 2.2).
func requestValue(r *Request, name string) (string, error) {
	path, query, _ := strings.Cut(r.Target, "?")
	switch name {
	case "@method":
		return r.Method, nil
	case "@authority":
		return strings.ToLower(r.Host), nil
	case "@scheme":
		return "https", nil
	case "@target-uri":
		return "https://" + strings.ToLower(r.Host) + r.Target, nil
	case "@request-target":
		return r.Target, nil
	case "@path":
		return path, nil
	case "@query":
		return "?" + query, nil
	}
	if !isToken(name) || name != strings.ToLower(name) {
		return "", invalid("it covers a component of the request that is not understood")
	}
	found := make(http.Header)
	for key, values := range r.Header {
		if strings.EqualFold(key, name) {
			found[http.CanonicalHeaderKey(name)] = values
		}
	}
	return coveredValue(found, name)
}
