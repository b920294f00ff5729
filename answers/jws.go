package answers

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"mime"
	"slices"
	"strings"
	"time"
)

// bodyOfAnswer is how reasons name a body that is a JWT.
const bodyOfAnswer = "the body"

// detached reads the header with a JWS whose payload is elsewhere (RFC 7515
// appendix F).
func (v *Verifier) detached(answer *Answer) (*compact, error) {
	value, err := single(answer.Header, v.policy.Header)
	if err != nil {
		return nil, err
	}
	name := strings.ToLower(v.policy.Header)
	if value == "" {
		return nil, missing("there is no " + name)
	}
	c, err := parseCompact(name, value)
	if err != nil {
		return nil, err
	}
	if c.payload != "" {
		return nil, invalid(name + " is not detached")
	}
	return c, nil
}

// encoded reports whether a JWS signs the base64url form of its payload. A b64
// that is not in crit would be read in two ways (RFC 7797 section 6).
func (h *joseHeader) encoded() (bool, error) {
	if h.B64 == nil || *h.B64 {
		return true, nil
	}
	if !slices.Contains(h.crit, memberB64) {
		return false, invalid("b64 is false, but not in crit")
	}
	return false, nil
}

// verifyJWS verifies a detached JWS of the body (RFC 7515 section 5.2; RFC 7797;
// UK Open Banking 3.1, message signing).
func (v *Verifier) verifyJWS(ctx context.Context, answer *Answer, now time.Time) error {
	c, err := v.detached(answer)
	if err != nil {
		return err
	}
	encoded, err := c.header.encoded()
	if err != nil {
		return err
	}
	if encoded == v.policy.Unencoded {
		return invalid("b64 is not what responses.unencoded says")
	}
	if c.header.SigD != nil {
		return invalid("sigD says that it signs something else than the body")
	}
	if err := v.checkHeader(&c.header, now); err != nil {
		return err
	}
	text := append([]byte(c.protected), '.')
	if encoded {
		text = base64.RawURLEncoding.AppendEncode(text, answer.Body)
	} else {
		text = append(text, answer.Body...)
	}
	return noted(answer, v.check(ctx, v.signatureOf(c, text), now))
}

// noted tells of compression where that may be why a signature does not fit.
func noted(answer *Answer, err error) error {
	if note := codedNote(answer); note != "" && err != nil && verdictOf(err).Reason == reasonWrong {
		return invalid(reasonWrong + note)
	}
	return err
}

// verifyJWT verifies a body that is a JWT (RFC 7519), and that its time is now.
func (v *Verifier) verifyJWT(ctx context.Context, answer *Answer, now time.Time) error {
	media, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil || media != "application/jwt" && media != "application/jose" {
		return missing("the body is no application/jwt")
	}
	c, err := parseCompact(bodyOfAnswer, string(answer.Body))
	if err != nil {
		return err
	}
	if c.header.B64 != nil || c.header.SigD != nil {
		return invalid("b64 and sigD have no place in a JWT")
	}
	if err := v.checkHeader(&c.header, now); err != nil {
		return err
	}
	if err := v.check(ctx, v.signatureOf(c, answer.Body[:len(c.protected)+1+len(c.payload)]), now); err != nil {
		return err
	}
	payload, err := decodePart(c.payload)
	if err != nil {
		return invalid("the payload is not base64url")
	}
	claims, err := objectOf(payload)
	if err != nil {
		return invalid("the payload is no object of claims")
	}
	return checkTimes(claims, now)
}

// checkTimes judges iat, nbf and exp (RFC 7519 section 4.1), where they are.
func checkTimes(claims map[string]json.RawMessage, now time.Time) error {
	for name, wrong := range map[string]func(time.Time) bool{
		"iat": func(at time.Time) bool { return !current(at, now) },
		"nbf": func(at time.Time) bool { return at.After(now.Add(skew)) },
		"exp": func(at time.Time) bool { return at.Before(now.Add(-skew)) },
	} {
		raw, ok := claims[name]
		if !ok {
			continue
		}
		if at, ok := unixTime(raw); !ok || wrong(at) {
			return invalid("the claim " + name + " is not of this time")
		}
	}
	return nil
}
