package grants

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// Get describes a grant. Errors: ErrName, ErrUnknown, the vault's.
func (s *Store) Get(ctx context.Context, id ID) (State, error) {
	if err := id.Check(); err != nil {
		return State{}, err
	}
	r, err := s.read(ctx, id)
	if err != nil {
		return State{}, err
	}
	state := r.state(s.now())
	_, state.Unsaved = s.unsaved.of(id)
	return state, nil
}

// List describes grants of an ASPSP, limit at a time (default 100, at most
// 1,000), in an order that does not change. after is "" first, then the next of
// the page before; "" as next means that there are no more. A record that cannot
// be read is listed as damaged, without its name. Errors: ErrCursor, the vault's.
func (s *Store) List(ctx context.Context, aspsp, after string, limit int) (states []State, next string, err error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	first, err := firstFolder(after)
	if err != nil {
		return nil, "", err
	}
	// One of 256 folders at a time is all that is held in memory.
	for folder := first; folder < 256; folder++ {
		names, err := s.vault.List(ctx, fmt.Sprintf("%s/%s/%02x", grantsFolder, aspsp, folder))
		if err != nil {
			return nil, "", err
		}
		for _, name := range names {
			digest := path.Base(name)
			if digest <= after {
				continue
			}
			if len(states) == limit {
				return states, next, nil
			}
			state, err := s.describe(ctx, aspsp, digest)
			switch {
			case errors.Is(err, ErrUnknown):
				continue // gone meanwhile
			case err != nil:
				return nil, "", err
			}
			states, next = append(states, state), digest
		}
	}
	return states, "", nil
}

// firstFolder is the folder of a cursor.
func firstFolder(after string) (folder int, err error) {
	if after == "" {
		return 0, nil
	}
	if len(after) != 64 || strings.Trim(after, "0123456789abcdef") != "" {
		return 0, ErrCursor
	}
	_, err = fmt.Sscanf(after[:2], "%02x", &folder)
	return folder, err
}

// describe reads the record of a digest.
func (s *Store) describe(ctx context.Context, aspsp, digest string) (State, error) {
	plaintext, err := s.vault.Get(ctx, recordPath(aspsp, digest))
	var r record
	if err == nil {
		r, err = decodeRecord(ID{ASPSP: aspsp}, plaintext)
	}
	switch {
	case damaged(err):
		return State{ASPSP: aspsp, Fingerprint: digest[:16], Status: StatusDamaged}, nil
	case errors.Is(err, vault.ErrNotFound):
		return State{}, ErrUnknown
	case err != nil:
		return State{}, err
	}
	id := r.id()
	u, unsaved := s.unsaved.of(id)
	if unsaved && r.Pending != nil && r.Pending.ID == u.request.ID {
		r = r.absorb(u.request)
	}
	state := r.state(s.now())
	state.Unsaved = unsaved
	return state, nil
}

// damaged reports whether a record cannot be read, and never will be.
func damaged(err error) bool {
	return errors.Is(err, vault.ErrDamaged)
}
