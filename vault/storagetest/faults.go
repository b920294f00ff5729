package storagetest

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// errNoSpace is what a full disk answers.
var errNoSpace = fmt.Errorf("write: %w", syscall.ENOSPC)

// faults is what a handle does instead of what it should. Its zero value has
// none.
type faults struct {
	mu       sync.Mutex
	vanished bool
	fail     map[Op]failure
	slow     time.Duration
	hook     func(ctx context.Context, op Op, key string) error
	torn     *tear
	count    map[Op]int
}

type failure struct {
	left int // negative: for ever
	err  error
}

type tear struct {
	keep int
	err  error
}

// before runs ahead of each method: it counts, waits and fails.
func (f *faults) before(ctx context.Context, op Op, key string) error {
	f.mu.Lock()
	if f.count == nil {
		f.count = make(map[Op]int)
	}
	f.count[op]++
	slow, hook := f.slow, f.hook
	err := f.next(op)
	f.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if hook != nil {
		if err := hook(ctx, op, key); err != nil {
			return err
		}
	}
	if err == nil && f.gone() {
		err = ErrVanished // while it was waiting: what is dead does nothing more
	}
	return err
}

func (f *faults) gone() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.vanished
}

// next takes one of the failures; it needs f.mu.
func (f *faults) next(op Op) error {
	if f.vanished {
		return ErrVanished
	}
	failure, ok := f.fail[op]
	if !ok || failure.left == 0 {
		return nil
	}
	if failure.left > 0 {
		failure.left--
		f.fail[op] = failure
	}
	return failure.err
}

func (f *faults) tear(value []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.torn == nil {
		return value, nil
	}
	torn := f.torn
	f.torn = nil
	return value[:min(torn.keep, len(value))], torn.err
}

// Fail lets the next n calls of op fail with err (nil: ErrInjected); a negative
// n lets them all fail, and 0 none.
func (m *Memory) Fail(op Op, n int, err error) {
	if err == nil {
		err = ErrInjected
	}
	m.faults.mu.Lock()
	defer m.faults.mu.Unlock()
	if m.faults.fail == nil {
		m.faults.fail = make(map[Op]failure)
	}
	m.faults.fail[op] = failure{left: n, err: err}
}

// Slow lets every call take that long, or until its context ends.
func (m *Memory) Slow(d time.Duration) {
	m.faults.mu.Lock()
	defer m.faults.mu.Unlock()
	m.faults.slow = d
}

// Hook is called before every call takes effect, and may block or fail it; nil
// removes it. It is called for the calls that it makes of this handle, too.
func (m *Memory) Hook(hook func(ctx context.Context, op Op, key string) error) {
	m.faults.mu.Lock()
	defer m.faults.mu.Unlock()
	m.faults.hook = hook
}

// Tear lets the next Store write only the first keep bytes, and answer err: nil
// as after a loss of power, or an error. With more bytes than there are, it is
// the answer that is lost.
func (m *Memory) Tear(keep int, err error) {
	m.faults.mu.Lock()
	defer m.faults.mu.Unlock()
	m.faults.torn = &tear{keep: keep, err: err}
}

// Count tells how often op was called through this handle.
func (m *Memory) Count(op Op) int {
	m.faults.mu.Lock()
	defer m.faults.mu.Unlock()
	return m.faults.count[op]
}

// SetFull fills the disk, for all handles: Store fails with ENOSPC, the rest
// works.
func (m *Memory) SetFull(full bool) {
	m.backing.mu.Lock()
	defer m.backing.mu.Unlock()
	m.backing.full = full
}

// SetLockTTL sets, for all handles, how long a vanished handle's locks stay.
func (m *Memory) SetLockTTL(ttl time.Duration) {
	m.backing.mu.Lock()
	defer m.backing.mu.Unlock()
	m.backing.ttl = ttl
}

// Vanish ends this handle as kill -9 ends a process: every further call fails,
// and its locks stay until their time is over.
func (m *Memory) Vanish() {
	m.faults.mu.Lock()
	m.faults.vanished = true
	m.faults.mu.Unlock()
	b := m.backing
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, held := range b.locks {
		if held.handle == m {
			held.expires = time.Now().Add(b.ttl)
			b.locks[name] = held
		}
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

// LoseLocks takes all locks away from this handle without its knowing, as a
// storage does that thinks the holder has vanished: others get them at once.
func (m *Memory) LoseLocks() {
	b := m.backing
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, held := range b.locks {
		if held.handle == m {
			b.release(name)
		}
	}
}
