package authorize

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// However the clock stands, no flow under way is swept, and what was left lying
// is gone within the day.
func TestSweep(t *testing.T) {
	for _, lifetime := range []time.Duration{time.Minute, defaultLifetime, 90 * time.Minute, maxLifetime} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			v, handle := w.vault()
			f := New(Options{Vault: v, Lifetime: lifetime})
			for range 48 {
				query := w.bank.consent(w.begin(f))
				time.Sleep(lifetime - time.Second)
				alone, looked := w.states() == 1, handle.Count(storagetest.Load)
				sweepAll(t, f)
				if alone && handle.Count(storagetest.Load) != looked {
					t.Fatal("records were read in the slot of a flow under way")
				}
				name, _ := recordName(query.Get("state"))
				if _, err := v.Get(t.Context(), name); err != nil {
					t.Fatalf("a flow under way was swept: %v", err)
				}
				time.Sleep(37*time.Minute + time.Second)
			}
			for range 24 {
				time.Sleep(time.Hour)
				sweepAll(t, f)
			}
			if n := w.states(); n != 0 {
				t.Errorf("%v: %d are left", lifetime, n)
			}
		})
	}
}

func sweepAll(t *testing.T, f *Flow) {
	t.Helper()
	for range 2 * slots {
		if _, err := f.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// One call's work is bounded, and the next goes on where it ended.
func TestSweepIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		f, handle := w.instance()
		const abandoned = 2*sweepBatch + 50
		for range abandoned {
			w.begin(f)
		}
		if err := f.vault.Put(t.Context(), folderOf(slotOf(time.Now()))+"/torn", []byte("no JSON")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Hour)
		total := 0
		for range 24 {
			before := handle.Count(storagetest.Load) + handle.Count(storagetest.Delete)
			deleted, err := f.Sweep(t.Context())
			if err != nil || deleted > sweepBatch {
				t.Fatalf("%d deleted, %v", deleted, err)
			}
			if work := handle.Count(storagetest.Load) + handle.Count(storagetest.Delete) - before; work > 2*sweepBatch {
				t.Fatalf("%d operations in one call", work)
			}
			total += deleted
		}
		if total != abandoned+1 || w.states() != 0 {
			t.Errorf("%d deleted, %d left", total, w.states())
		}
	})
}

// A clock that was set forward does not cost a flow that has not expired by its
// own clock; a storage that fails is told.
func TestSweepKeepsAndFails(t *testing.T) {
	w := newWorld(t, nil)
	v, handle := w.vault()
	now := time.Now()
	f := New(Options{Vault: v, Now: func() time.Time { return now }, Lifetime: maxLifetime})
	query := w.bank.consent(w.begin(f))
	name, _ := recordName(query.Get("state"))
	short := New(Options{Vault: v, Now: func() time.Time { return now.Add(5 * time.Hour) }})
	sweepAll(t, short)
	if _, err := v.Get(t.Context(), name); err != nil {
		t.Errorf("another instance's longer flow was swept: %v", err)
	}
	for _, op := range []storagetest.Op{storagetest.List, storagetest.Load} {
		handle.Fail(op, -1, nil)
		var failed error
		for range slots {
			if _, err := short.Sweep(t.Context()); err != nil {
				failed = err
			}
		}
		handle.Fail(op, 0, nil)
		if !errors.Is(failed, vault.ErrUnavailable) {
			t.Errorf("%s: %v", op, failed)
		}
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		f := w.flow()
		w.begin(f)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { f.Run(ctx); close(done) }()
		time.Sleep(4 * time.Hour)
		synctest.Wait()
		if n := w.states(); n != 0 {
			t.Errorf("%d are left", n)
		}
		stop()
		<-done
	})
}
