package storagecheck

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

// recordSize is about what a grant takes; largeSize what the largest record does.
const (
	recordSize = 2 << 10
	largeSize  = vault.MaxRecord*4/3 + 1024
)

func valueChecks() []check {
	return []check{
		{"round-trip", "Load returns byte for byte what Store was given, of any size up to that of the largest record", roundTrip},
		{"overwrite", "Store replaces a value by a longer or shorter one", overwrite},
		{"missing", "Load of what is not there answers fs.ErrNotExist, List that or nothing, and Delete succeeds", absent},
		{"delete", "Delete removes the value, and no other whose key begins alike", remove},
		{"list", "List names the full keys of all values below a folder, and of none beside it", list},
		{"failing-load", "a Load that cannot be done is not taken for a Load of what is not there", failingLoad},
		{"handles", "a handle sees at once what another stored or deleted", handles},
	}
}

func roundTrip(ctx context.Context, e *environment) error {
	for _, size := range []int{1, recordSize, 64 << 10, largeSize} {
		value := make([]byte, size)
		_, _ = rand.Read(value)
		if err := e.a.Store(ctx, e.key("value"), value); err != nil {
			return fmt.Errorf("store %d bytes: %w", size, err)
		}
		if err := loads(ctx, e.a, e.key("value"), value); err != nil {
			return err
		}
	}
	return nil
}

func overwrite(ctx context.Context, e *environment) error {
	for _, size := range []int{100, 10, 1000} {
		value := bytes.Repeat([]byte{byte(size)}, size)
		if err := e.a.Store(ctx, e.key("value"), value); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		if err := loads(ctx, e.a, e.key("value"), value); err != nil {
			return err
		}
	}
	return nil
}

func absent(ctx context.Context, e *environment) error {
	if err := isAbsent(ctx, e.a, e.key("nothing")); err != nil {
		return err
	}
	keys, err := e.a.List(ctx, e.key("no-folder"), true)
	if err != nil && !errors.Is(err, fs.ErrNotExist) || len(keys) > 0 {
		return fmt.Errorf("list of a folder that is not there: %d keys, error: %v", len(keys), err)
	}
	if err := e.a.Delete(ctx, e.key("nothing")); err != nil {
		return fmt.Errorf("delete of what is not there: %w", err)
	}
	return nil
}

// failingLoad goes through the vault, which makes up for storages that answer
// fs.ErrNotExist whenever they fail.
func failingLoad(ctx context.Context, e *environment) error {
	v, err := vault.New(vault.Options{
		Storage: e.a,
		Keys:    []vault.Key{{ID: "check", Secret: vault.NewSecret()}},
		Prefix:  e.Folder + "/" + e.name,
	})
	if err != nil {
		return err
	}
	if err := v.Check(ctx); err != nil {
		return err
	}
	const record = "failing/load"
	if err := v.Put(ctx, record, []byte("value")); err != nil {
		return err
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := v.Get(ended, record); errors.Is(err, vault.ErrNotFound) {
		return errors.New("load with a context that has ended says that the value is not there")
	}
	if _, err := e.a.Load(ended, e.key(record+".jwe")); errors.Is(err, fs.ErrNotExist) {
		e.note = "the storage says that the value is not there, which the vault makes up for"
	}
	return nil
}

func remove(ctx context.Context, e *environment) error {
	value := []byte("value")
	stay := []string{"aa.jwe", "b/a.jwe", "a"}
	for _, key := range append(stay, "a.jwe") {
		if err := e.a.Store(ctx, e.key(key), value); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
	if err := e.a.Delete(ctx, e.key("a.jwe")); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	if err := isAbsent(ctx, e.a, e.key("a.jwe")); err != nil {
		return fmt.Errorf("after a delete: %w", err)
	}
	for _, key := range stay {
		if err := loads(ctx, e.a, e.key(key), value); err != nil {
			return fmt.Errorf("%s, when a.jwe was deleted: %w", key, err)
		}
	}
	return nil
}

func list(ctx context.Context, e *environment) error {
	inside := []string{e.key("in/a/1.jwe"), e.key("in/a/2.jwe"), e.key("in/b/c/3.jwe"), e.key("in/4.jwe")}
	for _, key := range append(inside, e.key("in2/5.jwe"), e.key("6.jwe")) {
		if err := e.a.Store(ctx, key, []byte("value")); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
	if err := listIs(ctx, e.b, e.key("in"), inside); err != nil {
		return err
	}
	return listIs(ctx, e.b, e.key("in/a"), inside[:2])
}

// listIs compares what is listed below folder, apart from folders and what a
// storage keeps for itself, which the vault passes over, too.
func listIs(ctx context.Context, s vault.Storage, folder string, want []string) error {
	keys, err := s.List(ctx, folder, true)
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	keys = slices.DeleteFunc(keys, func(key string) bool {
		// A storage that compares strings lists in2/ below in, too.
		return !strings.HasSuffix(key, ".jwe") || strings.HasPrefix(key, folder+"2/")
	})
	slices.Sort(keys)
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(keys, want) {
		return fmt.Errorf("list of %s gives %q instead of %q", folder, keys, want)
	}
	return nil
}

func handles(ctx context.Context, e *environment) error {
	key := e.key("value.jwe")
	for i := range 20 {
		value := fmt.Appendf(nil, "value %d", i)
		if err := e.a.Store(ctx, key, value); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		if err := loads(ctx, e.b, key, value); err != nil {
			return fmt.Errorf("through another handle: %w", err)
		}
	}
	if err := listIs(ctx, e.b, e.key("")[:len(e.key(""))-1], []string{key}); err != nil {
		return fmt.Errorf("through another handle: %w", err)
	}
	if err := e.b.Delete(ctx, key); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	if err := isAbsent(ctx, e.a, key); err != nil {
		return fmt.Errorf("deleted through another handle: %w", err)
	}
	return nil
}

func loads(ctx context.Context, s vault.Storage, key string, want []byte) error {
	value, err := s.Load(ctx, key)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	if !bytes.Equal(value, want) {
		return fmt.Errorf("load gives another value than was stored last (%d bytes instead of %d)", len(value), len(want))
	}
	return nil
}

func isAbsent(ctx context.Context, s vault.Storage, key string) error {
	switch _, err := s.Load(ctx, key); {
	case err == nil:
		return errors.New("load of what is not there gives a value")
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("load of what is not there is not fs.ErrNotExist, but: %w", err)
	}
	return nil
}

func cleanupChecks() []check {
	return []check{{"clean-up", "Delete of a folder removes all below it, or else Delete of each value does", cleanUp}}
}

func cleanUp(ctx context.Context, e *environment) error {
	keys, err := e.a.List(ctx, e.Folder, true)
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	for _, key := range append(keys, e.Folder) {
		if err := e.a.Delete(ctx, key); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete: %w", err)
		}
	}
	keys, err = e.b.List(ctx, e.Folder, true)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("list: %w", err)
	}
	if len(keys) > 0 {
		return fmt.Errorf("%d keys are left below %s", len(keys), e.Folder)
	}
	return nil
}
