package grants

import (
	"sync"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

// Defaults of Options.
const (
	defaultHot      = 100_000
	defaultRecheck  = 5 * time.Second
	defaultParallel = 16
)

// Options configure a [Store].
type Options struct {
	// Vault keeps the records. Required.
	Vault *vault.Vault
	// Now is the clock. Default [time.Now].
	Now func() time.Time
	// Hot is how many grants are held in memory; the least recently used go
	// first, and are read again when needed. Default 100,000.
	Hot int
	// Recheck is how old what is in memory may be before the record is read
	// again: within this time a revocation reaches every process. Default 5s.
	Recheck time.Duration
	// Parallel bounds the refreshes that run ahead of a token's end, without a
	// caller that waits. Default 16.
	Parallel int
	// Unsaved keeps what the storage does not take for the Store that takes this
	// one's place. Default: one of its own, which ends with Close.
	Unsaved *Unsaved
	// StorageID tells the storages, and the places in them, apart that the Vaults of
	// Stores with one Unsaved are on.
	StorageID string
	// OnEvent is told what happens, from the goroutine where it does. It must be
	// safe for concurrent use, quick, and must not call the Store.
	OnEvent func(Event)
}

// Store keeps grants. It is safe for concurrent use; Close ends it. Stores on
// one storage, in one process or many, work together.
type Store struct {
	vault    *vault.Vault
	now      func() time.Time
	recheck  time.Duration
	parallel int
	onEvent  func(Event)
	hot      hot
	breakers breakers
	unsaved  *unsaved
	// saves is true while saveLoop runs; guarded by unsaved.mu.
	saves bool
	// kept is the store's own Unsaved, nil where it has another's.
	kept *Unsaved

	// mu guards what follows, and every change to hot.
	mu       sync.Mutex
	flights  map[ID]*flight
	renewals renewals
	retired  bool
	closed   bool
	// retiring is closed by Retire, closing by Close.
	retiring, closing chan struct{}
	// running counts what Close waits for, and calls what Retire waits for.
	running, calls work
}

// New makes a Store. It does no I/O and starts no goroutine, but to store what
// [Options.Unsaved] holds.
func New(o Options) *Store {
	s := &Store{
		vault: o.Vault, now: o.Now, recheck: o.Recheck, parallel: o.Parallel, onEvent: o.OnEvent,
		flights: make(map[ID]*flight), retiring: make(chan struct{}), closing: make(chan struct{}),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.recheck <= 0 {
		s.recheck = defaultRecheck
	}
	if s.parallel <= 0 {
		s.parallel = defaultParallel
	}
	if s.onEvent == nil {
		s.onEvent = func(Event) {}
	}
	if o.Hot <= 0 {
		o.Hot = defaultHot
	}
	s.hot = newHot(o.Hot)
	if o.Unsaved == nil {
		o.Unsaved = NewUnsaved()
		s.kept = o.Unsaved
	}
	s.unsaved = o.Unsaved.of(o.StorageID)
	s.unsaved.join(s)
	return s
}

// Close stops what runs in the background and waits for calls in flight, which
// their timeouts bound; they are not cut off. For answers that could not be
// stored it is tried for five seconds more, unless another Store with the same
// [Options.Unsaved] does so anyway. Afterwards ErrClosed answers everything but
// Token, Drop and Exchange: calls that came while one configuration replaced
// another get what they need, and only nothing is kept in memory for the next.
// Close may be called more than once.
func (s *Store) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	s.hot.entries.Purge()
	s.mu.Unlock()
	s.unsaved.leave(s)
	s.running.wait()
	if s.kept != nil {
		s.kept.Close()
	}
}
