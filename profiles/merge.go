package profiles

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
)

// Overrides are the sections of an ASPSP's configuration that alter its
// profile: each is a partial section, merged after RFC 7396. Objects are merged
// key by key, everything else (lists too) is replaced, and null removes a field,
// which brings its default back. An empty section alters nothing.
//
// A field here with the JSON name of one of [Sections] makes that section
// overridable; nothing else has to be told of it.
type Overrides struct {
	Signature json.RawMessage `json:"signature,omitempty"`
	Headers   json.RawMessage `json:"headers,omitempty"`
	PSU       json.RawMessage `json:"psu,omitempty"`
	Token     json.RawMessage `json:"token,omitempty"`
	Responses json.RawMessage `json:"responses,omitempty"`
	Links     json.RawMessage `json:"links,omitempty"`
	// ApplicationSignature alters application_signature, or signature where the
	// profile has none.
	ApplicationSignature json.RawMessage `json:"application_signature,omitempty"`
	// ClientCertificate replaces client_certificate.
	ClientCertificate string `json:"client_certificate,omitempty"`

	// Given lists the settings beside the sections that the configuration makes
	// and a profile may require, such as "client_secret"; also "token.endpoint"
	// where it is made by another option.
	Given []string `json:"-"`
}

// overridable gives the types of the sections that can be overridden, by name.
func overridable() map[string]reflect.Type {
	sections := make(map[string]reflect.Type)
	for i := range reflect.TypeFor[Overrides]().NumField() {
		name := jsonName(reflect.TypeFor[Overrides]().Field(i))
		if t, _ := field(reflect.TypeFor[Sections](), name); t != nil && t.Kind() == reflect.Struct {
			sections[name] = t
		}
	}
	return sections
}

// With gives a copy of the profile with the overrides merged in, as a whole
// valid and with everything set that the profile requires. Errors wrap
// ErrProfile and name the field's path, such as signature.key_id.form.
func (p *Profile) With(overrides Overrides) (*Profile, error) {
	q := *p
	if len(overrides.ApplicationSignature) > 0 {
		q.ApplicationSignature = p.SignatureOfApplication()
	}
	if overrides.ClientCertificate != "" {
		q.ClientCertificate = overrides.ClientCertificate
	}
	overridden := make(map[string]any)
	from, into := reflect.ValueOf(overrides), reflect.ValueOf(&q.Sections).Elem()
	for i := range from.NumField() {
		patch, ok := from.Field(i).Interface().(json.RawMessage)
		if !ok || len(patch) == 0 {
			continue
		}
		name := jsonName(from.Type().Field(i))
		change, err := override(sectionOf(into, name), patch, name)
		if err != nil {
			return nil, err
		}
		overridden[name] = change
	}
	var c checker
	c.missing(p, overridden, overrides.Given)
	if err := errors.Join(c.err(), q.Validate()); err != nil {
		return nil, err
	}
	return &q, nil
}

// sectionOf gives the section of a JSON name.
func sectionOf(sections reflect.Value, name string) reflect.Value {
	for i := range sections.NumField() {
		if jsonName(sections.Type().Field(i)) == name {
			return sections.Field(i)
		}
	}
	panic("profiles: Overrides has " + name + ", which is no section") // a test overrides each
}

// override merges patch into section, whose former content is left as it was,
// and gives what the patch says.
func override(section reflect.Value, patch json.RawMessage, name string) (change any, err error) {
	if err = parse(patch, &change); err == nil {
		_, err = checkStrict(patch, section.Type())
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProfile, inSection(name, err))
	}
	var current any
	merged := reflect.New(section.Type())
	if err = convert(written(section), &current); err == nil {
		err = convert(mergePatch(current, change), merged.Interface())
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrProfile, name, err)
	}
	section.Set(merged.Elem())
	return change, nil
}

// mergePatch is the algorithm of RFC 7396 section 2. It changes neither argument.
func mergePatch(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, _ := target.(map[string]any)
	merged := maps.Clone(object)
	if merged == nil {
		merged = make(map[string]any, len(changes))
	}
	for key, change := range changes {
		if change == nil {
			delete(merged, key)
			continue
		}
		merged[key] = mergePatch(merged[key], change)
	}
	return merged
}

// written gives a section as it would be written: all fields but those at
// their zero value. Unlike what omitempty leaves, an empty list is there, because
// it is not always the same as none ("unquoted").
func written(v reflect.Value) any {
	if v.Kind() != reflect.Struct {
		return v.Interface()
	}
	fields := make(map[string]any)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			fields[jsonName(v.Type().Field(i))] = written(v.Field(i))
		}
	}
	return fields
}

// expand writes short forms out (key_id "client-id"), so that what is merged into
// them later changes what it names and keeps the rest.
func expand(value any, t reflect.Type) any {
	switch v := value.(type) {
	case string:
		target := reflect.New(t)
		if _, ok := target.Interface().(json.Unmarshaler); ok && t.Kind() == reflect.Struct {
			var long any
			if convert(v, target.Interface()) == nil && convert(written(target.Elem()), &long) == nil {
				return long
			}
		}
	case map[string]any:
		if t.Kind() != reflect.Struct {
			return v
		}
		expanded := make(map[string]any, len(v))
		for key, inner := range v {
			expanded[key] = inner
			if f, _ := field(t, key); f != nil {
				expanded[key] = expand(inner, f)
			}
		}
		return expanded
	}
	return value
}

// convert turns one Go form of a JSON value into another.
func convert(from, to any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}
