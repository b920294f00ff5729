package profiles

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The schema that ships is the one of the code and of the manual. To make it
// anew:
//
//	go test ./profiles -run TestSchema -update
func TestSchema(t *testing.T) {
	want, err := newSchemaGenerator(t).generate()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("schema.json", want, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(Schema(), want) {
		t.Error("profiles/schema.json is not what the code and docs/profiles.md say; run go test ./profiles -run TestSchema -update")
	}
}

// compileSchema reads the schema as an editor does. The judge shares no code
// with this package.
func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("profile.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("profile.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func judge(t *testing.T, schema *jsonschema.Schema, text []byte) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value)
}

func TestSchemaTakesEveryProfile(t *testing.T) {
	schema := compileSchema(t)
	files, err := fs.Glob(embedded, "data/*.json")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		text, err := fs.ReadFile(embedded, file)
		if err != nil {
			t.Fatal(err)
		}
		if err := judge(t, schema, text); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for name, file := range group() {
		if err := judge(t, schema, file.Data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	schema := compileSchema(t)
	profile := func(more string) []byte { return []byte(`{"schema": 1, "name": "x", "title": "t"` + more + `}`) }
	if err := judge(t, schema, profile("")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"unknown field":          profile(`, "scopes": "a"`),
		"unknown nested field":   profile(`, "psu": {"rules": "allow"}`),
		"unknown in a variant":   profile(`, "variants": {"a": {"psu": {"rules": "allow"}}}`),
		"name of a variant":      profile(`, "variants": {"a": {"name": "y"}}`),
		"wrong kind":             profile(`, "scope": 1`),
		"text for list":          profile(`, "signature": {"signed": "date"}`),
		"number in list":         profile(`, "signature": {"signed": [1]}`),
		"unknown word":           profile(`, "signature": {"container": "box"}`),
		"unknown short form":     profile(`, "signature": {"key_id": "box"}`),
		"unknown word in a map":  profile(`, "roles": {"a": "AISP"}`),
		"unknown rule":           profile(`, "psu": {"operations": {"a": "maybe"}}`),
		"number as duration":     profile(`, "token": {"expiry_margin": 3}`),
		"no duration":            profile(`, "token": {"expiry_margin": "soon"}`),
		"operation without path": profile(`, "operations": [{"name": "a"}]`),
		"source without mark":    profile(`, "sources": [{"title": "a"}]`),
		"no title":               []byte(`{"schema": 1, "name": "x"}`),
		"later schema":           []byte(`{"schema": 2, "name": "x", "title": "t"}`),
		"wrong name":             []byte(`{"schema": 1, "name": "X", "title": "t"}`),
	} {
		if err := judge(t, schema, text); err == nil {
			t.Errorf("%s: an editor would not object", name)
		}
	}
}

// enums lists the fields of a schema that have a closed list of words, by path.
func enums(defs map[string]any, node any, path string, found map[string][]any) {
	object, _ := node.(map[string]any)
	if reference, ok := object["$ref"].(string); ok {
		enums(defs, defs[strings.TrimPrefix(reference, "#/$defs/")], path, found)
	}
	if either, ok := object["anyOf"].([]any); ok {
		for _, one := range either {
			enums(defs, one, path, found)
		}
	}
	if words, ok := object["enum"].([]any); ok {
		found[path] = slices.DeleteFunc(slices.Clone(words), func(word any) bool { return word == nil })
	}
	properties, _ := object["properties"].(map[string]any)
	for name, inner := range properties {
		enums(defs, inner, strings.TrimPrefix(path+"."+name, "."), found)
	}
}

// The words of the schema are those that profiles may have: all of them, and
// no other.
func TestSchemaKnowsTheWords(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	found := make(map[string][]any)
	enums(schema["$defs"].(map[string]any), schema, "", found)
	if len(found) < 30 {
		t.Fatalf("only %d fields with words: %v", len(found), found)
	}
	for _, path := range slices.Sorted(maps.Keys(found)) {
		const unknown = "no-such-word"
		if faults := faultsWith(path, unknown); len(faults) == 0 {
			t.Errorf("%s: the schema is closed, but %s is taken", path, unknown)
		}
		for _, word := range found[path] {
			for _, fault := range faultsWith(path, word) {
				if fault.Path == path && strings.Contains(fault.What, strconv.Quote(fmt.Sprint(word))+" is ") {
					t.Errorf("%s: the schema has %v, but: %v", path, word, fault)
				}
			}
		}
	}
}

// faultsWith gives what is wrong with a profile that has a word at a path.
func faultsWith(path string, word any) []*Fault {
	value := word
	parts := strings.Split(path, ".")
	for _, part := range slices.Backward(parts) {
		value = map[string]any{part: value}
	}
	profile := map[string]any{"schema": 1, "name": "x", "title": "t", "inherits": "berlin-group"}
	maps.Copy(profile, value.(map[string]any))
	text, err := json.Marshal(profile)
	if err != nil {
		panic(err)
	}
	_, err = Load(fstest.MapFS{"x.json": {Data: text}})
	return Faults(err)
}
