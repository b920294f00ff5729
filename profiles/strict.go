package profiles

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parse decodes one JSON value and says where it is none.
func parse(data []byte, to *any) error {
	if !utf8.Valid(data) {
		return newFault(data, 0, "", "is not UTF-8")
	}
	err := json.Unmarshal(data, to)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return newFault(data, int(max(syntax.Offset-1, 0)), "", "is no JSON: %v", err)
	}
	return err
}

// checkStrict holds well-formed JSON against a Go type: every key must be a
// field, in its exact spelling and once, and every value of the field's kind.
// null fits anywhere, since merging gives it a meaning. It gives the place of
// each value, by its path.
func checkStrict(data []byte, t reflect.Type) (origins, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	r := &reader{data: data, dec: dec, line: 1, found: make(origins)}
	return r.found, r.value(t, "")
}

type reader struct {
	data []byte
	dec  *json.Decoder

	line, lineStart, counted int // lines up to counted
	found                    origins
}

// note keeps where a value begins. Values come in the order of the text.
func (r *reader) note(path string, at int, token json.Token) {
	for ; r.counted < at; r.counted++ {
		if r.data[r.counted] == '\n' {
			r.line, r.lineStart = r.line+1, r.counted+1
		}
	}
	text, _ := token.(string)
	r.found[path] = origin{Place: Place{Line: r.line, Column: at - r.lineStart + 1}, object: token == json.Delim('{'), null: token == nil, text: text}
}

// next gives the next token and where it begins.
func (r *reader) next() (json.Token, int, error) {
	start := int(r.dec.InputOffset())
	for start < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[start]) >= 0 {
		start++
	}
	token, err := r.dec.Token()
	return token, start, err
}

func (r *reader) value(t reflect.Type, path string) error {
	token, at, err := r.next()
	if err != nil {
		return newFault(r.data, at, path, "is no JSON: %v", err)
	}
	r.note(path, at, token)
	switch {
	case token == nil:
		if path == "" {
			return newFault(r.data, at, path, "must be an object, not null")
		}
		return nil
	case token == json.Delim('{') && t.Kind() == reflect.Struct:
		return r.object(path, func(key string) (reflect.Type, []string) { return field(t, key) })
	case token == json.Delim('{') && t.Kind() == reflect.Map:
		return r.object(path, func(string) (reflect.Type, []string) { return t.Elem(), nil })
	case token == json.Delim('[') && t.Kind() == reflect.Slice:
		return r.list(t.Elem(), path)
	}
	if what := scalar(token, t); what != "" {
		return newFault(r.data, at, path, "%s", what)
	}
	if long, ok := expand(token, t).(map[string]any); ok {
		here := r.found[path]
		for key := range long {
			r.found[path+"."+key] = here
		}
		here.short = true
		r.found[path] = here
	}
	return nil
}

// object reads the rest of an object. member gives the type of a key's value,
// or else the keys there are.
func (r *reader) object(path string, member func(key string) (reflect.Type, []string)) error {
	seen := make(map[string]bool)
	for r.dec.More() {
		token, at, err := r.next()
		key, ok := token.(string)
		if err != nil || !ok {
			return newFault(r.data, at, path, "is no JSON")
		}
		inner := strings.TrimPrefix(path+"."+key, ".")
		t, known := member(key)
		if t == nil {
			return newFault(r.data, at, inner, "unknown field; known here are %s", strings.Join(nearest(key, known), ", "))
		}
		if seen[key] {
			return newFault(r.data, at, inner, "is given twice; keep one")
		}
		seen[key] = true
		if err := r.value(t, inner); err != nil {
			return err
		}
	}
	_, _, err := r.next()
	return err
}

func (r *reader) list(t reflect.Type, path string) error {
	for i := 0; r.dec.More(); i++ {
		inner := path + "[" + strconv.Itoa(i) + "]"
		if err := r.value(t, inner); err != nil {
			return err
		}
	}
	_, _, err := r.next()
	return err
}

// field gives the type of a struct's field by its JSON key, or else all keys.
func field(t reflect.Type, key string) (reflect.Type, []string) {
	var known []string
	for f := range jsonFields(t) {
		name := jsonName(f)
		if name == key {
			return f.Type, nil
		}
		known = append(known, name)
	}
	slices.Sort(known)
	return nil, known
}

// jsonFields gives a struct's fields, with those of embedded structs in their
// place, as JSON has them.
func jsonFields(t reflect.Type) iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.Anonymous {
				if !yield(f) {
					return
				}
				continue
			}
			for inner := range jsonFields(f.Type) {
				if !yield(inner) {
					return
				}
			}
		}
	}
}

// jsonName gives a field's JSON key.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// scalar says why a token is no value of type t, or "".
func scalar(token json.Token, t reflect.Type) string {
	text, isText := token.(string)
	target := reflect.New(t).Interface()
	switch unmarshaler := target.(type) {
	case encoding.TextUnmarshaler:
		if !isText {
			return "must be a text"
		}
		if err := unmarshaler.UnmarshalText([]byte(text)); err != nil {
			return err.Error()
		}
		return ""
	case json.Unmarshaler: // KeyID, which has a short form
		if !isText {
			return "must be a text or an object"
		}
		return ""
	}
	switch t.Kind() {
	case reflect.String:
		if !isText {
			return "must be a text"
		}
	case reflect.Bool:
		if _, ok := token.(bool); !ok {
			return "must be true or false"
		}
	case reflect.Int:
		number, ok := token.(json.Number)
		if _, err := strconv.Atoi(number.String()); !ok || err != nil {
			return "must be a whole number"
		}
	case reflect.Slice:
		return "must be a list"
	default:
		return "must be an object"
	}
	return ""
}
