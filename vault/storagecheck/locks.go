package storagecheck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

func lockChecks() []check {
	return []check{
		{"lock-excludes", "a lock has one holder at a time, whichever handle it was got through, and who gets it sees what the one before stored", excludes},
		{"lock-waits", "Lock blocks while another holds the lock, and returns soon after Unlock", waits},
		{"lock-context", "a Lock that waits returns an error when its context ends, and leaves nothing behind", honoursContext},
		{"lock-names", "locks of different names do not block each other", names},
		{"lock-kept", "a lock is kept as long as its holder lives", kept},
	}
}

const (
	// soon is how long a storage may take for what it can do at once, but looks
	// for only now and then.
	soon = 15 * time.Second
	// briefly is how long a Lock is tried that must not succeed.
	briefly = 2 * time.Second
)

// excludes counts up under the lock. Every count is compared with what the last
// holder in this process saw, and read back.
func excludes(ctx context.Context, e *environment) error {
	const holders, turns = 4, 2
	var (
		inside   atomic.Int32
		wait     sync.WaitGroup
		failures = make(chan error, holders)
	)
	for i := range holders {
		wait.Go(func() {
			for range turns {
				if err := e.count(ctx, i, &inside); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	wait.Wait()
	close(failures)
	if err := <-failures; err != nil {
		return err
	}
	return loads(ctx, e.b, e.key("count"), []byte(strconv.Itoa(holders*turns)))
}

func (e *environment) count(ctx context.Context, i int, inside *atomic.Int32) error {
	handle, name := e.handle(i), e.lock("count")
	if err := lockWithin(ctx, handle, name, 4*soon); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	err := func() error {
		defer inside.Add(-1)
		if inside.Add(1) > 1 {
			return errors.New("two hold the lock at once")
		}
		value, err := handle.Load(ctx, e.key("count"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("load: %w", err)
		}
		count, _ := strconv.Atoi(string(value)) // nothing: 0
		time.Sleep(10 * time.Millisecond)
		return e.storeAndCompare(ctx, i, strconv.Itoa(count+1))
	}()
	if unlockErr := handle.Unlock(ctx, name); err == nil && unlockErr != nil {
		err = fmt.Errorf("unlock: %w", unlockErr)
	}
	return err
}

func (e *environment) storeAndCompare(ctx context.Context, i int, count string) error {
	if err := e.handle(i).Store(ctx, e.key("count"), []byte(count)); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := loads(ctx, e.handle(i+1), e.key("count"), []byte(count)); err != nil {
		return fmt.Errorf("read back under the lock: %w", err)
	}
	return nil
}

func waits(ctx context.Context, e *environment) error {
	name := e.lock("waits")
	if err := lockFree(ctx, e.a, name); err != nil {
		return err
	}
	got := make(chan error, 1)
	go func() { got <- lockWithin(ctx, e.b, name, briefly+soon) }()
	select {
	case err := <-got:
		return fmt.Errorf("lock of what another holds does not wait (error: %v)", err)
	case <-time.After(briefly):
	}
	if err := e.a.Unlock(ctx, name); err != nil {
		return fmt.Errorf("unlock: %w", err)
	}
	unlocked := time.Now()
	if err := <-got; err != nil {
		return fmt.Errorf("a waiting lock, after unlock: %w", err)
	}
	e.note = "handed over in " + time.Since(unlocked).Round(time.Millisecond).String()
	return e.unlock(ctx, name)
}

// errDeaf means that a storage does not look at the context.
var errDeaf = fmt.Errorf("it still waits %v after its context has ended", soon)

// lockWithin is Lock with a limit that holds for storages, too, that do not look
// at the context: no check may wait for ever. A lock that comes late is released.
func lockWithin(ctx context.Context, s vault.Storage, name string, limit time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, limit)
	got := make(chan error)
	late := make(chan struct{})
	go func() {
		defer cancel()
		err := s.Lock(waiting, name)
		select {
		case got <- err:
		case <-late:
			if err == nil {
				_ = s.Unlock(context.WithoutCancel(ctx), name)
			}
		}
	}()
	select {
	case err := <-got:
		return err
	case <-time.After(limit + soon):
		close(late)
		return errDeaf
	}
}

// lockFree gets a lock that nobody holds.
func lockFree(ctx context.Context, s vault.Storage, name string) error {
	if err := lockWithin(ctx, s, name, soon); err != nil {
		return fmt.Errorf("lock of what nobody holds: %w", err)
	}
	return nil
}

// unlock releases what b holds.
func (e *environment) unlock(ctx context.Context, name string) error {
	if err := e.b.Unlock(ctx, name); err != nil {
		return fmt.Errorf("unlock: %w", err)
	}
	return nil
}

func honoursContext(ctx context.Context, e *environment) error {
	name := e.lock("context")
	if err := lockFree(ctx, e.a, name); err != nil {
		return err
	}
	switch err := lockWithin(ctx, e.b, name, briefly); {
	case err == nil:
		return errors.New("lock of what another holds succeeds")
	case errors.Is(err, errDeaf):
		return err
	}
	if err := e.a.Unlock(ctx, name); err != nil {
		return fmt.Errorf("unlock, after another gave up waiting: %w", err)
	}
	if err := lockFree(ctx, e.b, name); err != nil {
		return fmt.Errorf("after having given up, and unlock of the other: %w", err)
	}
	return e.unlock(ctx, name)
}

func names(ctx context.Context, e *environment) error {
	first, second := e.lock("name-1"), e.lock("name-2")
	if err := lockFree(ctx, e.a, first); err != nil {
		return err
	}
	other := lockWithin(ctx, e.b, second, briefly)
	if err := e.a.Unlock(ctx, first); err != nil {
		return fmt.Errorf("unlock: %w", err)
	}
	if other != nil {
		return fmt.Errorf("lock while another name is locked: %w", other)
	}
	return e.unlock(ctx, second)
}

func kept(ctx context.Context, e *environment) error {
	name := e.lock("kept")
	if err := lockFree(ctx, e.a, name); err != nil {
		return err
	}
	held := time.Now()
	if err := lockWithin(ctx, e.b, name, e.Hold); err == nil {
		return fmt.Errorf("another gets the lock after %v, though the holder lives and has not unlocked", time.Since(held).Round(time.Millisecond))
	}
	if early := e.Hold - time.Since(held); early > time.Second {
		return fmt.Errorf("a waiting lock fails %v before its context ends", early.Round(time.Millisecond))
	}
	if err := e.a.Unlock(ctx, name); err != nil {
		return fmt.Errorf("unlock after %v: %w", e.Hold, err)
	}
	return nil
}
