package profiles

import (
	"reflect"
	"slices"
)

// Change is a setting that differs between two profiles.
type Change struct {
	// Path is as in [Setting].
	Path string
	// Was and Is are the values in the first and the second profile. They are
	// nil where the setting is not made, so that its default counts.
	Was, Is any
}

// Diff lists the settings of two descriptions' sections that differ, in the
// order of [Sections].
func Diff(first, second *Description) (changes []Change) {
	was, is := settingsByPath(first), settingsByPath(second)
	for _, s := range first.Settings {
		if other, ok := is[s.Path]; !ok || !reflect.DeepEqual(s.Value, other) {
			changes = append(changes, Change{s.Path, s.Value, other})
		}
	}
	for _, s := range second.Settings {
		if _, ok := was[s.Path]; !ok {
			changes = append(changes, Change{Path: s.Path, Is: s.Value})
		}
	}
	order := sectionOrder()
	slices.SortStableFunc(changes, func(a, b Change) int { return order(a.Path) - order(b.Path) })
	return changes
}

func settingsByPath(d *Description) map[string]any {
	values := make(map[string]any, len(d.Settings))
	for _, s := range d.Settings {
		values[s.Path] = s.Value
	}
	return values
}

// sectionOrder gives the number of the section that a path begins with.
func sectionOrder() func(path string) int {
	fields := slices.Collect(jsonFields(reflect.TypeFor[Sections]()))
	return func(path string) int {
		return slices.IndexFunc(fields, func(f reflect.StructField) bool {
			name := jsonName(f)
			return len(path) >= len(name) && path[:len(name)] == name && (len(path) == len(name) || path[len(name)] == '.' || path[len(name)] == '[')
		})
	}
}
