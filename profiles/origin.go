package profiles

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Place is where a value of a profile was written.
type Place struct {
	// Profile is the profile that says so: the one asked for, or one it inherits.
	Profile string
	// Variant is the variant of that profile that says so; empty if none does.
	Variant string
	// File is the file's name as it was found; that of a built-in profile is
	// only a name.
	File string
	// Line and Column count from 1; Column is in bytes.
	Line, Column int
}

// origin is a place, and as much of the value as merging has to know.
type origin struct {
	Place
	object, null bool
	short        bool   // stands for an object
	text         string // of a text
}

// origins are the places of a profile's values, by path. The whole is "".
type origins map[string]origin

// within names the profile and file of all places.
func (o origins) within(profile, file string) {
	for path, at := range o {
		at.Profile, at.File = profile, file
		o[path] = at
	}
}

// overlay lays the places of a merge patch over those of what it is merged into,
// as mergePatch does with the values.
func (o origins) overlay(patch origins) {
	// What holds a value comes before it in alphabetical order.
	for _, path := range slices.Sorted(maps.Keys(patch)) {
		at := patch[path]
		if former, ok := o[path]; ok && !(at.object && (former.object || former.short)) {
			o.remove(path)
		}
		// The nulls of variants have yet to remove something.
		if !at.null || strings.Count(path, ".") > 1 && strings.HasPrefix(path, "variants.") {
			o[path] = at
		}
	}
}

// remove forgets a value and all in it.
func (o origins) remove(path string) {
	maps.DeleteFunc(o, func(inner string, _ origin) bool {
		rest, ok := strings.CutPrefix(inner, path)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// variant gives the places in a variant.
func (o origins) variant(name string) origins {
	inner := make(origins)
	for path, at := range o {
		if rest, ok := strings.CutPrefix(path, "variants."+name); ok && (rest == "" || rest[0] == '.') {
			at.Variant = name
			inner[strings.TrimPrefix(rest, ".")] = at
		}
	}
	return inner
}

// at gives the place of a value, or of what it is missing in.
func (o origins) at(path string) Place { return o[o.holder(path)].Place }

// holder gives the path of a value that is there, or of what it would be in.
func (o origins) holder(path string) string {
	for path != "" {
		if _, ok := o[path]; ok {
			break
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return path
}

// locate finds the setting that the error of a section speaks of: such errors
// begin with a setting's path within the section.
func (o origins) locate(section, text string) string {
	path := section
	_, rest, _ := strings.Cut(text, ": ") // what the error wraps
	rest = strings.TrimPrefix(rest, "signature.")
	for {
		word, after, _ := strings.Cut(rest, " ")
		inner := path + "." + strings.Trim(word, `":`)
		holder := o.holder(inner)
		if len(holder) <= len(path) {
			break
		}
		if path, rest = holder, after; holder != inner {
			break
		}
	}
	return path
}

// quoted finds the key or the element of a setting that an error quotes, and
// else gives the setting.
func (o origins) quoted(path, text string) string {
	for i, quoted := range strings.Split(text, `"`) {
		if i%2 == 0 {
			continue
		}
		if _, ok := o[path+"."+quoted]; ok {
			return path + "." + quoted
		}
		for element := 0; ; element++ {
			inner := fmt.Sprintf("%s[%d]", path, element)
			if at, ok := o[inner]; !ok {
				break
			} else if at.text == quoted {
				return inner
			}
		}
	}
	return path
}
