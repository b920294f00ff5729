package answers

import (
	"context"
	"slices"
	"strings"
	"time"
)

// mechanismHTTPHeaders is sigD's mId for header lines (ETSI TS 119 182-1 section
// 5.2.8.2).
const mechanismHTTPHeaders = "http://uri.etsi.org/19182/HttpHeaders"

// verifyHTTPHeaders verifies a detached JWS over header lines (Open Banking
// Europe, JSON Web Signature Profile for Open Banking 001-001).
func (v *Verifier) verifyHTTPHeaders(ctx context.Context, answer *Answer, now time.Time) error {
	c, err := v.detached(answer)
	if err != nil {
		return err
	}
	h := &c.header
	switch encoded, err := h.encoded(); {
	case err != nil:
		return err
	case encoded:
		return invalid("b64 is not false")
	case h.SigD == nil || h.SigD.MID != mechanismHTTPHeaders || len(h.SigD.Pars) == 0:
		return invalid("sigD does not say which headers are signed")
	case !slices.Contains(h.crit, memberSigD):
		return invalid("sigD is not in crit")
	}
	if err := v.checkHeader(h, now); err != nil {
		return err
	}
	if at, err := time.Parse(time.RFC3339, h.SigT); err != nil || !current(at, now) {
		return invalid("sigT is not of this time")
	}
	var lines []byte
	for _, name := range h.SigD.Pars {
		if name != strings.ToLower(name) {
			return invalid("sigD names a header in capitals")
		}
		if lines, err = appendLine(lines, answer, name); err != nil {
			return err
		}
	}
	if err := v.checkCovered(answer, h.SigD.Pars, now); err != nil {
		return err
	}
	text := append([]byte(c.protected+"."), lines...)
	return v.check(ctx, v.signatureOf(c, text), now)
}
