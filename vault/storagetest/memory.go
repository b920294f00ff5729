package storagetest

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

// Op is a method of a storage.
type Op string

// The methods of a storage.
const (
	Store  Op = "store"
	Load   Op = "load"
	Delete Op = "delete"
	List   Op = "list"
	Lock   Op = "lock"
	Unlock Op = "unlock"
)

// DefaultLockTTL is how long a vanished handle's locks stay.
const DefaultLockTTL = 10 * time.Second

var (
	// ErrInjected is what injected faults answer with unless told otherwise.
	ErrInjected = errors.New("injected storage fault")
	// ErrVanished is what a handle answers after Vanish.
	ErrVanished = errors.New("storage handle has vanished")
	// ErrNotHeld is what Unlock answers without the lock.
	ErrNotHeld = errors.New("lock is not held by this handle")
)

// Memory is one handle of a storage in memory: what one process has. Handles
// made by [Memory.Handle] share the values and the locks, as several processes
// on one storage do. Faults are injected per handle (faults.go).
type Memory struct {
	backing *backing
	faults  faults
}

var _ vault.Storage = (*Memory)(nil)

// backing is what all handles share.
type backing struct {
	mu      sync.Mutex
	values  map[string][]byte
	locks   map[string]holder
	changed chan struct{} // closed when a lock may have become free
	full    bool
	ttl     time.Duration
}

// holder is who has a lock.
type holder struct {
	handle  *Memory
	expires time.Time // zero while the handle lives, which renews its locks
}

// NewMemory returns the first handle of an empty storage.
func NewMemory() *Memory {
	return &Memory{backing: &backing{
		values:  make(map[string][]byte),
		locks:   make(map[string]holder),
		changed: make(chan struct{}),
		ttl:     DefaultLockTTL,
	}}
}

// Handle returns another handle of the same storage, without faults.
func (m *Memory) Handle() *Memory { return &Memory{backing: m.backing} }

// Store implements vault.Storage.
func (m *Memory) Store(ctx context.Context, key string, value []byte) error {
	if err := m.faults.before(ctx, Store, key); err != nil {
		return err
	}
	value, torn := m.faults.tear(value)
	b := m.backing
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full {
		return errNoSpace
	}
	b.values[key] = slices.Clone(value)
	return torn
}

// Load implements vault.Storage.
func (m *Memory) Load(ctx context.Context, key string) ([]byte, error) {
	if err := m.faults.before(ctx, Load, key); err != nil {
		return nil, err
	}
	m.backing.mu.Lock()
	defer m.backing.mu.Unlock()
	value, ok := m.backing.values[key]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(value), nil
}

// Delete implements vault.Storage. A folder is deleted with all below it.
func (m *Memory) Delete(ctx context.Context, key string) error {
	if err := m.faults.before(ctx, Delete, key); err != nil {
		return err
	}
	m.backing.mu.Lock()
	defer m.backing.mu.Unlock()
	maps.DeleteFunc(m.backing.values, func(have string, _ []byte) bool {
		return have == key || strings.HasPrefix(have, key+"/")
	})
	return nil
}

// List implements vault.Storage. Like CertMagic's FileStorage it names folders
// too.
func (m *Memory) List(ctx context.Context, path string, recursive bool) ([]string, error) {
	if err := m.faults.before(ctx, List, path); err != nil {
		return nil, err
	}
	found := make(map[string]bool)
	for _, key := range m.Keys() {
		rest, below := strings.CutPrefix(key, path+"/")
		if path == "" {
			rest, below = key, true
		}
		if !below {
			continue
		}
		components := strings.Split(rest, "/")
		if !recursive {
			components = components[:1]
		}
		at := strings.TrimSuffix(strings.TrimSuffix(key, rest), "/")
		for _, component := range components {
			at = strings.TrimPrefix(at+"/"+component, "/")
			found[at] = true
		}
	}
	if len(found) == 0 {
		return nil, fs.ErrNotExist
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// Lock implements vault.Storage.
func (m *Memory) Lock(ctx context.Context, name string) error {
	if err := m.faults.before(ctx, Lock, name); err != nil {
		return err
	}
	for {
		if m.faults.gone() {
			return ErrVanished
		}
		got, changed, wait := m.tryLock(name)
		if got {
			return nil
		}
		if err := pause(ctx, changed, wait); err != nil {
			return err
		}
	}
}

// pause waits until changed is closed, or for a time that is not zero.
func pause(ctx context.Context, changed <-chan struct{}, wait time.Duration) error {
	var over <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
	case <-over:
	}
	return nil
}

// tryLock takes the lock if it is free or expired. Otherwise it tells when to
// try again: when changed is closed, or after wait if that is not zero.
func (m *Memory) tryLock(name string) (got bool, changed <-chan struct{}, wait time.Duration) {
	b := m.backing
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	held, ok := b.locks[name]
	if ok && (held.expires.IsZero() || now.Before(held.expires)) {
		if !held.expires.IsZero() {
			wait = held.expires.Sub(now)
		}
		return false, b.changed, wait
	}
	b.locks[name] = holder{handle: m}
	return true, nil, 0
}

// Unlock implements vault.Storage. Without the lock it answers ErrNotHeld and
// leaves the lock to who has it.
func (m *Memory) Unlock(ctx context.Context, name string) error {
	if err := m.faults.before(ctx, Unlock, name); err != nil {
		return err
	}
	b := m.backing
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.locks[name].handle != m {
		return ErrNotHeld
	}
	b.release(name)
	return nil
}

// release needs b.mu.
func (b *backing) release(name string) {
	delete(b.locks, name)
	close(b.changed)
	b.changed = make(chan struct{})
}

// Keys returns all keys that hold a value, in order, without faults.
func (m *Memory) Keys() []string {
	m.backing.mu.Lock()
	defer m.backing.mu.Unlock()
	return slices.Sorted(maps.Keys(m.backing.values))
}

// Locks returns the names of the locks that are held, in order.
func (m *Memory) Locks() []string {
	m.backing.mu.Lock()
	defer m.backing.mu.Unlock()
	return slices.Sorted(maps.Keys(m.backing.locks))
}
