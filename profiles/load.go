package profiles

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// maxFile bounds a profile's size in bytes; the largest built-in one is a
// hundredth of it.
const maxFile = 1 << 20

// document is a profile with the JSON it was decoded from.
type document struct {
	file     string
	inherits string
	own      map[string]any // as in the file
	merged   map[string]any // with everything inherited
	profile  *Profile
}

// load reads a folder. Its profiles may inherit those of base.
func load(fsys fs.FS, base map[string]document) (*Set, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("%w: reading the folder: %w", ErrProfile, err)
	}
	documents := maps.Clone(base)
	if documents == nil {
		documents = make(map[string]document)
	}
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".json")
		if !ok || entry.IsDir() {
			continue
		}
		if _, taken := base[name]; taken {
			return nil, fmt.Errorf("%w: %s: %q is a built-in profile; use another name, and \"inherits\": %[3]q to start from it", ErrProfile, entry.Name(), name)
		}
		if documents[name], err = read(fsys, entry.Name(), name); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		if err := resolve(documents, name, nil); err != nil {
			return nil, err
		}
	}
	return &Set{documents: documents}, nil
}

// read reads one file strictly, without what it inherits.
func read(fsys fs.FS, file, name string) (document, error) {
	data, err := readFile(fsys, file)
	if err != nil {
		return document{}, fmt.Errorf("%w: %s: %w", ErrProfile, file, err)
	}
	fail := func(err error) (document, error) {
		return document{}, fmt.Errorf("%w: %s:%w", ErrProfile, file, err)
	}
	var own any
	if err := parse(data, &own); err != nil {
		return fail(err)
	}
	// The version comes first: a later schema has fields unknown here.
	var head struct{ Schema json.Number }
	if err := json.Unmarshal(data, &head); err == nil && head.Schema != "" && head.Schema.String() != fmt.Sprint(SchemaVersion) {
		return fail(fmt.Errorf(" schema %s is not known to this version, which reads schema %d", head.Schema, SchemaVersion))
	}
	if err := checkStrict(data, reflect.TypeFor[Profile]()); err != nil {
		return fail(err)
	}
	d := document{file: file, own: own.(map[string]any)}
	if d.own["name"] != name {
		return fail(fmt.Errorf(" name must be %q, like the file without \".json\"", name))
	}
	d.inherits, _ = d.own["inherits"].(string)
	return d, nil
}

func readFile(fsys fs.FS, file string) ([]byte, error) {
	f, err := fsys.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("is larger than %d bytes", maxFile)
	}
	return data, err
}

// resolve merges what a profile inherits, makes its variants, and checks the
// outcome. chain is how it was come to.
func resolve(documents map[string]document, name string, chain []string) error {
	d := documents[name]
	if d.profile != nil {
		return nil
	}
	chain = append(chain, name)
	parent := map[string]any{}
	if d.inherits != "" {
		ancestor, err := resolveParent(documents, &d, chain)
		if err != nil {
			return err
		}
		parent = maps.Clone(ancestor.merged)
		for _, field := range notInherited {
			delete(parent, field)
		}
	}
	own := maps.Clone(d.own)
	variants := composeVariants(parent["variants"], own["variants"])
	delete(own, "variants") // whose nulls must not be merged away
	d.merged = inheritInto(parent, own)
	if delete(d.merged, "variants"); len(variants) > 0 {
		d.merged["variants"] = variants
	}
	if err := d.check(); err != nil {
		return err
	}
	documents[name] = d
	for _, variant := range slices.Sorted(maps.Keys(variants)) {
		v := variantOf(&d, variant)
		if err := v.check(); err != nil {
			return fmt.Errorf("variant %s: %w", variant, err)
		}
		documents[name+"/"+variant] = v
	}
	return nil
}

// notInherited are the fields that say what is special about one profile.
var notInherited = [...]string{"$schema", "title", "country", "banks", "certainty"}

// resolveParent gives what d inherits.
func resolveParent(documents map[string]document, d *document, chain []string) (document, error) {
	fail := func(err error) (document, error) {
		return document{}, fmt.Errorf("%w: %s: %w", ErrProfile, d.file, err)
	}
	bank, _ := splitName(d.inherits)
	if slices.Contains(chain, bank) {
		return fail(fmt.Errorf("inherits in a circle: %s", strings.Join(append(chain, bank), " → ")))
	}
	if _, ok := documents[bank]; ok {
		if err := resolve(documents, bank, chain); err != nil {
			return document{}, err
		}
	}
	ancestor, ok := documents[d.inherits]
	if !ok {
		return fail(fmt.Errorf("inherits: %w", unknown(documents, d.inherits)))
	}
	return ancestor, nil
}

// check makes the profile of what was merged, and validates it.
func (d *document) check() error {
	d.profile = new(Profile)
	if err := convert(d.merged, d.profile); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrProfile, d.file, err)
	}
	if err := d.profile.Validate(); err != nil {
		return fmt.Errorf("%s: %w", d.file, err)
	}
	return nil
}
