package profiles

import (
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// schemaGenerator makes the JSON Schema of profiles from the Go types, and from
// the manual's table of fields, which another test holds against the types.
type schemaGenerator struct {
	rows  map[string]manualRow
	intro map[string]string // what the manual says of a section
	defs  map[string]any
	words map[reflect.Type][]any // what texts of a type of their own may be
}

// manualRow is a row of the table of fields.
type manualRow struct{ values, byDefault, meaning string }

var (
	rowOfManual = regexp.MustCompile("^\\| `([^`]+)` \\| (.*?) \\| (.*?) \\| (.*) \\|$")
	linkedText  = regexp.MustCompile(`\[([^\]]+)\]\([^)]*\)`)
	quotedWord  = regexp.MustCompile("`([^`]+)`")
	// closed is a cell that lists all values there are.
	closed = regexp.MustCompile("^(?:list of |map: [^`]* to )?`[^`]+`(?:(?:, | or )`[^`]+`)*$")
)

func newSchemaGenerator(t *testing.T) *schemaGenerator {
	t.Helper()
	g := &schemaGenerator{
		rows: make(map[string]manualRow), intro: make(map[string]string), defs: make(map[string]any), words: make(map[reflect.Type][]any),
	}
	_, text, _ := strings.Cut(manual(t), "\n## All fields")
	for part := range strings.SplitSeq(text, "\n### ") {
		for line := range strings.Lines(part) {
			row := rowOfManual.FindStringSubmatch(strings.TrimSpace(line))
			if row == nil {
				continue
			}
			g.rows[row[1]] = manualRow{row[2], row[3], linkedText.ReplaceAllString(row[4], "$1")}
			if section, _, deeper := strings.Cut(row[1], "."); deeper && g.intro[section] == "" {
				_, intro, _ := strings.Cut(part, "\n\n")
				intro, _, _ = strings.Cut(intro, "\n\n")
				g.intro[section] = linkedText.ReplaceAllString(strings.Join(strings.Fields(intro), " "), "$1")
			}
		}
	}
	return g
}

// generate makes the whole schema.
func (g *schemaGenerator) generate() ([]byte, error) {
	schema := g.object(reflect.TypeFor[Profile](), "")
	schema["required"] = []string{"schema", "name", "title"}
	properties := schema["properties"].(map[string]any)
	for name, more := range map[string]map[string]any{
		"schema":   {"type": "integer", "const": SchemaVersion},
		"name":     {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
		"title":    {"type": "string", "pattern": "\\S"},
		"inherits": {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*)?$"},
		"country":  {"pattern": "^[A-Z]{2}( [A-Z]{2})*$"},
	} {
		maps.Copy(properties[name].(map[string]any), more)
	}
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["$id"] = "urn:caddy-tpp:profile:" + strconv.Itoa(SchemaVersion)
	schema["title"] = "Bank profile, schema " + strconv.Itoa(SchemaVersion)
	schema["$defs"] = g.defs
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(schema)
	return []byte(text.String()), err
}

// object makes the schema of a struct.
func (g *schemaGenerator) object(t reflect.Type, path string) map[string]any {
	properties := make(map[string]any)
	var required []string
	for f := range jsonFields(t) {
		name := jsonName(f)
		inner := strings.TrimPrefix(path+"."+name, ".")
		if _, ok := reflect.TypeFor[Sections]().FieldByName(f.Name); ok && path == "variants.*" {
			inner = name
		}
		properties[name] = g.described(f.Type, inner)
		if strings.Contains(path, "[]") && g.rows[inner].byDefault == "required" {
			required = append(required, name)
		}
	}
	object := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if required != nil {
		object["required"] = required
	}
	return object
}

// described makes the schema of a field, with what the manual says of it. null
// takes a field away.
func (g *schemaGenerator) described(t reflect.Type, path string) map[string]any {
	schema := nullable(g.value(t, path))
	row := g.rows[path]
	description := row.meaning
	if !strings.Contains(path, ".") && t.Kind() == reflect.Struct && description == "" {
		description = g.intro[path]
	}
	if description != "" {
		schema["description"] = description
	}
	if value := defaultOf(t, row.byDefault); value != nil {
		schema["default"] = value
	}
	return schema
}

func (g *schemaGenerator) value(t reflect.Type, path string) map[string]any {
	pointer := reflect.PointerTo(t)
	switch {
	case pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`} // a time.Duration
	case pointer.Implements(reflect.TypeFor[json.Unmarshaler]()): // KeyID
		long := g.reference(t, path)
		form := g.defs[t.String()].(map[string]any)["properties"].(map[string]any)["form"].(map[string]any)
		return map[string]any{"anyOf": []any{map[string]any{"enum": form["enum"]}, long}}
	}
	switch t.Kind() {
	case reflect.Struct:
		return g.reference(t, path)
	case reflect.Slice:
		return map[string]any{"type": "array", "items": g.leaf(t.Elem(), path, path+"[]")}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": nullable(g.leaf(t.Elem(), path, path+".*"))}
	}
	return g.leaf(t, path, path)
}

// leaf makes the schema of a value, or of an element whose values the row of
// the whole tells.
func (g *schemaGenerator) leaf(t reflect.Type, row, path string) map[string]any {
	kind := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Int64: "integer"}[t.Kind()]
	if kind == "" {
		return g.value(t, path)
	}
	schema := map[string]any{"type": kind}
	if words := g.wordsOf(t, row); words != nil && kind != "boolean" {
		schema["enum"] = words
	}
	return schema
}

// wordsOf lists all values that a field may have, nil if there is no end of them.
func (g *schemaGenerator) wordsOf(t reflect.Type, path string) (words []any) {
	if strings.HasSuffix(path, "certainty") {
		for _, certainty := range certainties {
			words = append(words, certainty)
		}
		return words
	}
	if cell := g.rows[path].values; closed.MatchString(cell) {
		for _, word := range quotedWord.FindAllStringSubmatch(cell, -1) {
			words = append(words, parseWord(t, word[1]))
		}
		if t.PkgPath() != "" {
			g.words[t] = words
		}
		return words
	}
	return g.words[t]
}

// reference makes the definition of a struct type, once.
func (g *schemaGenerator) reference(t reflect.Type, path string) map[string]any {
	if _, ok := g.defs[t.String()]; !ok {
		g.defs[t.String()] = nil // taken
		g.defs[t.String()] = g.object(t, path)
	}
	return map[string]any{"$ref": "#/$defs/" + t.String()}
}

// parseWord reads a value as the manual writes it.
func parseWord(t reflect.Type, word string) any {
	switch t.Kind() {
	case reflect.Bool:
		return word == "true"
	case reflect.Int, reflect.Int64:
		if number, err := strconv.Atoi(word); err == nil {
			return number
		}
	}
	return strings.Trim(word, `"`)
}

// defaultOf reads a default, nil if it is no plain value.
func defaultOf(t reflect.Type, cell string) any {
	if !closed.MatchString(cell) || strings.Contains(cell, " ") && t.Kind() != reflect.Slice {
		return nil
	}
	words := quotedWord.FindAllStringSubmatch(cell, -1)
	if t.Kind() != reflect.Slice {
		return parseWord(t, words[0][1])
	}
	var list []any
	for _, word := range words {
		list = append(list, parseWord(t.Elem(), word[1]))
	}
	return list
}

// nullable lets a value be null too.
func nullable(schema map[string]any) map[string]any {
	if kind, ok := schema["type"].(string); ok {
		schema["type"] = []string{kind, "null"}
		if words, ok := schema["enum"].([]any); ok {
			schema["enum"] = append(append([]any(nil), words...), nil)
		}
		return schema
	}
	either, ok := schema["anyOf"].([]any)
	if !ok {
		either = []any{schema}
	}
	return map[string]any{"anyOf": append(either, map[string]any{"type": "null"})}
}
