package storagecheck_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// Each of these is a Memory with one thing broken.
type (
	noLocking struct{ *storagetest.Memory }
	ownLocks  struct {
		*storagetest.Memory
		own *storagetest.Memory
	}
	noUnlock     struct{ *storagetest.Memory }
	deaf         struct{ *storagetest.Memory }
	oneLock      struct{ *storagetest.Memory }
	notRenewed   struct{ *storagetest.Memory }
	tearing      struct{ *storagetest.Memory }
	cutting      struct{ *storagetest.Memory }
	overlaying   struct{ *storagetest.Memory }
	noList       struct{ *storagetest.Memory }
	relativeList struct{ *storagetest.Memory }
	flatList     struct{ *storagetest.Memory }
	otherMissing struct{ *storagetest.Memory }
	silent       struct{ *storagetest.Memory }
	greedy       struct{ *storagetest.Memory }
	noDelete     struct{ *storagetest.Memory }
)

func (noLocking) Lock(context.Context, string) error   { return nil }
func (noLocking) Unlock(context.Context, string) error { return nil }

func (s ownLocks) Lock(ctx context.Context, name string) error   { return s.own.Lock(ctx, name) }
func (s ownLocks) Unlock(ctx context.Context, name string) error { return s.own.Unlock(ctx, name) }

func (noUnlock) Unlock(context.Context, string) error { return nil }

func (s deaf) Lock(ctx context.Context, name string) error {
	return s.Memory.Lock(context.WithoutCancel(ctx), name)
}

func (s oneLock) Lock(ctx context.Context, _ string) error   { return s.Memory.Lock(ctx, "the lock") }
func (s oneLock) Unlock(ctx context.Context, _ string) error { return s.Memory.Unlock(ctx, "the lock") }

// notRenewed loses locks after 5 s, and does not know it.
func (s notRenewed) Lock(ctx context.Context, name string) error {
	if err := s.Memory.Lock(ctx, name); err != nil {
		return err
	}
	time.AfterFunc(5*time.Second, func() { _ = s.Memory.Unlock(context.Background(), name) })
	return nil
}

func (s notRenewed) Unlock(ctx context.Context, name string) error {
	if err := s.Memory.Unlock(ctx, name); !errors.Is(err, storagetest.ErrNotHeld) {
		return err
	}
	return nil
}

func (s tearing) Store(ctx context.Context, key string, value []byte) error {
	if err := s.Memory.Store(ctx, key, value[:len(value)/2]); err != nil {
		return err
	}
	time.Sleep(2 * time.Millisecond)
	return s.Memory.Store(ctx, key, value)
}

func (s cutting) Store(ctx context.Context, key string, value []byte) error {
	return s.Memory.Store(ctx, key, value[:min(len(value), 64<<10)])
}

func (s overlaying) Store(ctx context.Context, key string, value []byte) error {
	if old, err := s.Load(ctx, key); err == nil && len(old) > len(value) {
		value = append(append([]byte(nil), value...), old[len(value):]...)
	}
	return s.Memory.Store(ctx, key, value)
}

// caching remembers what it has read or written.
type caching struct {
	*storagetest.Memory
	cache sync.Map
}

func (s *caching) Store(ctx context.Context, key string, value []byte) error {
	s.cache.Store(key, value)
	return s.Memory.Store(ctx, key, value)
}

func (s *caching) Load(ctx context.Context, key string) ([]byte, error) {
	if value, ok := s.cache.Load(key); ok {
		return value.([]byte), nil
	}
	value, err := s.Memory.Load(ctx, key)
	if err == nil {
		s.cache.Store(key, value)
	}
	return value, err
}

func (s *caching) Delete(ctx context.Context, key string) error {
	s.cache.Delete(key)
	return s.Memory.Delete(ctx, key)
}

func (noList) List(context.Context, string, bool) ([]string, error) { return nil, nil }

func (s relativeList) List(ctx context.Context, path string, recursive bool) ([]string, error) {
	keys, err := s.Memory.List(ctx, path, recursive)
	for i, key := range keys {
		keys[i] = strings.TrimPrefix(key, path+"/")
	}
	return keys, err
}

func (s flatList) List(ctx context.Context, path string, _ bool) ([]string, error) {
	return s.Memory.List(ctx, path, false)
}

func (s otherMissing) Load(ctx context.Context, key string) ([]byte, error) {
	value, err := s.Memory.Load(ctx, key)
	if err != nil {
		err = errors.New("no such key")
	}
	return value, err
}

// silent finds the vault's keys whatever happens, and else nothing when it fails.
func (s silent) Load(ctx context.Context, key string) ([]byte, error) {
	if strings.Contains(key, "/keys/") {
		return s.Memory.Load(context.WithoutCancel(ctx), key)
	}
	value, err := s.Memory.Load(ctx, key)
	if err != nil {
		err = fs.ErrNotExist
	}
	return value, err
}

func (s greedy) Delete(ctx context.Context, key string) error {
	for _, have := range s.Keys() {
		if strings.HasPrefix(have, strings.TrimSuffix(key, ".jwe")) {
			if err := s.Memory.Delete(ctx, have); err != nil {
				return err
			}
		}
	}
	return nil
}

func (noDelete) Delete(context.Context, string) error { return nil }
