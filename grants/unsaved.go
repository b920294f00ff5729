package grants

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

const (
	// saveEvery is how often it is tried to store what could not be stored.
	saveEvery = 500 * time.Millisecond
	// closeBound is how long Close goes on trying.
	closeBound = 5 * time.Second
	// savesAtOnce bounds how many grants are stored at a time.
	savesAtOnce = 16
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

// unsaved holds outcomes until they are stored: at most one of each grant, since
// no other request begins before.
type unsaved struct {
	mu      sync.Mutex
	items   map[ID]unsavedItem
	running bool
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

// remember holds the outcome in memory and goes on trying to store it.
func (s *Store) remember(item unsavedItem) {
	id := item.base.id()
	s.unsaved.mu.Lock()
	if s.unsaved.items == nil {
		s.unsaved.items = make(map[ID]unsavedItem)
	}
	s.unsaved.items[id] = item
	start := !s.unsaved.running
	s.unsaved.running = true
	s.unsaved.mu.Unlock()
	if item.only() {
		s.event(id, Event{Kind: EventUnsaved})
	}
	if start {
		s.running.begin()
		go s.saveLoop()
	}
}

// restore puts the record back if the write that has just failed has torn it.
func (h *held) restore(before record) {
	if _, ok := h.store.unsaved.of(h.id); ok {
		return // that one does as well
	}
	h.store.remember(unsavedItem{base: before, request: &pending{ID: uuid.NewString()}, client: h.client})
}

// saveLoop ends when all is stored, or some time after Close.
func (s *Store) saveLoop() {
	defer s.running.end()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ctx = limited(ctx)
	go s.endAfterClose(ctx, cancel)
	closing := s.closing
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-closing:
			closing = nil
		case <-ctx.Done():
			s.giveUp()
			return
		}
		if s.saveAll(ctx) {
			return
		}
	}
}

// endAfterClose ends the context of what is being stored, also in the middle,
// when Close has waited long enough.
func (s *Store) endAfterClose(ctx context.Context, cancel context.CancelFunc) {
	select {
	case <-s.closing:
	case <-ctx.Done():
		return
	}
	timer := time.NewTimer(closeBound)
	defer timer.Stop()
	select {
	case <-timer.C:
		cancel()
	case <-ctx.Done():
	}
}

// saveAll tries each item once, some at a time, for a storage may take long to
// fail. It reports whether none is left.
func (s *Store) saveAll(ctx context.Context) (done bool) {
	var saving sync.WaitGroup
	places := make(chan struct{}, savesAtOnce)
	for _, id := range s.unsaved.ids() {
		places <- struct{}{}
		saving.Go(func() {
			defer func() { <-places }()
			s.saveOne(ctx, id)
		})
	}
	saving.Wait()
	s.unsaved.mu.Lock()
	defer s.unsaved.mu.Unlock()
	if len(s.unsaved.items) == 0 {
		s.unsaved.running = false
		return true
	}
	return false
}

func (s *Store) saveOne(ctx context.Context, id ID) {
	item, ok := s.unsaved.of(id)
	if !ok || ctx.Err() != nil {
		return
	}
	locking, cancel := context.WithTimeout(ctx, recheckTimeout)
	h, err := s.hold(locking, id, item.client)
	cancel()
	if err != nil {
		return
	}
	defer func() {
		if ctx.Err() != nil {
			go h.release() // nobody waits for a storage that does not answer
			return
		}
		h.release()
	}()
	if _, st, err := h.load(ctx, nil); err == nil && st.settled() {
		s.cut(id)
	}
}

// giveUp tells of what is lost.
func (s *Store) giveUp() {
	s.unsaved.mu.Lock()
	lost := s.unsaved.items
	s.unsaved.items, s.unsaved.running = nil, false
	s.unsaved.mu.Unlock()
	for id, item := range lost {
		if item.only() {
			s.event(id, Event{Kind: EventUnsavedLost})
		}
	}
}

// save settles an outcome that could not be stored before into the record as it
// is now.
func (h *held) save(ctx context.Context, r record, st settlement, u unsavedItem) (record, settlement, error) {
	s := h.store
	switch u.request.relevanceFor(&r, s.now()) {
	case late:
		s.unsaved.drop(h.id, u.request.ID)
		return r, st, nil
	case early:
		return r, st, nil
	}
	if r.Pending != nil && r.Pending.ID != u.request.ID {
		return r, st, nil // first things first
	}
	return h.complete(ctx, r, u)
}

// heal writes the whole record again that was torn by a write which failed: what
// it was before is in memory, and so is what the bank has said since.
func (h *held) heal(ctx context.Context, u unsavedItem, torn error) (record, settlement, error) {
	s := h.store
	if u.base.Revision == 0 {
		// There never was a record, only the announcement of the first code.
		s.unsaved.drop(h.id, u.request.ID)
		return record{}, settlement{}, torn
	}
	if u.restores() {
		r := u.base
		if err := s.put(ctx, &r); err != nil {
			return u.base, settlement{}, err
		}
		s.unsaved.drop(h.id, u.request.ID)
		return r, settlement{}, nil
	}
	if u.stored {
		u.stored = false
		s.remember(u)
	}
	return h.complete(ctx, u.base, u)
}

// torn reports whether a record is damaged in a way that a write which failed may
// be the cause of. A record that a later version of this program has written is
// none.
func torn(err error) bool {
	_, ok := errors.AsType[*vault.DamagedError](err)
	return ok
}

// complete settles the outcome into the record and stores it.
func (h *held) complete(ctx context.Context, before record, u unsavedItem) (record, settlement, error) {
	s := h.store
	r, st := before.absorb(u.request).settle(u.client.spec(), s.now())
	if err := s.keep(ctx, &r, &st); err != nil {
		return before, settlement{}, err
	}
	s.unsaved.drop(h.id, u.request.ID)
	if u.only() {
		s.event(h.id, Event{Kind: EventSaved})
	}
	s.tell(&before, &r, &st, report{background: true})
	if st.remove {
		return r, st, ErrUnknown
	}
	return r, st, nil
}
