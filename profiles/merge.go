package profiles

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
)

// Overrides are the sections of an ASPSP's configuration that alter its
// profile: each is a partial section, merged after RFC 7396. Objects are merged
// key by key, everything else (lists too) is replaced, and null removes a field,
// which brings its default back. An empty section alters nothing.
type Overrides struct {
	Signature json.RawMessage `json:"signature,omitempty"`
	Headers   json.RawMessage `json:"headers,omitempty"`
	PSU       json.RawMessage `json:"psu,omitempty"`
	Token     json.RawMessage `json:"token,omitempty"`
	// ApplicationSignature alters application_signature, or signature where the
	// profile has none.
	ApplicationSignature json.RawMessage `json:"application_signature,omitempty"`
	// ClientCertificate replaces client_certificate.
	ClientCertificate string `json:"client_certificate,omitempty"`
}

// With gives a copy of the profile with the overrides merged in, as a whole
// valid. Errors wrap ErrProfile and name the field's path, such as
// signature.key_id.form.
func (p *Profile) With(overrides Overrides) (*Profile, error) {
	q := *p
	if len(overrides.ApplicationSignature) > 0 {
		q.ApplicationSignature = p.SignatureOfApplication()
	}
	if overrides.ClientCertificate != "" {
		q.ClientCertificate = overrides.ClientCertificate
	}
	for _, err := range []error{
		override(&q.Signature, overrides.Signature, "signature"),
		override(&q.ApplicationSignature, overrides.ApplicationSignature, "application_signature"),
		override(&q.Headers, overrides.Headers, "headers"),
		override(&q.PSU, overrides.PSU, "psu"),
		override(&q.Token, overrides.Token, "token"),
	} {
		if err != nil {
			return nil, err
		}
	}
	if err := q.Validate(); err != nil {
		return nil, err
	}
	return &q, nil
}

// override merges patch into section, whose former content is left as it was.
func override[T any](section *T, patch json.RawMessage, name string) error {
	if len(patch) == 0 {
		return nil
	}
	var change, current any
	err := parse(patch, &change)
	if err == nil {
		err = checkStrict(patch, reflect.TypeFor[T]())
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrProfile, inSection(name, err))
	}
	if err := convert(written(reflect.ValueOf(*section)), &current); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrProfile, name, err)
	}
	var merged T
	if err := convert(mergePatch(current, change), &merged); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrProfile, name, err)
	}
	*section = merged
	return nil
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
		if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); !v.Field(i).IsZero() {
			fields[name] = written(v.Field(i))
		}
	}
	return fields
}

// convert turns one Go form of a JSON value into another.
func convert(from, to any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}
