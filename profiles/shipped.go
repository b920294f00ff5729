package profiles

import (
	"io/fs"
	"maps"
	"sync"
)

// shipped are the built-in profiles. There are many and a configuration uses
// few, so that each is read, with those that it inherits, when it is asked for.
type shipped struct {
	source source

	mu        sync.Mutex
	documents map[string]document // read so far
	complete  bool
}

// find gives one of them.
func (s *shipped) find(name string) (document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.documents[name]; ok {
		return d, nil
	}
	bank, _ := splitName(name)
	if _, err := fs.Stat(s.source.fsys, bank+suffix); err == nil && isName(bank) && !s.complete {
		set, err := s.source.loadOne(bank)
		if err != nil {
			return document{}, err
		}
		s.keep(set.documents)
		if d, ok := s.documents[name]; ok {
			return d, nil
		}
	}
	documents, err := s.load()
	if err != nil {
		return document{}, err
	}
	return document{}, unknown(documents, name)
}

// all gives all of them.
func (s *shipped) all() (map[string]document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.load()
}

func (s *shipped) load() (map[string]document, error) {
	if s.complete {
		return s.documents, nil
	}
	set, err := s.source.load()
	if err != nil {
		return nil, err
	}
	s.keep(set.documents)
	s.complete = true
	return s.documents, nil
}

// keep adds what was read. A map that was given away is not changed; a profile
// that was read before stays the same.
func (s *shipped) keep(documents map[string]document) {
	kept := maps.Clone(documents)
	maps.Copy(kept, s.documents)
	s.documents = kept
}
