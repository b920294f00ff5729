package diagnose

import (
	"crypto"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/capture"
)

// digested is a Digest (RFC 3230) or Content-Digest (RFC 9530) as received.
type digested struct {
	header  string
	value   string
	prefix  string // the algorithm's name as written
	content string // what follows it
	present bool
}

// digestHeaders are looked for in this order.
var digestHeaders = [...]string{"Digest", "Content-Digest", "Repr-Digest"}

func readDigest(r *capture.Request) digested {
	for _, header := range digestHeaders {
		if value, ok := r.Get(header); ok {
			d := digested{header: header, value: value, present: true}
			// Of several algorithms the first that can be checked counts.
			for item := range strings.SplitSeq(value, ",") {
				prefix, content, _ := strings.Cut(strings.TrimSpace(item), "=")
				if d.content == "" || digestHash(d.prefix) == 0 {
					d.prefix, d.content = prefix, content
				}
			}
			return d
		}
	}
	return digested{}
}

// digestHash is the hash of an algorithm's name in any spelling, or 0.
func digestHash(prefix string) crypto.Hash {
	switch strings.ToLower(prefix) {
	case "sha-256", "sha256":
		return crypto.SHA256
	case "sha-384", "sha384":
		return crypto.SHA384
	case "sha-512", "sha512":
		return crypto.SHA512
	}
	return 0
}

// structured says whether the header is written as RFC 9530 has it.
func (d *digested) structured() bool { return d.header != "Digest" }

// encodings are how the hash of data may be written, the right way first.
func (d *digested) encodings(h crypto.Hash, data []byte) []struct {
	text string
	code Code
	what string
} {
	digest := sum(h, data)
	digits := hex.EncodeToString(digest)
	standard := base64.StdEncoding.EncodeToString(digest)
	wrap := func(s string) string { return s }
	if d.structured() {
		wrap = func(s string) string { return ":" + s + ":" }
	}
	list := []struct {
		text string
		code Code
		what string
	}{
		{wrap(standard), "", ""},
		{base64.URLEncoding.EncodeToString(digest), DigestEncoding, "in base64url, not base64"},
		{strings.TrimRight(standard, "="), DigestEncoding, "in base64 without its padding"},
		{base64.RawURLEncoding.EncodeToString(digest), DigestEncoding, "in base64url, not base64"},
		{digits, DigestHex, "in hexadecimal, not base64"},
		{strings.ToUpper(digits), DigestHex, "in hexadecimal, not base64"},
		{base64.StdEncoding.EncodeToString([]byte(digits)), DigestHex, "base64 of its hexadecimal digits, not of its bytes"},
		{base64.StdEncoding.EncodeToString([]byte(strings.ToUpper(digits))), DigestHex, "base64 of its hexadecimal digits, not of its bytes"},
	}
	if d.structured() {
		list = append(list, list[0])
		list[len(list)-1].text, list[len(list)-1].code, list[len(list)-1].what = standard, DigestEncoding, "without the colons of a structured field"
	}
	return list
}

// check compares the header with the body and says what it is of.
func (d *digested) check(r *capture.Request) []Finding {
	length, lengthWrong := wrongLength(r)
	withLength := func(f []Finding) []Finding {
		if lengthWrong {
			return append(f, length)
		}
		return f
	}
	if !d.present {
		return withLength(nil)
	}
	labelled := digestHash(d.prefix)
	if labelled == 0 || d.content == "" {
		return withLength([]Finding{finding(DigestMalformed, d.header+` is not of the form SHA-256=<base64>, with SHA-256, SHA-384 or SHA-512.`)})
	}
	order := append([]crypto.Hash{labelled}, hashes[:]...)
	for body := range forms(r.Body) {
		for _, h := range order {
			for _, e := range d.encodings(h, body.data) {
				if e.text == d.content {
					return d.explain(labelled, h, body, e.code, e.what, withLength)
				}
			}
		}
	}
	if lengthWrong {
		return []Finding{length, d.other(r, labelled)}
	}
	return []Finding{d.other(r, labelled)}
}

// explain turns what the header is of into findings.
func (d *digested) explain(labelled, h crypto.Hash, body form, code Code, encoding string, withLength func([]Finding) []Finding) []Finding {
	var list []Finding
	if body.code != "" {
		list = append(list, finding(body.code, fmt.Sprintf("%s is of %s.", d.header, body.what), "body bytes hashed", fmt.Sprint(len(body.data))))
	}
	if h != labelled {
		list = append(list, finding(DigestAlgorithm, fmt.Sprintf("%s says %s but holds a %s of the body.", d.header, d.prefix, strings.ToUpper(hashName(h)))))
	}
	if code != "" {
		list = append(list, finding(code, fmt.Sprintf("%s holds the hash %s.", d.header, encoding)))
	}
	if body.code != "" {
		return list // the length is explained by it
	}
	return withLength(list)
}

func (d *digested) other(r *capture.Request, h crypto.Hash) Finding {
	want := d.encodings(h, r.Body)[0].text
	sentence := fmt.Sprintf("%s does not belong to the body, which has %s: one of the two was changed.", d.header, plural(len(r.Body), "byte"))
	if coding, ok := r.Get("Content-Encoding"); ok && !strings.EqualFold(coding, "identity") {
		sentence = fmt.Sprintf("%s does not belong to the body as captured; Content-Encoding is %s, so it may be of the compressed body.", d.header, printable(coding))
	}
	return finding(DigestOther, sentence, "expected", d.prefix+"="+want, "found", d.value)
}

// wrongLength compares Content-Length with the body.
func wrongLength(r *capture.Request) (Finding, bool) {
	for _, w := range r.Warnings {
		if w.Code == capture.WarnLength {
			return finding(ContentLength, w.Text+": the body was cut, or changed after its length was counted."), true
		}
	}
	return Finding{}, false
}

// printable keeps evidence short and free of control characters.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}
