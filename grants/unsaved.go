package grants

import (
	"slices"
	"sync"
)

// unsavedItem is the outcome of a request that the storage did not take.
type unsavedItem struct {
	// base is the record that the request was announced in, as it was stored.
	base    record
	request *pending
	client  *Client
	// stored is true where the record has the raw answer, unless what was written
	// after it has torn it.
	stored bool
}

// restores reports whether the item has no outcome, and is only there for a write
// that failed and may have torn the record.
func (u *unsavedItem) restores() bool { return u.request.Answer == nil && u.request.Ended == "" }

// record is the whole record, to be settled.
func (u *unsavedItem) record() record {
	if u.restores() {
		return u.base
	}
	return u.base.absorb(u.request)
}

// only reports whether an answer is nowhere but here.
func (u *unsavedItem) only() bool { return u.request.Answer != nil && !u.stored }

// Unsaved is the memory of answers that the storage did not take. It outlives a
// [Store], so that the Store that takes its place, after a change of the
// configuration, goes on to store and to serve them. It is safe for concurrent use.
type Unsaved struct {
	mu   sync.Mutex
	sets map[string]*unsaved // by storage
}

// NewUnsaved makes an empty Unsaved for [Options.Unsaved]. It starts no goroutine.
func NewUnsaved() *Unsaved { return &Unsaved{sets: make(map[string]*unsaved)} }

// Close is for the end of the process, after the last Store is closed: what is
// still not stored is lost, and told as EventUnsavedLost to the Store that tried
// last. Later nothing is kept for longer than a Store lives.
func (u *Unsaved) Close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, set := range u.sets {
		set.end()
	}
}

// of gives the set of a storage.
func (u *Unsaved) of(storage string) *unsaved {
	u.mu.Lock()
	defer u.mu.Unlock()
	set, ok := u.sets[storage]
	if !ok {
		set = &unsaved{items: make(map[ID]unsavedItem)}
		u.sets[storage] = set
	}
	return set
}

// unsaved holds outcomes of one storage until they are stored: at most one of
// each grant, since no other request begins before.
type unsaved struct {
	mu    sync.Mutex
	items map[ID]unsavedItem
	// stores are those that are to store them, in the order they came; last is the
	// one that came last.
	stores []*Store
	last   *Store
	ended  bool
}

// join makes the store one that stores what there is.
func (u *unsaved) join(s *Store) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stores, u.last = append(u.stores, s), s
	if len(u.items) > 0 {
		s.startSaving()
	}
}

// leave is for a store that will soon have no storage: the others, if there are
// any, take over.
func (u *unsaved) leave(s *Store) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stores = slices.DeleteFunc(u.stores, func(one *Store) bool { return one == s })
	if len(u.items) > 0 {
		u.wake()
	}
}

// wake has the stores begin. u.mu must be held.
func (u *unsaved) wake() {
	for _, s := range u.stores {
		s.startSaving()
	}
}

// rest reports whether the store has nothing to do any more: all is stored, or
// others do it. Its saving has ended then.
func (u *unsaved) rest(s *Store) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case len(u.items) == 0:
	case len(u.stores) > 0 && !slices.Contains(u.stores, s):
		u.wake()
	default:
		return false
	}
	s.saves = false
	return true
}

// stop is for a store that has tried for long enough.
func (u *unsaved) stop(s *Store) {
	u.mu.Lock()
	s.saves = false
	u.wake() // of those that have come in the last moment
	ended := u.ended
	u.mu.Unlock()
	if ended {
		u.end()
	}
}

// end tells of what is lost.
func (u *unsaved) end() {
	u.mu.Lock()
	lost, teller := u.items, u.last
	u.items, u.ended = make(map[ID]unsavedItem), true
	u.mu.Unlock()
	for id, item := range lost {
		if item.only() {
			teller.event(id, Event{Kind: EventUnsavedLost})
		}
	}
}

// add holds an outcome.
func (u *unsaved) add(s *Store, item unsavedItem) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.items[item.base.id()] = item
	s.startSaving()
}

func (u *unsaved) of(id ID) (unsavedItem, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	item, ok := u.items[id]
	return item, ok
}

// drop forgets the item of the grant, if it is that of the request; with "" any.
func (u *unsaved) drop(id ID, request string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if item, ok := u.items[id]; ok && (request == "" || item.request.ID == request) {
		delete(u.items, id)
	}
}

func (u *unsaved) ids() []ID {
	u.mu.Lock()
	defer u.mu.Unlock()
	ids := make([]ID, 0, len(u.items))
	for id := range u.items {
		ids = append(ids, id)
	}
	return ids
}
