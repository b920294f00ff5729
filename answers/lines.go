package answers

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// statusLine is what stands for the status among signed headers. draft-cavage
// has no name for it; this one is used by Georgia's national profile.
const statusLine = "(response-status)"

// appendLine adds a header's line to a signing string (draft-cavage-10 section
// 2.3): its values, trimmed and joined.
func appendLine(text []byte, answer *Answer, name string) ([]byte, error) {
	if len(text) > 0 {
		text = append(text, '\n')
	}
	text = append(append(text, name...), ": "...)
	if name == statusLine {
		return strconv.AppendInt(text, int64(answer.Status), 10), nil
	}
	value, err := coveredValue(answer.Header, name)
	return append(text, value...), err
}

// coveredValue gives the value of a covered header.
func coveredValue(h http.Header, name string) (string, error) {
	values, ok := h[http.CanonicalHeaderKey(name)]
	if !ok || len(values) == 0 {
		return "", invalid("it covers a header that the answer does not have")
	}
	trimmed := make([]string, len(values))
	for i, value := range values {
		trimmed[i] = strings.Trim(value, " \t")
	}
	return strings.Join(trimmed, ", "), nil
}

// checkCovered judges what a signature of headers covers: all that the policy
// demands, the body if there is one, no other call's id, and no old date.
func (v *Verifier) checkCovered(answer *Answer, covered []string, now time.Time) error {
	for i, name := range covered {
		if slices.Contains(covered[:i], name) {
			return invalid("it covers a header twice")
		}
	}
	for _, entry := range v.policy.Signed {
		name, optional := strings.CutSuffix(entry, "?")
		if optional && len(answer.Header[http.CanonicalHeaderKey(name)]) == 0 || slices.Contains(covered, name) {
			continue
		}
		return invalid("it does not cover " + name)
	}
	body := len(answer.Body) == 0
	for _, name := range []string{"digest", "content-digest"} {
		if !slices.Contains(covered, name) {
			continue
		}
		if err := coveredDigest(answer, name); err != nil {
			return err
		}
		body = true
	}
	if !body {
		return invalid("it covers no digest, so that the body is open")
	}
	if id := answer.Request.ID; id != "" && slices.Contains(covered, v.requestID) {
		if answer.Header.Get(v.requestID) != id {
			return invalid(v.requestID + " is another call's")
		}
	}
	if slices.Contains(covered, "date") {
		if at, err := http.ParseTime(answer.Header.Get("Date")); err != nil || !current(at, now) {
			return invalid("date is not of this time")
		}
	}
	return nil
}
