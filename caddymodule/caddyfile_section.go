package caddymodule

import (
	"encoding"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// parseStruct parses a block into what the JSON form of a struct type holds:
// each option is a JSON key, a struct is a block (or, where the type knows a
// short form, one argument), a list is arguments, a map is a block of lines.
// Only what is written is set, so that the rest comes from the profile.
func parseStruct(d *caddyfile.Dispenser, t reflect.Type) (any, error) {
	block := d.Val()
	if d.CountRemainingArgs() == 1 {
		d.NextArg()
		return d.Val(), nil // the short form; the section's own decoder judges it
	}
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	fields := jsonFields(t)
	parsed := make(map[string]any)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		field, ok := fields[option]
		if !ok {
			return nil, d.Errf("unknown option %q in %s; there are: %s", option, block, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
		if _, twice := parsed[option]; twice {
			return nil, d.Errf("%s is configured twice in %s", option, block)
		}
		value, err := parseValue(d, field)
		if err != nil {
			return nil, err
		}
		parsed[option] = value
	}
	return parsed, nil
}

// jsonFields maps the JSON keys of a struct type to their fields' types.
func jsonFields(t reflect.Type) map[string]reflect.Type {
	fields := make(map[string]reflect.Type)
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = t.Field(i).Type
		}
	}
	return fields
}

func parseValue(d *caddyfile.Dispenser, t reflect.Type) (any, error) {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return parseText(d)
	}
	switch t.Kind() {
	case reflect.Bool:
		return switchArg(d)
	case reflect.Int, reflect.Int64:
		return parseInt(d)
	case reflect.Slice:
		return parseList(d, t.Elem())
	case reflect.Map:
		return parseMap(d, t.Elem())
	case reflect.Struct:
		return parseStruct(d, t)
	default:
		return parseText(d)
	}
}

func parseText(d *caddyfile.Dispenser) (string, error) {
	var text string
	if !d.AllArgs(&text) {
		return "", d.ArgErr()
	}
	return text, nil
}

func parseInt(d *caddyfile.Dispenser) (int, error) {
	option := d.Val()
	text, err := parseText(d)
	if err != nil {
		return 0, err
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		return 0, d.Errf("%s: %q is no whole number", option, text)
	}
	return number, nil
}

// parseList parses arguments: texts, or whole numbers.
func parseList(d *caddyfile.Dispenser, element reflect.Type) (any, error) {
	option, args := d.Val(), d.RemainingArgs()
	if len(args) == 0 {
		return nil, d.ArgErr()
	}
	if element.Kind() != reflect.Int {
		return args, nil
	}
	numbers := make([]int, len(args))
	for i, arg := range args {
		number, err := strconv.Atoi(arg)
		if err != nil {
			return nil, d.Errf("%s: %q is no whole number", option, arg)
		}
		numbers[i] = number
	}
	return numbers, nil
}

// parseMap parses a block of lines, each a key and its value. A single entry
// may stand on the option's own line.
func parseMap(d *caddyfile.Dispenser, element reflect.Type) (map[string]any, error) {
	option, parsed := d.Val(), make(map[string]any)
	entry := func() error {
		key := d.Val()
		if _, twice := parsed[key]; twice {
			return d.Errf("%s is configured twice in %s", key, option)
		}
		value, err := parseValue(d, element)
		parsed[key] = value
		return err
	}
	if d.NextArg() {
		return parsed, entry()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := entry(); err != nil {
			return nil, err
		}
	}
	return parsed, nil
}
