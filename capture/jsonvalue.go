package capture

import (
	"bytes"
	"encoding/json"
	"errors"
)

// value is a JSON value that keeps the order of members and their own bytes,
// which encoding/json's maps lose.
type value struct {
	kind    kind
	text    string // of a string, otherwise the literal
	raw     []byte
	members []member
	items   []value
}

type member struct {
	name  string
	value value
}

type kind uint8

const (
	kindNull kind = iota
	kindString
	kindOther // number, true, false
	kindObject
	kindArray
)

// maxNesting is how deep values of a log may be nested.
const maxNesting = 64

var errNesting = errors.New("nested too deeply")

// decodeAll reads values that stand one after the other, as in JSON lines, up
// to the first that is malformed.
func decodeAll(data []byte) []value {
	var values []value
	d := decoder{json.NewDecoder(bytes.NewReader(data)), data}
	d.UseNumber()
	for len(values) < maxCandidates {
		var v value
		if d.read(&v, 0) != nil {
			return values
		}
		values = append(values, v)
	}
	return values
}

type decoder struct {
	*json.Decoder
	data []byte
}

func (d decoder) read(v *value, depth int) error {
	start := d.InputOffset()
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		if depth >= maxNesting {
			return errNesting
		}
		if v.kind = kindArray; t == '{' {
			v.kind = kindObject
		}
		err = d.content(v, depth)
	case string:
		v.kind, v.text = kindString, t
	case json.Number:
		v.kind, v.text = kindOther, t.String()
	case bool:
		v.kind, v.text = kindOther, "false"
		if t {
			v.text = "true"
		}
	}
	v.raw = bytes.TrimLeft(d.data[start:d.InputOffset()], " \t\r\n:,")
	return err
}

func (d decoder) content(v *value, depth int) error {
	for d.More() {
		var item value
		if v.kind == kindObject {
			token, err := d.Token()
			if err != nil {
				return err
			}
			name, _ := token.(string)
			if err := d.read(&item, depth+1); err != nil {
				return err
			}
			v.members = append(v.members, member{name, item})
			continue
		}
		if err := d.read(&item, depth+1); err != nil {
			return err
		}
		v.items = append(v.items, item)
	}
	_, err := d.Token()
	return err
}
