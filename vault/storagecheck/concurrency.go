package storagecheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

func concurrencyChecks() []check {
	return []check{
		{"no-torn-values", "while several handles store one key, Load gives one of the values, whole", noTornValues},
		{"list-while-storing", "List names what has long been there, also while values beside it are stored", listWhileStoring},
	}
}

const (
	writers = 4
	rounds  = 25
)

// stamped is a value that shows when it is a mixture, cut, or padded. Its length
// depends on the writer.
func stamped(writer int) []byte {
	return bytes.Repeat([]byte{'a' + byte(writer)}, recordSize+512*writer)
}

func whole(value []byte) error {
	for writer := range writers {
		if bytes.Equal(value, stamped(writer)) {
			return nil
		}
	}
	return fmt.Errorf("load gives a value of %d bytes that nobody stored", len(value))
}

func noTornValues(ctx context.Context, e *environment) error {
	key := e.key("value")
	if err := e.a.Store(ctx, key, stamped(0)); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	read := func(s vault.Storage) error {
		value, err := s.Load(ctx, key)
		if err != nil {
			return fmt.Errorf("load while others store: %w", err)
		}
		return whole(value)
	}
	return e.whileStoring(ctx, func(int, int) string { return key }, read)
}

func listWhileStoring(ctx context.Context, e *environment) error {
	var old []string
	for i := range 10 {
		old = append(old, e.key(fmt.Sprintf("in/%d.jwe", i)))
		if err := e.a.Store(ctx, old[i], []byte("value")); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
	another := func(writer, round int) string { return e.key(fmt.Sprintf("in/%d-%d.jwe", writer, round)) }
	return e.whileStoring(ctx, another, func(s vault.Storage) error {
		keys, err := s.List(ctx, e.key("in"), true)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // CertMagic's FileStorage, at times; the vault then looks again
		}
		if err != nil {
			return fmt.Errorf("list while others store: %w", err)
		}
		for _, key := range old {
			if !slices.Contains(keys, key) {
				return fmt.Errorf("list while others store lacks %s", key)
			}
		}
		return nil
	})
}

// whileStoring reads through both handles as long as writers store.
func (e *environment) whileStoring(ctx context.Context, key func(writer, round int) string, read func(vault.Storage) error) error {
	var storing, reading sync.WaitGroup
	failures := make(chan error, writers+2)
	stored := make(chan struct{})
	for writer := range writers {
		handle := e.handle(writer)
		storing.Go(func() {
			for round := range rounds {
				if err := handle.Store(ctx, key(writer, round), stamped(writer)); err != nil {
					failures <- fmt.Errorf("store while others do: %w", err)
					return
				}
				time.Sleep(time.Millisecond) // so that the readers get their turn
			}
		})
	}
	for reader := range 2 {
		handle := e.handle(reader)
		reading.Go(func() {
			for {
				if err := read(handle); err != nil {
					failures <- err
					return
				}
				select {
				case <-stored:
					return
				case <-time.After(time.Millisecond):
				}
			}
		})
	}
	storing.Wait()
	close(stored)
	reading.Wait()
	close(failures)
	return <-failures // nil from a closed, empty channel
}

func (e *environment) handle(i int) vault.Storage {
	if i%2 == 0 {
		return e.a
	}
	return e.b
}
