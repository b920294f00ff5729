package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// jsonObject reads one JSON object. Members that are there twice are refused
// (RFC 7515 section 4): two readers would take different ones.
func jsonObject(text []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("it is no JSON object")
	}
	members := map[string]json.RawMessage{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			return nil, errors.New("it is no JSON object")
		}
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("it has the member %.60q twice", name)
		}
		members[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, errors.New("it is no JSON object")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind the JSON object")
	}
	return members, nil
}

// jsonText is the text of a member, false if it is missing or no text.
func jsonText(members map[string]json.RawMessage, name string) (string, bool) {
	var text *string
	if json.Unmarshal(members[name], &text) != nil || text == nil {
		return "", false
	}
	return *text, true
}

// sameJSON tells whether two JSON values say the same. Numbers are compared as
// they are written.
func sameJSON(a, b []byte) bool {
	one, err1 := normalJSON(a)
	two, err2 := normalJSON(b)
	return err1 == nil && err2 == nil && bytes.Equal(one, two)
}

// normalJSON writes a value without white space, members in order.
func normalJSON(text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}
