package profiles

import (
	"bytes"
	"encoding"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/caddy-tpp/caddy-tpp/headers"
	"github.com/caddy-tpp/caddy-tpp/psu"
)

func manual(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// fields lists the paths of all JSON fields below a type, as the manual writes them.
func fields(t reflect.Type, path string) (list []string) {
	switch t.Kind() {
	case reflect.Slice:
		return fields(t.Elem(), path+"[]")
	case reflect.Map:
		return fields(t.Elem(), path+".*")
	}
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil
	}
	sections := reflect.TypeFor[Sections]()
	for i := range t.NumField() {
		if t.Field(i).Type == sections {
			if path == "" {
				list = append(list, fields(sections, "")...)
			} else {
				list = append(list, path) // the sections again, in a variant
			}
			continue
		}
		inner := strings.TrimPrefix(path+"."+jsonName(t.Field(i)), ".")
		below := fields(t.Field(i).Type, inner)
		if inner == "application_signature" || inner == "variants.*.sources" {
			below = nil // the fields of signature, and of sources, again
		}
		if below == nil || t.Field(i).Type.Kind() == reflect.Slice {
			list = append(list, inner)
		}
		list = append(list, below...)
	}
	return list
}

func TestManualHasEveryField(t *testing.T) {
	text := manual(t)
	known := map[string]bool{"signature.key_id": true} // has a short form of its own
	for _, path := range fields(reflect.TypeFor[Profile](), "") {
		known[path] = true
		if !strings.Contains(text, "\n| `"+path+"` |") {
			t.Errorf("docs/profiles.md has no row for %s", path)
		}
	}
	_, tables, _ := strings.Cut(text, "\n## All fields")
	for _, row := range regexp.MustCompile("\n\\| `([^`]+)` \\|").FindAllStringSubmatch(tables, -1) {
		if !known[row[1]] {
			t.Errorf("docs/profiles.md has a row for %s, which is no field", row[1])
		}
	}
}

func TestManualNamesWhatShips(t *testing.T) {
	text := manual(t)
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(banksPage)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range set.Names() {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/banks.md does not name the profile %s", name)
		}
	}
	for _, certainty := range certainties {
		if !strings.Contains(text, "\n| `"+certainty+"` |") {
			t.Errorf("docs/profiles.md does not explain %s", certainty)
		}
	}
	for _, name := range psu.Names() {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/profiles.md does not name %s", name)
		}
	}
	_, always, _ := strings.Cut(text, "headers of the application always pass:")
	always, _, _ = strings.Cut(always, ".")
	filter, err := headers.Compile(headers.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(always, -1) {
		if !filter.Allows(name[1]) {
			t.Errorf("docs/profiles.md says that %s always passes", name[1])
		}
	}
}

// Every JSON example is a profile or an override that works as it stands.
func TestManualExamples(t *testing.T) {
	examples := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(manual(t), -1)
	if len(examples) == 0 {
		t.Fatal("no examples")
	}
	for _, example := range examples {
		text := []byte(example[1])
		var head struct{ Name string }
		if err := json.Unmarshal(text, &head); err != nil {
			t.Errorf("%v in\n%s", err, text)
			continue
		}
		if head.Name != "" {
			if _, err := Load(fstest.MapFS{head.Name + ".json": {Data: text}}); err != nil {
				t.Errorf("%v in\n%s", err, text)
			}
			continue
		}
		var o Overrides
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		err := dec.Decode(&o)
		if err == nil {
			_, err = get(t, "bpce").With(o)
		}
		if err != nil {
			t.Errorf("%v in\n%s", err, text)
		}
	}
}
