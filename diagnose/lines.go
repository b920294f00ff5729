package diagnose

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-tpp/caddy-tpp/capture"
)

// headerPart makes the line of a header and what else it may have been. listed
// is the name as the signature lists it.
func headerPart(r *capture.Request, listed string) part {
	name := strings.ToLower(listed)
	values := r.Values(name)
	if name == "host" && len(values) == 0 && r.Host != "" {
		values = []string{r.Host} // :authority
	}
	p := part{name: name}
	line := func(value string) string { return name + ": " + value }
	if len(values) == 0 {
		p.variants = []variant{{text: line("")}}
		p.add(variant{absent: true, finding: finding(HeaderDropped, fmt.Sprintf("%s is listed as signed but was not sent, and the signature was made without its line.", name))})
	} else {
		p.variants = []variant{{text: line(strings.Join(values, ", "))}}
	}
	changed := func(value string, code Code, sentence string, args ...any) {
		if !strings.ContainsAny(value, "\r\n") {
			p.add(variant{text: line(value), finding: finding(code, fmt.Sprintf(sentence, args...))})
		}
	}
	spelling(&p, r, listed, values)
	for _, value := range values {
		special(name, value, r, changed)
	}
	if len(values) > 0 {
		usual(name, values, changed)
		p.add(variant{absent: true, finding: finding(HeaderDropped, fmt.Sprintf("%s is listed as signed, but the signature was made without its line.", name))})
		empty := finding(HeaderEmpty, fmt.Sprintf("%s was empty when the request was signed: its value was filled in afterwards.", name))
		p.add(variant{text: name + ":", finding: empty})
		p.add(variant{text: line(""), finding: empty})
	}
	swapped(&p, r, name, changed)
	return p
}

// spelling adds lines with the header's name as listed or as sent, and with the
// white space as sent.
func spelling(p *part, r *capture.Request, listed string, values []string) {
	add := func(text string, code Code, sentence string) {
		p.add(variant{text: text, finding: finding(code, fmt.Sprintf(sentence, p.name))})
	}
	joined := strings.Join(values, ", ")
	add(listed+": "+joined, HeaderCapitals, "%s was signed with capitals in its name: names are in lower case in the signing string.")
	for _, f := range r.Fields {
		if strings.EqualFold(f.Name, p.name) {
			add(f.Name+": "+joined, HeaderCapitals, "%s was signed with capitals in its name: names are in lower case in the signing string.")
			const spaces = "%s was signed with other white space than belongs into the signing string: one space after the colon, none round the value."
			add(p.name+":"+f.Raw, HeaderSpaces, spaces)
			add(p.name+": "+strings.TrimPrefix(f.Raw, " "), HeaderSpaces, spaces)
			add(p.name+": "+f.Raw, HeaderSpaces, spaces)
		}
	}
	if len(values) > 0 {
		const spaces = "%s was signed with other white space round or in its value than it was sent with."
		add(p.name+": "+joined+" ", HeaderSpaces, spaces)
		add(p.name+":  "+joined, HeaderSpaces, spaces)
		add(p.name+":"+joined, HeaderSpaces, spaces)
		add(p.name+": "+strings.Join(strings.Fields(joined), " "), HeaderSpaces, spaces)
		add(p.name+": "+strings.ReplaceAll(joined, " ", ""), HeaderSpaces, spaces)
		add(p.name+": "+strings.ReplaceAll(joined, ";", "; "), HeaderSpaces, spaces)
		add(p.name+": "+strings.ReplaceAll(joined, ",", ", "), HeaderSpaces, spaces)
	}
}

// hidden is what logs put in the place of a value.
var hidden = regexp.MustCompile(`(?i)\*{3,}|\b(redacted|masked|hidden|removed)\b|^x{4,}$`)

// hides says that the capture does not hold the value of a signed header.
func (c *check) hides(name string) {
	if value, ok := c.in.Request.Get(name); ok && hidden.MatchString(value) {
		c.note("The capture hides the value of %s, which is signed: no verdict on it can be right. Use a capture with its value.", strings.ToLower(name))
	}
}

type change func(value string, code Code, sentence string, args ...any)

// usual adds changes that happen to any header.
func usual(name string, values []string, changed change) {
	joined := strings.Join(values, ", ")
	changed(strings.ToLower(joined), HeaderCase, "%s was signed in lower case and sent otherwise.", name)
	changed(strings.ToUpper(joined), HeaderCase, "%s was signed in upper case and sent otherwise.", name)
	if len(values) > 1 {
		changed(strings.Join(values, ","), HeaderValues, "%s is there %d times: its values were joined by a comma without a space.", name, len(values))
		changed(values[0], HeaderValues, "%s is there %d times, but only its first value was signed.", name, len(values))
		changed(values[len(values)-1], HeaderValues, "%s is there %d times, but only its last value was signed.", name, len(values))
	}
	const encoding = "%s was signed in another encoding than it was sent in."
	if plain, err := url.PathUnescape(joined); err == nil {
		changed(plain, HeaderEncoding, encoding, name)
	}
	changed(url.QueryEscape(joined), HeaderEncoding, encoding, name)
	changed(url.PathEscape(joined), HeaderEncoding, encoding, name)
	changed(strings.Trim(joined, `"`), HeaderEncoding, encoding, name)
	changed(`"`+joined+`"`, HeaderEncoding, encoding, name)
	changed(toLatin1(joined), HeaderEncoding, encoding, name)
	changed(fromLatin1(joined), HeaderEncoding, encoding, name)
}

// swapped adds the values of all other headers: one that was renamed, copied or
// overwritten on its way.
func swapped(p *part, r *capture.Request, name string, changed change) {
	for _, f := range r.Fields {
		if !strings.EqualFold(f.Name, name) && f.Value() != "" {
			changed(f.Value(), HeaderChanged, "%s was changed after it was signed: it had the value that %s has now.", name, strings.ToLower(f.Name))
		}
	}
}

// special adds what is known to happen to certain headers.
func special(name, value string, r *capture.Request, changed change) {
	switch name {
	case "date":
		dates(value, changed)
	case "host":
		host := strings.ToLower(value)
		bare := host
		if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
			bare = host[:i]
		}
		for _, other := range []string{bare, bare + ":443", bare + ":80", bare + ":8443", r.Host} {
			changed(other, HeaderChanged, "host was signed with another port than it was sent with, or without one.")
		}
	case "content-length":
		for body := range forms(r.Body) {
			changed(strconv.Itoa(len(body.data)), HeaderChanged, "content-length was changed after it was signed: it was that of another form of the body.")
		}
	case "content-type":
		media, _, _ := strings.Cut(value, ";")
		media = strings.TrimSpace(media)
		for _, suffix := range []string{"", ";charset=UTF-8", "; charset=UTF-8", ";charset=utf-8", "; charset=utf-8"} {
			changed(media+suffix, HeaderChanged, "content-type was changed after it was signed: its charset was added, left out or written otherwise.")
		}
		changed("application/json", HeaderChanged, "content-type was changed after it was signed: it was application/json.")
	case "digest", "content-digest":
		digests(name, r, changed)
	}
}

// digests adds what the header may have been.
func digests(name string, r *capture.Request, changed change) {
	d := readDigest(r)
	if !strings.EqualFold(d.header, name) || len(d.check(r)) == 0 {
		return // one that fits the body was not changed
	}
	for body := range forms(r.Body) {
		for _, h := range hashes {
			for _, e := range d.encodings(h, body.data) {
				for _, prefix := range prefixes(h) {
					what := "of the body as it is here"
					if body.code != "" {
						what = "of " + body.what
					}
					changed(prefix+"="+e.text, HeaderChanged, "%s was changed after it was signed: it was %s, as %s.", name, what, prefix)
				}
			}
		}
	}
}

func prefixes(h interface{ Size() int }) []string {
	bits := strconv.Itoa(8 * h.Size())
	return []string{"SHA-" + bits, "sha-" + bits, "SHA" + bits}
}

// dates adds other clocks and other forms of Date.
func dates(value string, changed change) {
	at, err := http.ParseTime(value)
	if err != nil {
		if at, err = time.Parse(time.RFC1123Z, value); err != nil {
			if at, err = time.Parse(time.RFC3339, value); err != nil {
				return
			}
		}
	}
	at = at.UTC()
	for _, layout := range []string{http.TimeFormat, time.RFC1123Z, time.RFC1123, "Mon, 2 Jan 2006 15:04:05 GMT", time.RFC3339, time.RFC850, time.ANSIC, "2006-01-02T15:04:05.000Z"} {
		changed(at.Format(layout), HeaderChanged, "date was changed after it was signed: it was the same time in another form.")
	}
	for seconds := 1; seconds <= 900; seconds++ {
		for _, sign := range []int{-1, 1} {
			word := map[int]string{-1: "earlier", 1: "later"}[sign]
			changed(at.Add(time.Duration(sign*seconds)*time.Second).Format(http.TimeFormat), HeaderChanged,
				"date was changed after it was signed: it was %s %s.", plural(seconds, "second"), word)
		}
	}
	for hours := -14; hours <= 14; hours++ {
		changed(at.Add(time.Duration(hours)*time.Hour).Format(http.TimeFormat), HeaderChanged,
			"date was changed after it was signed: it was another hour, as of a clock in another time zone.")
	}
}

func toLatin1(s string) string {
	var out []byte
	for _, r := range s {
		if r > 0xff {
			return s
		}
		out = append(out, byte(r))
	}
	return string(out)
}

func fromLatin1(s string) string {
	var out strings.Builder
	for i := range len(s) {
		out.WriteRune(rune(s[i]))
	}
	return out.String()
}
