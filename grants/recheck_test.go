package grants

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// Within Recheck a revocation reaches every process.
func TestRevocationReachesAll(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 5*time.Minute)
		other := w.process()
		defer other.Close()
		w.usable(s.Store, psu1)
		w.usable(other.Store, psu1)
		if atBank, err := s.Revoke(t.Context(), psu1, w.client); err != nil || !atBank {
			t.Fatal(atBank, err)
		}
		w.refused(s.Store, psu1, ErrRevoked)
		time.Sleep(defaultRecheck)
		w.refused(other.Store, psu1, ErrRevoked)
	})
}

// Without the storage a good token goes on being served, and none is refreshed.
func TestStorageDown(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.usable(s.Store, psu1)
		for _, op := range []storagetest.Op{storagetest.Load, storagetest.Store, storagetest.Lock} {
			s.handle.Fail(op, -1, nil)
		}
		for range 3 {
			time.Sleep(defaultRecheck + time.Second)
			w.usable(s.Store, psu1)
		}
		if w.happened(EventStorageUnavailable) != 3 {
			t.Errorf("events: %v", w.kinds())
		}
		time.Sleep(10 * time.Minute)
		w.refused(s.Store, psu1, vault.ErrUnavailable)
		w.refused(s.Store, ID{"bank", "other"}, vault.ErrUnavailable)
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
		for _, op := range []storagetest.Op{storagetest.Load, storagetest.Store, storagetest.Lock} {
			s.handle.Fail(op, 0, nil)
		}
		time.Sleep(2 * time.Second)
		w.usable(s.Store, psu1)
	})
}

// A storage that hangs costs a caller who has a good token two seconds, once.
func TestStorageHangs(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 5*time.Minute)
		w.usable(s.Store, psu1)
		time.Sleep(defaultRecheck)
		s.handle.Slow(time.Hour)
		started := time.Now()
		w.usable(s.Store, psu1)
		w.usable(s.Store, psu1)
		if waited := time.Since(started); waited != recheckTimeout {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestDamagedRecord(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.tear(psu1)
		w.refused(s.Store, psu1, vault.ErrDamaged)
		if w.happened(EventDamaged) == 0 {
			t.Error("nobody was told")
		}
		states, _, err := s.List(t.Context(), "bank", "", 0)
		if err != nil || len(states) != 1 || states[0].Status != StatusDamaged || states[0].Fingerprint != psu1.Fingerprint() {
			t.Errorf("listed as %+v, %v", states, err)
		}
		// The PSU authorizes anew.
		if _, err := s.Exchange(t.Context(), psu1, w.client, Code{Code: w.bank.authorize(psu1.Name)}); err != nil {
			t.Fatal(err)
		}
		w.usable(s.Store, psu1)
	})
}

// tear cuts the record short.
func (w *world) tear(id ID) {
	w.t.Helper()
	handle := w.storage.Handle()
	key := "tpp/" + recordName(id) + ".jwe"
	value, err := handle.Load(context.Background(), key)
	if err == nil {
		err = handle.Store(context.Background(), key, value[:len(value)/2])
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestHotIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, true, false)
		s := w.process(func(o *Options) { o.Hot = 2 })
		defer s.Close()
		for _, name := range []string{"a", "b", "c", "a"} {
			id := ID{"bank", name}
			if _, err := s.Get(t.Context(), id); err != nil {
				w.imported(s.Store, id, 5*time.Minute)
			}
			w.usable(s.Store, id)
		}
		if n := s.hot.entries.Len(); n != 2 {
			t.Errorf("%d entries", n)
		}
		if n := w.bank.refreshes(); n != 0 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// What was read before a revocation is not served after it.
func TestRevokedWhileReading(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 5*time.Minute)
		other := w.process()
		defer other.Close()
		key := "tpp/" + recordName(psu1) + ".jwe"
		old, err := s.handle.Load(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		// The reader gets the record as it was, and late.
		slow := &lateReader{Memory: other.handle, key: key, value: old}
		v, err := vault.New(vault.Options{Storage: slow, Keys: []vault.Key{testKey}})
		if err != nil {
			t.Fatal(err)
		}
		reader := New(Options{Vault: v})
		defer reader.Close()
		go func() { _, _ = reader.Token(t.Context(), psu1, w.client) }()
		time.Sleep(time.Second)
		if _, err := reader.Revoke(t.Context(), psu1, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		w.refused(reader, psu1, ErrRevoked)
	})
}

// lateReader answers the first Load with what there was two seconds before.
type lateReader struct {
	*storagetest.Memory
	once  sync.Once
	key   string
	value []byte
}

func (l *lateReader) Load(ctx context.Context, key string) ([]byte, error) {
	first := false
	if key == l.key {
		l.once.Do(func() { first = true })
	}
	if first {
		time.Sleep(2 * time.Second)
		return l.value, nil
	}
	return l.Memory.Load(ctx, key)
}

// A storage tells the others late that the lock is free. They see the new token
// all the same.
func TestLateLock(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		other := w.process()
		defer other.Close()
		w.bank.slow(time.Second)
		go s.usableOrNot(psu1, w.client)
		time.Sleep(100 * time.Millisecond)
		var seen time.Duration
		started := time.Now()
		other.handle.Hook(func(ctx context.Context, op storagetest.Op, _ string) error {
			if op == storagetest.Lock {
				select {
				case <-time.After(5 * time.Second):
				case <-ctx.Done():
					seen = time.Since(started)
					return ctx.Err()
				}
			}
			return nil
		})
		w.usable(other.Store, psu1)
		if seen == 0 || seen > time.Second+2*watchEvery {
			t.Errorf("seen after %v", seen)
		}
	})
}
