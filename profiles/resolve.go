package profiles

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// notInherited are the fields that say what is special about one profile.
var notInherited = [...]string{"$schema", "title", "country", "banks", "certainty"}

// resolve merges what a profile inherits, makes its variants, and checks the
// outcome. chain is how it was come to. A profile is not ok without an error if
// what is wrong has been reported before.
func resolve(documents map[string]document, name string, chain []string) (ok bool, err error) {
	d := documents[name]
	if d.broken || d.profile != nil {
		return !d.broken, nil
	}
	parent, places := map[string]any{}, make(origins)
	if d.inherits != "" {
		ancestor, ok, err := d.parent(documents, append(chain, name))
		if !ok {
			d.broken = true
			documents[name] = d
			return false, err
		}
		parent, places = maps.Clone(ancestor.merged), maps.Clone(ancestor.origins)
		for _, field := range notInherited {
			delete(parent, field)
			places.remove(field)
		}
	}
	d.merge(parent, places)
	err = d.check()
	variants, _ := d.merged["variants"].(map[string]any)
	for _, variant := range slices.Sorted(maps.Keys(variants)) {
		v := d.variant(variant)
		if !d.broken { // else it would say the same again
			err = errors.Join(err, v.check())
		}
		documents[v.name] = v
	}
	documents[name] = d
	return !d.broken, err
}

// merge makes the content of what is inherited and what the file says.
func (d *document) merge(parent map[string]any, places origins) {
	own := maps.Clone(d.own)
	inherited := parent["variants"]
	if changes, said := own["variants"]; said && changes == nil {
		inherited = nil
	}
	variants := composeVariants(inherited, own["variants"])
	delete(own, "variants") // whose nulls must not be merged away
	d.merged = inheritInto(parent, own)
	if delete(d.merged, "variants"); len(variants) > 0 {
		d.merged["variants"] = variants
	}
	places.overlay(d.written)
	d.origins = places
}

// parent gives what a profile inherits, if that is sound.
func (d *document) parent(documents map[string]document, chain []string) (ancestor document, ok bool, err error) {
	fail := func(what string, cause error) (document, bool, error) {
		return document{}, false, &Fault{Place: d.written.at("inherits"), Path: "inherits", What: "inherits: " + what, cause: cause}
	}
	bank, _ := splitName(d.inherits)
	if slices.Contains(chain, bank) {
		return fail("a circle: "+strings.Join(append(chain, bank), " → "), nil)
	}
	if _, ok := documents[bank]; ok {
		if ok, err := resolve(documents, bank, chain); !ok || err != nil {
			return document{}, false, err
		}
	}
	if ancestor, ok = documents[d.inherits]; !ok {
		err := unknown(documents, d.inherits)
		return fail(err.Error(), err)
	}
	return ancestor, !ancestor.broken, nil
}

// check makes the profile of what was merged, and validates it.
func (d *document) check() error {
	d.profile = new(Profile)
	if err := convert(d.merged, d.profile); err != nil {
		d.broken = true
		return &Fault{Place: d.origins.at(""), What: err.Error(), cause: err}
	}
	var c checker
	d.profile.validate(&c)
	d.broken = len(c.errs) > 0
	faults := make([]error, len(c.errs))
	for i, problem := range c.errs {
		faults[i] = d.fault(problem)
	}
	return errors.Join(faults...)
}

// fault finds the place that a problem is about.
func (d *document) fault(p *problem) *Fault {
	path := p.path
	if p.cause != nil {
		path = d.origins.locate(p.path, p.cause.Error())
	}
	path = d.origins.quoted(path, p.text)
	f := &Fault{Place: d.origins.at(path), Path: path, What: p.text, cause: p.cause}
	bank, variant := splitName(d.name)
	switch {
	case f.Profile != bank:
		f.User = "in " + d.file
	case variant != "" && f.Variant != variant:
		f.User = "in the variant " + variant
	}
	return f
}
