package profiles

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// splitName gives the profile and the variant that a name means.
func splitName(name string) (bank, variant string) {
	bank, variant, _ = strings.Cut(name, "/")
	return bank, variant
}

// compareNames orders variants after their profile, and before any other.
func compareNames(a, b string) int {
	bankA, variantA := splitName(a)
	bankB, variantB := splitName(b)
	return cmp.Or(cmp.Compare(bankA, bankB), cmp.Compare(variantA, variantB))
}

// sortedNames lists the names of profiles and variants.
func sortedNames(documents map[string]document) []string {
	return slices.SortedFunc(maps.Keys(documents), compareNames)
}

// unknown is the error for a name that there is no profile of.
func unknown(documents map[string]document, name string) error {
	bank, _ := splitName(name)
	names := sortedNames(documents)
	if _, ok := documents[bank]; !ok {
		return fmt.Errorf("%w %q; known are %s", ErrUnknown, name, some(nearest(name, names)))
	}
	variants := slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, bank+"/") })
	if len(variants) == 0 {
		return fmt.Errorf("%w %q; %s has no variants", ErrUnknown, name, bank)
	}
	return fmt.Errorf("%w %q; the variants of %s are %s", ErrUnknown, name, bank, strings.Join(nearest(name, variants), ", "))
}

// named bounds how many names an error lists.
const named = 12

func some(names []string) string {
	if more := len(names) - named; more > 1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:named], ", "), more)
	}
	return strings.Join(names, ", ")
}

// compose makes one merge patch of two, the second to be applied after the
// first. Unlike when a patch is merged into a profile, a null stays: it has yet
// to remove something.
func compose(first, second any) any {
	changes, ok := second.(map[string]any)
	object, isObject := first.(map[string]any)
	if !ok || !isObject {
		return second
	}
	composed := maps.Clone(object)
	for key, change := range changes {
		if former, both := composed[key]; both {
			change = compose(former, change)
		}
		composed[key] = change
	}
	return composed
}

// composeVariants gives the variants of a profile: those inherited, altered by
// its own. A null removes one.
func composeVariants(inherited, own any) map[string]any {
	variants, _ := compose(inherited, own).(map[string]any)
	if own == nil {
		variants, _ = inherited.(map[string]any)
	}
	variants = maps.Clone(variants)
	maps.DeleteFunc(variants, func(_ string, patch any) bool { return patch == nil })
	return variants
}

// variant makes the document of one of d's variants.
func (d *document) variant(name string) document {
	patch := maps.Clone(d.merged["variants"].(map[string]any)[name].(map[string]any))
	base := maps.Clone(d.merged)
	delete(base, "variants")
	delete(patch, "why")
	for _, list := range []string{"sources", "open_questions"} {
		own, _ := patch[list].([]any)
		inherited, _ := base[list].([]any)
		if len(own) > 0 {
			patch[list] = slices.Concat(own, inherited)
		} else {
			delete(patch, list)
		}
	}
	v := document{name: d.name + "/" + name, file: d.file, builtin: d.builtin, inherits: d.inherits}
	patch["name"] = v.name
	v.merged = inheritInto(base, patch)
	v.written = d.origins.variant(name)
	v.origins = maps.Clone(d.origins)
	v.origins.remove("variants")
	v.origins.overlay(v.written)
	return v
}
