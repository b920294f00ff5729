package profiles

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
)

// maxFile bounds a profile's size in bytes; the largest built-in one is a
// hundredth of it.
const maxFile = 1 << 20

// suffix is what the name of a profile's file ends in.
const suffix = ".json"

// document is a profile with the JSON it was decoded from.
type document struct {
	name     string // with the variant's
	file     string
	builtin  bool
	inherits string
	own      map[string]any // as in the file
	merged   map[string]any // with everything inherited
	written  origins        // of own
	origins  origins        // of merged
	profile  *Profile
	broken   bool // and reported
}

// source is a folder of profiles.
type source struct {
	fsys fs.FS
	dir  string // stands before the names of files, "" for none
	base map[string]document
}

// load reads a folder and gives its profiles with those of base. All that is
// wrong with any of them is reported at once.
func (s *source) load() (*Set, error) {
	entries, err := fs.ReadDir(s.fsys, ".")
	if err != nil {
		return nil, &Fault{Place: Place{File: s.dir}, What: "reading the folder: " + err.Error(), cause: err}
	}
	var names []string
	for _, entry := range entries {
		if name, ok := strings.CutSuffix(entry.Name(), suffix); ok && !entry.IsDir() {
			names = append(names, name)
		}
	}
	documents, wrong := s.readAll(names, false)
	return resolveAll(documents, wrong)
}

// loadOne reads one file, and those of the same folder that it inherits.
func (s *source) loadOne(name string) (*Set, error) {
	documents, wrong := s.readAll([]string{name}, true)
	return resolveAll(documents, wrong)
}

// readAll reads the files of profiles and gives them together with those of
// base; if follow is set, also the files that they inherit.
func (s *source) readAll(names []string, follow bool) (documents map[string]document, wrong []error) {
	if documents = maps.Clone(s.base); documents == nil {
		documents = make(map[string]document)
	}
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		d, err := s.read(name+suffix, name)
		if err != nil {
			wrong = append(wrong, err)
			d = document{name: name, broken: true}
		}
		documents[name] = d
		bank, _ := splitName(d.inherits)
		if _, known := documents[bank]; follow && !known && isName(bank) {
			if _, err := fs.Stat(s.fsys, bank+suffix); err == nil {
				names = append(names, bank)
			}
		}
	}
	return documents, wrong
}

func resolveAll(documents map[string]document, wrong []error) (*Set, error) {
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		if _, err := resolve(documents, name, nil); err != nil {
			wrong = append(wrong, err)
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return &Set{documents: documents}, nil
}

// read reads one file strictly, without what it inherits.
func (s *source) read(file, name string) (document, error) {
	d := document{name: name, file: path.Join(s.dir, file), builtin: s.base == nil}
	fail := func(err error) (document, error) {
		f := new(Fault)
		if !errors.As(err, &f) {
			f = &Fault{What: err.Error(), cause: err}
		}
		f.Profile, f.File = name, d.file
		return document{}, f
	}
	if _, taken := s.base[name]; taken {
		return fail(fmt.Errorf("%q is a built-in profile; use another name, and \"inherits\": %[1]q to start from it", name))
	}
	data, err := readFile(s.fsys, file)
	if err != nil {
		return fail(err)
	}
	var own any
	if err := parse(data, &own); err != nil {
		return fail(err)
	}
	// The version comes first: a later schema has fields unknown here.
	var head struct{ Schema json.Number }
	if err := json.Unmarshal(data, &head); err == nil && head.Schema != "" && head.Schema.String() != fmt.Sprint(SchemaVersion) {
		return fail(newFault(data, bytes.Index(data, []byte(`"schema"`)), "", "schema %s is not known to this version, which reads schema %d", head.Schema, SchemaVersion))
	}
	if d.written, err = checkStrict(data, reflect.TypeFor[Profile]()); err != nil {
		return fail(err)
	}
	d.written.within(name, d.file)
	if d.own = own.(map[string]any); d.own["name"] != name {
		return fail(&Fault{Place: d.written.at("name"), What: fmt.Sprintf("name must be %q, like the file without \".json\"", name)})
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
