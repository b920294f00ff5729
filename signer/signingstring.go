package signer

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// facts are the values of a signing string that are not taken from the
// message's headers, because signing itself makes them.
type facts struct {
	digest, certificate string // "": absent
	created, expires    int64
	nonce               string
}

// scratch is the working memory of one signature; it is used again.
type scratch struct {
	found []field // for each entry of the plan
	psu   []field // what psu-* or * stands for, sorted
	text  []byte  // the signing string
	list  []byte  // the headers parameter
	value []byte  // the signature header's value
	sum   [64]byte

	quoted bool // names are in quotation marks, as RFC 9421 has them
}

// field is a header of the message.
type field struct {
	key     string // as the message spells it
	values  []string
	trimmed bool // a value has white space round it, which is not signed
}

// reset drops what belonged to the last request: its values are not kept.
func (sc *scratch) reset() {
	clear(sc.found)
	clear(sc.psu)
	clear(sc.text)
	clear(sc.value)
	sc.found, sc.psu = sc.found[:0], sc.psu[:0]
	sc.text, sc.list, sc.value = sc.text[:0], sc.list[:0], sc.value[:0]
}

// gather finds the message's headers that p signs, in one pass, because a
// look-up in any spelling would be a pass of its own.
func (p *plan) gather(sc *scratch, header http.Header) error {
	sc.found = slices.Grow(sc.found[:0], len(p.entries))[:len(p.entries)]
	for key, values := range header {
		if len(values) == 0 {
			continue
		}
		if i := p.index(key); i >= 0 {
			if sc.found[i].values != nil {
				return fmt.Errorf("%w: header %s is there in two spellings", ErrHeaderValue, p.entries[i].name)
			}
			sc.found[i] = field{key: key, values: values}
		} else if p.psu && isPSU(key) || p.all && p.goesOut(key, values) {
			if !isToken(key) {
				return fmt.Errorf("%w: a header's name %q is not a token", ErrHeaderValue, key)
			}
			sc.psu = append(sc.psu, field{key: key, values: values})
		}
	}
	slices.SortFunc(sc.psu, func(a, b field) int { return compareFold(a.key, b.key) })
	for i := 1; i < len(sc.psu); i++ {
		if compareFold(sc.psu[i-1].key, sc.psu[i].key) == 0 {
			return fmt.Errorf("%w: header %s is there in two spellings", ErrHeaderValue, strings.ToLower(sc.psu[i].key))
		}
	}
	for _, name := range p.requiredPSU {
		if !slices.ContainsFunc(sc.psu, func(f field) bool { return equalFold(name, f.key) }) {
			return fmt.Errorf("%w: %s", ErrHeaderMissing, name)
		}
	}
	return nil
}

// build makes the signing string (draft-cavage-10 and -12 section 2.3) and the
// headers parameter in one go, so that they cannot disagree.
func (p *plan) build(sc *scratch, spec *Spec, msg *Message, f *facts) error {
	if err := p.gather(sc, msg.Header); err != nil {
		return err
	}
	sc.quoted = spec.Container == containerMessage
	for i := range p.entries {
		e := &p.entries[i]
		var err error
		switch e.kind {
		case entryHeader:
			if sc.found[i].values == nil {
				err = e.absent()
			} else {
				err = sc.header(e.name, &sc.found[i])
			}
		case entryTarget:
			err = sc.target(spec, msg)
		case entryCreated:
			sc.begin(e.name)
			sc.text = strconv.AppendInt(sc.text, f.created, 10)
		case entryExpires:
			sc.begin(e.name)
			sc.text = strconv.AppendInt(sc.text, f.expires, 10)
		case entryHost:
			err = sc.single(e, msg.Host)
		case entryLength:
			err = sc.length(e, msg)
		case entryDigest:
			err = sc.single(e, f.digest)
		case entryCertificate:
			err = sc.single(e, f.certificate)
		case entryComponent:
			err = sc.component(e, msg)
		case entryPSU, entryAll:
			for j := range sc.psu {
				if err = sc.header(sc.psu[j].key, &sc.psu[j]); err != nil {
					break
				}
			}
		}
		if err != nil {
			return err
		}
	}
	if len(sc.list) == 0 && !sc.quoted { // RFC 9421 may sign its parameters alone
		return fmt.Errorf("%w: none of the headers to be signed is there", ErrHeaderMissing)
	}
	return nil
}

// goesOut reports whether a header is among those that "*" stands for: all that
// are there, but for those that signing makes or net/http leaves out.
func (p *plan) goesOut(key string, values []string) bool {
	for _, made := range p.made {
		if equalFold(made, key) {
			return false
		}
	}
	return !equalFold("user-agent", key) || values[0] != ""
}

// absent is what becomes of an entry whose header is not there.
func (e *entry) absent() error {
	switch {
	case e.optional:
		return nil
	case e.kind == entryDigest:
		return fmt.Errorf(`%w: %s: the request has no body; list "%[2]s?" or set signature.digest.empty`, ErrHeaderMissing, e.name)
	case e.kind == entryLength:
		return fmt.Errorf(`%w: content-length: the request has no body; list "content-length?"`, ErrHeaderMissing)
	}
	return fmt.Errorf("%w: %s", ErrHeaderMissing, e.name)
}

// begin starts the line of an entry and adds it to the list.
func (sc *scratch) begin(name string) {
	if len(sc.list) > 0 {
		sc.text = append(sc.text, '\n')
		sc.list = append(sc.list, ' ')
	}
	if sc.quoted {
		sc.list = append(appendLower(append(sc.list, '"'), name), '"')
		sc.text = append(appendLower(append(sc.text, '"'), name), `": `...)
		return
	}
	sc.list = appendLower(sc.list, name)
	sc.text = appendLower(sc.text, name)
	sc.text = append(sc.text, ": "...)
}

func (sc *scratch) single(e *entry, value string) error {
	if value == "" {
		return e.absent()
	}
	if hasControl(value, false) || value[0] == ' ' || value[len(value)-1] == ' ' {
		return fmt.Errorf("%w: %s holds a control character or outer space", ErrHeaderValue, e.name)
	}
	sc.begin(e.name)
	sc.text = append(sc.text, value...)
	return nil
}

// header writes a header's values, trimmed and joined with ", ".
func (sc *scratch) header(name string, f *field) error {
	sc.begin(name)
	for i, v := range f.values {
		if i > 0 {
			sc.text = append(sc.text, ", "...)
		}
		if hasControl(v, true) {
			return fmt.Errorf("%w: header %s holds a control character", ErrHeaderValue, strings.ToLower(name))
		}
		t := trim(v)
		f.trimmed = f.trimmed || len(t) != len(v)
		sc.text = append(sc.text, t...)
	}
	return nil
}

// trim cuts optional white space (RFC 9110 section 5.6.3) off.
func trim(v string) string {
	for len(v) > 0 && (v[0] == ' ' || v[0] == '\t') {
		v = v[1:]
	}
	for len(v) > 0 && (v[len(v)-1] == ' ' || v[len(v)-1] == '\t') {
		v = v[:len(v)-1]
	}
	return v
}

func (sc *scratch) target(spec *Spec, msg *Message) error {
	target := msg.Target
	if spec.RequestTarget == "path" {
		target, _, _ = strings.Cut(target, "?")
	}
	if !isToken(msg.Method) {
		return fmt.Errorf("%w: the method is not a token", ErrHeaderValue)
	}
	if target == "" || hasControl(msg.Target, false) || strings.IndexByte(msg.Target, ' ') >= 0 {
		return fmt.Errorf("%w: the request-target is empty or holds a space or control character", ErrHeaderValue)
	}
	sc.begin(requestTarget)
	sc.text = appendLower(sc.text, msg.Method)
	sc.text = append(sc.text, ' ')
	sc.text = append(sc.text, target...)
	return nil
}

// length writes Content-Length as net/http sends it: with a body, and as 0
// for the methods that are expected to have one (RFC 9110 section 8.6).
func (sc *scratch) length(e *entry, msg *Message) error {
	if len(msg.Body) == 0 && msg.Method != http.MethodPost && msg.Method != http.MethodPut && msg.Method != http.MethodPatch {
		return e.absent()
	}
	sc.begin(e.name)
	sc.text = strconv.AppendInt(sc.text, int64(len(msg.Body)), 10)
	return nil
}
