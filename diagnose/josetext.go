package diagnose

import (
	"encoding/base64"
	"fmt"
	"slices"
)

// payloadText is the body, base64url or not, in all its forms.
func payloadText(body []byte, j *webSignature, t *text) {
	p := part{name: "the body"}
	encode := func(data []byte, encoded bool) string {
		if encoded {
			return base64.RawURLEncoding.EncodeToString(data)
		}
		return string(data)
	}
	const plain, coded = "as it is", "in base64url"
	word := map[bool]string{true: coded, false: plain}
	for f := range forms(body) {
		v := variant{text: encode(f.data, j.b64)}
		if f.code != "" {
			v.finding = finding(f.code, fmt.Sprintf("The signature is over %s.", f.what))
		}
		p.add(v)
	}
	says := "b64 is false"
	if j.b64 {
		says = "b64 is not false"
	}
	for f := range forms(body) {
		with := ""
		if f.code != "" {
			with = ", and over " + f.what
		}
		p.add(variant{text: encode(f.data, !j.b64), finding: finding(PayloadForm, fmt.Sprintf("%s, so the body has to be signed %s, but it was signed %s%s.", says, word[j.b64], word[!j.b64], with))})
	}
	padded := base64.URLEncoding.EncodeToString(body)
	p.add(variant{text: padded, finding: finding(PayloadForm, "The signature is over the body in base64url with padding, which does not belong there.")})
	p.add(variant{text: base64.StdEncoding.EncodeToString(body), finding: finding(PayloadForm, "The signature is over the body in base64, not in base64url.")})
	t.parts, t.layouts = []part{p}, []layout{{join: plainJoin}}
}

// headersText are the lines that sigD lists.
func (c *check) headersText(j *webSignature, t *text) {
	c.judgeDigest()
	if j.sigD.ID != httpHeadersID {
		c.add(stageContainer, finding(SignatureMalformed, fmt.Sprintf("sigD has the mId %s; headers are signed with %s.", printable(j.sigD.ID), httpHeadersID)))
	}
	c.facts.listed = j.sigD.Pars
	lines := c.cavageText(nil)
	t.parts, t.layouts = lines.parts, lines.layouts
	encoded := layout{join: func(l []string) string { return base64.RawURLEncoding.EncodeToString([]byte(plainJoin(l))) },
		finding: finding(PayloadForm, "The signature is over the lines in base64url; with sigD of HTTP headers they are signed as they are.")}
	t.layouts = slices.Insert(t.layouts, 1, encoded)
	for _, name := range []string{"sigT", "sigD"} {
		if !slices.Contains(j.crit, name) && j.members[name] != nil {
			c.add(stageContainer, finding(CriticalMembers, fmt.Sprintf("crit does not name %s.", name)))
		}
	}
	if j.sigT == "" {
		c.add(stageContainer, finding(MemberMissing, "The protected header has no sigT."))
	}
}
