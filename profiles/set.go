package profiles

import (
	"embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

var (
	// ErrProfile means that a profile or an override of one is wrong.
	ErrProfile = errors.New("profile invalid")
	// ErrUnknown means that there is no profile of the name asked for.
	ErrUnknown = errors.New("unknown profile")
)

//go:embed data/*.json
var embedded embed.FS

// Set is a number of profiles. It is not changed once made, and safe for
// concurrent use.
type Set struct {
	documents map[string]document // nil of the shipped ones
	shipped   *shipped
}

var builtin = sync.OnceValues(func() (*Set, error) {
	data, err := fs.Sub(embedded, "data")
	if err != nil {
		return nil, err
	}
	return &Set{shipped: &shipped{source: source{fsys: data, dir: "profiles/data"}}}, nil
})

// Builtin gives the profiles that ship with this module.
func Builtin() (*Set, error) { return builtin() }

// all gives every profile of the set.
func (s *Set) all() (map[string]document, error) {
	if s.shipped != nil {
		return s.shipped.all()
	}
	return s.documents, nil
}

// find gives one profile.
func (s *Set) find(name string) (document, error) {
	if s.shipped != nil {
		return s.shipped.find(name)
	}
	if d, ok := s.documents[name]; ok {
		return d, nil
	}
	return document{}, unknown(s.documents, name)
}

// Load reads every *.json file at the top of fsys and gives them together with
// the built-in profiles, which they may inherit but not replace. The error wraps
// ErrProfile and says all that is wrong in any file, each with file, line and
// column where these can be told; [Faults] takes it apart.
func Load(fsys fs.FS) (*Set, error) {
	base, err := shippedDocuments()
	if err != nil {
		return nil, err
	}
	return (&source{fsys: fsys, base: base}).load()
}

// LoadDir is [Load] for a folder of the file system. Errors name its files with
// the folder's name before theirs.
func LoadDir(dir string) (*Set, error) {
	s, err := sourceOf(dir)
	if err != nil {
		return nil, err
	}
	return s.load()
}

// LoadFile is [LoadDir] for a single file of a folder, and those beside it that
// it inherits.
func LoadFile(file string) (*Set, error) {
	name, ok := strings.CutSuffix(filepath.Base(file), suffix)
	if !ok {
		return nil, &Fault{Place: Place{File: filepath.ToSlash(file)}, What: "a profile's file ends in " + suffix}
	}
	s, err := sourceOf(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	return s.loadOne(name)
}

func sourceOf(dir string) (*source, error) {
	base, err := shippedDocuments()
	if err != nil {
		return nil, err
	}
	return &source{fsys: os.DirFS(dir), dir: filepath.ToSlash(dir), base: base}, nil
}

func shippedDocuments() (map[string]document, error) {
	set, err := Builtin()
	if err != nil {
		return nil, err
	}
	return set.all()
}

// Names lists the profiles in alphabetical order, each followed by its variants
// ("bank/variant").
func (s *Set) Names() []string {
	documents, _ := s.all() // what ships is sound: the tests read it
	return sortedNames(documents)
}

// Get gives a profile, or a variant of one by "bank/variant". It must not be
// changed; [Profile.With] makes an altered copy. The error wraps ErrUnknown and
// lists known names, the one nearest to name first, or the variants of the
// bank.
func (s *Set) Get(name string) (*Profile, error) {
	d, err := s.find(name)
	return d.profile, err
}

// nearest orders names by how little they differ from what was written.
func nearest(written string, names []string) []string {
	names = slices.Clone(names)
	slices.SortStableFunc(names, func(a, b string) int { return distance(written, a) - distance(written, b) })
	return names
}

// distance is the Levenshtein distance of a and b in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
