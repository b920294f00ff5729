package answers

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-tpp/caddy-tpp/signer"
)

// verifyCavage verifies a Signature header (draft-cavage-http-signatures 10 and
// 12) of an answer. What is signed must be listed: the draft's default, the Date
// alone, leaves the body open.
func (v *Verifier) verifyCavage(ctx context.Context, answer *Answer, now time.Time) error {
	value, err := single(answer.Header, "Signature")
	if err != nil {
		return err
	}
	if value == "" {
		return missing("there is no signature")
	}
	params, err := signer.ParseSignature(value)
	if err != nil {
		return invalid("signature cannot be read")
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(params["signature"])
	if err != nil || strings.ContainsAny(params["signature"], "\r\n") {
		return invalid("signature is not base64")
	}
	created, err := cavageTimes(params, now)
	if err != nil {
		return err
	}
	covered := strings.Fields(strings.ToLower(params["headers"]))
	if len(covered) == 0 {
		return invalid("it does not say what it covers")
	}
	var text []byte
	for _, name := range covered {
		if parameter, ok := created[name]; ok {
			if len(text) > 0 {
				text = append(text, '\n')
			}
			text = append(append(append(text, name...), ": "...), parameter...)
			continue
		}
		if text, err = appendLine(text, answer, name); err != nil {
			return err
		}
	}
	if err := v.checkCovered(answer, covered, now); err != nil {
		return err
	}
	s := &signature{hint: hint{keyID: params["keyId"]}, text: text, sig: sig, der: true, fits: v.algorithms}
	// "hs2019", like none, leaves the algorithm to what is known of the key.
	if name := params["algorithm"]; name != "" && name != "hs2019" {
		s.fits = v.named(name, func(a *algorithm) string { return a.cavage })
	}
	return v.check(ctx, s, now)
}

// cavageTimes judges the parameters created and expires, and gives what stands
// for them in the signing string.
func cavageTimes(params map[string]string, now time.Time) (map[string]string, error) {
	there := make(map[string]string)
	for name, wrong := range map[string]func(time.Time) bool{
		"created": func(at time.Time) bool { return !current(at, now) },
		"expires": func(at time.Time) bool { return at.Before(now.Add(-skew)) },
	} {
		text, ok := params[name]
		if !ok {
			continue
		}
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || wrong(time.Unix(seconds, 0)) {
			return nil, invalid(name + " is not of this time")
		}
		there["("+name+")"] = text
	}
	return there, nil
}
