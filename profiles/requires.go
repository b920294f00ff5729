package profiles

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// elsewhere are the settings that an ASPSP's configuration makes beside the
// profile's sections.
var elsewhere = [...]string{"client_id", "client_key", "client_secret", "redirect_uri", "scope"}

// inheritInto merges what a file or a variant says into what it starts from.
// What that requires and this sets is no longer required.
func inheritInto(base, own map[string]any) map[string]any {
	merged := mergePatch(base, own).(map[string]any)
	inherited, ok := base["requires"].([]any)
	if _, replaced := own["requires"]; ok && !replaced {
		merged["requires"] = slices.DeleteFunc(slices.Clone(inherited), func(entry any) bool {
			requirement, _ := entry.(map[string]any)
			setting, _ := requirement["setting"].(string)
			return sets(own, setting)
		})
	}
	return expand(merged, reflect.TypeFor[Profile]()).(map[string]any)
}

// sets tells whether a merge patch says what a path shall be: by itself, or by
// replacing something that holds it. Map keys, such as header names, may hold
// dots themselves.
func sets(patch any, path string) bool {
	object, ok := patch.(map[string]any)
	if !ok {
		return true
	}
	for key, value := range object {
		if key == path {
			return true
		}
		if rest, below := strings.CutPrefix(path, key+"."); below && sets(value, rest) {
			return true
		}
	}
	return false
}

// missing gives an error for each required setting that neither overrides nor
// the rest of the configuration make.
func (c *checker) missing(p *Profile, overridden map[string]any, given []string) {
	for _, required := range p.Requires {
		if !sets(overridden, required.Setting) && !slices.Contains(given, required.Setting) {
			c.fail(required.Setting, "has to be configured before the profile %s can be used: %s", p.Name, required.Why)
		}
	}
}

// requires checks that requirements speak of settings that there are.
func (c *checker) requires(requirements []Requirement) {
	if len(requirements) == 0 {
		return
	}
	sections := overridable()
	for i, required := range requirements {
		path := fmt.Sprintf("requires[%d]", i)
		if strings.TrimSpace(required.Why) == "" {
			c.fail(path+".why", "is missing; say what the bank wants there and where to get it")
		}
		section, rest, deeper := strings.Cut(required.Setting, ".")
		if slices.Contains(elsewhere[:], section) && !deeper {
			continue
		}
		if !deeper || sections[section] == nil {
			c.fail(path+".setting", "%q is no path to a setting: begin with %s, or write one of %s", required.Setting,
				strings.Join(slices.Sorted(maps.Keys(sections)), ", "), strings.Join(elsewhere[:], ", "))
		} else if wrong, known := unknownSetting(sections[section], rest); wrong != "" {
			c.fail(path+".setting", "%q: %s is no setting; known are %s", required.Setting, wrong, strings.Join(nearest(wrong, known), ", "))
		}
	}
}

// unknownSetting gives the first part of a path that is no field, with the
// fields there are, or "".
func unknownSetting(t reflect.Type, path string) (string, []string) {
	for path != "" && t.Kind() == reflect.Struct {
		var part string
		part, path, _ = strings.Cut(path, ".")
		inner, known := field(t, part)
		if inner == nil {
			return part, known
		}
		t = inner
	}
	return "", nil
}
