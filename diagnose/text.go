package diagnose

import "strings"

// variant is one way in which a line of the signing string may have been.
type variant struct {
	// text is the line; absent leaves it out.
	text   string
	absent bool
	// finding says what is wrong if this is what was signed; its Code is empty
	// for the way it should be.
	finding Finding
}

// line tells variants apart: no line holds a line end.
func (v *variant) line() string {
	if v.absent {
		return "\n"
	}
	return v.text
}

// part is a line of the signing string, the right way first.
type part struct {
	name     string
	variants []variant
	known    map[string]bool // lines that are among the variants
}

// layout is one way to put the lines together.
type layout struct {
	join    func(lines []string) string
	finding Finding
}

// text is what a signature may be over.
type text struct {
	prefix  string // before the lines, such as a protected header and "."
	parts   []part
	layouts []layout
}

// match is what was found to be signed.
type match struct {
	proof    *proof
	signed   string
	findings []Finding
}

// Tries are bounded: an RSA try is a hash, an ECDSA try a verification.
const (
	maxTries      = 60_000
	maxTriesECDSA = 4_000
)

func plainJoin(lines []string) string { return strings.Join(lines, "\n") }

// base is the signing string as the bank builds it.
func (t *text) base() string { return t.prefix + t.layouts[0].join(t.lines(nil)) }

// lines picks the first variant of every part, but for the chosen ones.
func (t *text) lines(chosen map[int]int) []string {
	lines := make([]string, 0, len(t.parts))
	for i := range t.parts {
		if v := &t.parts[i].variants[chosen[i]]; !v.absent {
			lines = append(lines, v.text)
		}
	}
	return lines
}

// search tries the text as it should be, then with one thing wrong, then with two.
type search struct {
	text   *text
	proofs []proof
	left   int
}

func (t *text) search(proofs []proof) *match {
	s := &search{text: t, proofs: proofs, left: maxTries}
	for i := range proofs {
		if p := proofs[i].scheme; p == "ecdsa" || p == "ed25519" {
			s.left = maxTriesECDSA
		}
	}
	if len(proofs) == 0 {
		return nil
	}
	if m := s.try(0, nil); m != nil {
		return m
	}
	if m := s.one(0); m != nil {
		return m
	}
	for l := 1; l < len(t.layouts); l++ {
		if m := s.try(l, nil); m != nil {
			return m
		}
	}
	if m := s.two(); m != nil {
		return m
	}
	for l := 1; l < len(t.layouts); l++ {
		if m := s.one(l); m != nil {
			return m
		}
	}
	return nil
}

// one changes one line.
func (s *search) one(layout int) *match {
	for i := range s.text.parts {
		for v := 1; v < len(s.text.parts[i].variants); v++ {
			if m := s.try(layout, map[int]int{i: v}); m != nil {
				return m
			}
		}
	}
	return nil
}

// two changes two lines.
func (s *search) two() *match {
	for i := range s.text.parts {
		for j := i + 1; j < len(s.text.parts); j++ {
			for v := 1; v < len(s.text.parts[i].variants); v++ {
				for w := 1; w < len(s.text.parts[j].variants); w++ {
					if m := s.try(0, map[int]int{i: v, j: w}); m != nil || s.left <= 0 {
						return m
					}
				}
			}
		}
	}
	return nil
}

func (s *search) try(layout int, chosen map[int]int) *match {
	t := s.text
	signed := t.prefix + t.layouts[layout].join(t.lines(chosen))
	for i := range s.proofs {
		if s.left--; s.left < 0 || i > 0 && len(chosen) > 0 && !s.proofs[i].certain {
			return nil // the curve's own hash has to do for what is far-fetched
		}
		if s.proofs[i].fits([]byte(signed)) {
			m := &match{proof: &s.proofs[i], signed: signed}
			for p := range t.parts {
				if f := t.parts[p].variants[chosen[p]].finding; f.Code != "" {
					m.findings = append(m.findings, f)
				}
			}
			if f := t.layouts[layout].finding; f.Code != "" {
				m.findings = append(m.findings, f)
			}
			return m
		}
	}
	return nil
}

// add appends a variant unless the same line is there already.
func (p *part) add(v variant) {
	if p.known == nil {
		p.known = make(map[string]bool)
		for _, have := range p.variants {
			p.known[have.line()] = true
		}
	}
	if !p.known[v.line()] {
		p.known[v.line()] = true
		p.variants = append(p.variants, v)
	}
}
