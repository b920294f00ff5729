package profiles

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Description tells what a profile says and where each part of it comes from.
type Description struct {
	// Profile is the profile, as [Set.Get] gives it.
	Profile *Profile
	// Builtin tells whether it ships with this module.
	Builtin bool
	// File is the file it is in. That of a built-in profile is where its source
	// has it.
	File string
	// Inherits are the profiles it starts from, the nearest first. That of a
	// variant begins with the profile that the variant belongs to.
	Inherits []string
	// Variants are the names of its variants ("bank/variant").
	Variants []string
	// Why says why there is this variant; empty if it is none.
	Why string
	// Settings are all that is set in its sections, in the order of [Sections].
	Settings []Setting
	// Content is the merged profile as JSON objects. It must not be changed.
	Content map[string]any
}

// Setting is one value of a profile.
type Setting struct {
	// Path is the setting's path, such as "signature.digest.empty". An element
	// of a list of objects has its name in brackets, such as
	// "operations[accounts]".
	Path string
	// Value is a text, a number, true, a list of them or, of a named element, an
	// object.
	Value any
	// Origin says who has set it, seen from the profile described: "own",
	// "variant", or "inherited from" a profile.
	Origin string
	// Place is where it was written.
	Place Place
}

// Describe tells of a profile, or of a variant. The error is that of [Set.Get].
func (s *Set) Describe(name string) (*Description, error) {
	d, err := s.find(name)
	if err != nil {
		return nil, err
	}
	documents, err := s.all()
	if err != nil {
		return nil, err
	}
	bank, variant := splitName(name)
	about := &Description{Profile: d.profile, Builtin: d.builtin, File: d.file, Content: d.merged}
	if variant != "" {
		about.Why = documents[bank].profile.Variants[variant].Why
		about.Inherits = append(about.Inherits, bank)
	}
	for parent := d.inherits; parent != ""; parent = documents[parent].inherits {
		about.Inherits = append(about.Inherits, parent)
		if bank, variant := splitName(parent); variant != "" {
			about.Inherits = append(about.Inherits, bank)
		}
	}
	for _, v := range slices.Sorted(maps.Keys(d.profile.Variants)) {
		about.Variants = append(about.Variants, name+"/"+v)
	}
	for section := range jsonFields(reflect.TypeFor[Sections]()) {
		if name := jsonName(section); name != "requires" && d.merged[name] != nil {
			d.settings(section.Type, name, name, d.merged[name], &about.Settings)
		}
	}
	return about, nil
}

// settings lists what is set at and below a path. shown is the path as readers
// know it.
func (d *document) settings(t reflect.Type, path, shown string, value any, list *[]Setting) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range orderedKeys(t, value) {
			inner := t
			if t.Kind() == reflect.Struct {
				inner, _ = field(t, key)
			} else {
				inner = t.Elem()
			}
			d.settings(inner, path+"."+key, shown+"."+key, value[key], list)
		}
		return
	case []any:
		if t.Elem().Kind() != reflect.Struct {
			break
		}
		for i, element := range value {
			name := any(i)
			if object, ok := element.(map[string]any); ok && object["name"] != nil {
				name = object["name"]
			}
			inner := fmt.Sprintf("%s[%d]", path, i)
			*list = append(*list, Setting{fmt.Sprintf("%s[%v]", shown, name), element, d.origin(inner), d.origins.at(inner)})
		}
		return
	}
	*list = append(*list, Setting{shown, value, d.origin(path), d.origins.at(path)})
}

// orderedKeys gives a struct's keys in the order of its fields, a map's in
// alphabetical order.
func orderedKeys(t reflect.Type, object map[string]any) (keys []string) {
	if t.Kind() != reflect.Struct {
		return slices.Sorted(maps.Keys(object))
	}
	for f := range jsonFields(t) {
		if _, ok := object[jsonName(f)]; ok {
			keys = append(keys, jsonName(f))
		}
	}
	return keys
}

// origin says who has set a value, seen from d.
func (d *document) origin(path string) string {
	bank, variant := splitName(d.name)
	place := d.origins.at(path)
	from := place.Profile
	if place.Variant != "" && place.Variant != variant {
		from += "/" + place.Variant
	}
	switch {
	case place.Variant == variant && variant != "" && place.Profile == bank:
		return "variant"
	case place.Variant == variant && variant != "":
		return "variant, inherited from " + from
	case from == d.name:
		return "own"
	}
	return "inherited from " + from
}
