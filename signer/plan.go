package signer

import (
	"slices"
	"strings"
)

// entryKind is where a line of the signing string gets its value from.
type entryKind uint8

const (
	entryHeader entryKind = iota // the message's headers
	entryTarget
	entryCreated
	entryExpires
	entryHost
	entryLength
	entryDigest
	entryCertificate
	entryPSU       // every PSU-* header that no other entry names
	entryAll       // every header that no other entry names
	entryComponent // a derived component of RFC 9421
)

// entry is one item of a list of what is signed.
type entry struct {
	kind     entryKind
	name     string // lower case
	optional bool
}

// plan is one list of what is signed, ready for use.
type plan struct {
	entries []entry
	// psu says that there is an entry of kind entryPSU, all one of kind entryAll.
	psu, all bool
	// made are the headers, in lower case, that entryAll leaves out.
	made []string
	// requiredPSU are PSU headers that must be among those of entryPSU.
	requiredPSU []string
	// created and expires say that they are signed.
	created, expires bool
	// list is the headers parameter if it is the same for all requests.
	list string
	// pieces make up the signature header's value.
	pieces []piece
}

func newPlan(signed []string, spec *Spec) *plan {
	p := &plan{made: []string{"signature", "host", "content-length", strings.ToLower(spec.Digest.Header)}}
	if name := spec.Certificate.Header; name != "" {
		p.made = append(p.made, strings.ToLower(name))
	}
	if spec.Container == containerHTTPHeaders {
		p.made = append(p.made, strings.ToLower(spec.JWS.Header))
	}
	fixed := true
	for _, item := range signed {
		e := entry{}
		e.name, e.optional = strings.CutSuffix(item, "?")
		switch {
		case e.name == requestTarget:
			e.kind = entryTarget
		case e.name == created:
			e.kind, p.created = entryCreated, true
		case e.name == expires:
			e.kind, p.expires = entryExpires, true
		case e.name == everyPSU:
			e.kind, p.psu = entryPSU, true
		case e.name == everyHeader:
			e.kind, p.all = entryAll, true
		case strings.HasPrefix(e.name, "@"):
			e.kind = entryComponent
		case e.name == "host":
			e.kind = entryHost
		case e.name == "content-length":
			e.kind = entryLength
		case equalFold(e.name, spec.Digest.Header):
			e.kind = entryDigest
		case equalFold(e.name, spec.Certificate.Header):
			e.kind = entryCertificate
		}
		fixed = fixed && !e.optional && e.kind != entryPSU && e.kind != entryAll
		p.entries = append(p.entries, e)
	}
	if spec.Sort {
		p.sort()
	}
	if fixed {
		names := make([]string, len(p.entries))
		for i, e := range p.entries {
			names[i] = e.name
		}
		p.list = strings.Join(names, " ")
	}
	return p
}

// sort puts the entries into alphabetical order. PSU headers that are listed by
// name beside psu-* move into it: what it finds is sorted too, and all names
// that begin with "psu-" belong side by side.
func (p *plan) sort() {
	if p.psu {
		p.entries = slices.DeleteFunc(p.entries, func(e entry) bool {
			named := e.kind == entryHeader && isPSU(e.name)
			if named && !e.optional {
				p.requiredPSU = append(p.requiredPSU, e.name)
			}
			return named
		})
	}
	slices.SortStableFunc(p.entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
}

// index finds the entry for a header of that name, in any spelling, or -1.
func (p *plan) index(header string) int {
	for i := range p.entries {
		if e := &p.entries[i]; e.kind == entryHeader && equalFold(e.name, header) {
			return i
		}
	}
	return -1
}

func isPSU(header string) bool { return len(header) > len("psu-") && hasPrefixFold(header, "psu-") }

// plans are the lists of a Spec.
type plans struct {
	standard *plan
	by       map[string]*plan // operation or method
}

func newPlans(spec *Spec) plans {
	p := plans{standard: newPlan(spec.Signed, spec), by: make(map[string]*plan, len(spec.SignedByOperation))}
	for op, signed := range spec.SignedByOperation {
		p.by[op] = newPlan(signed, spec)
	}
	return p
}

func (p *plans) find(msg *Message) *plan {
	if found := p.by[msg.Operation]; found != nil && msg.Operation != "" {
		return found
	}
	if found := p.by[msg.Method]; found != nil {
		return found
	}
	return p.standard
}
