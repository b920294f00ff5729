package authorize

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

const (
	// sweepBatch bounds how many records one Sweep looks at.
	sweepBatch = 200
	// sweepEvery is how often Run sweeps: all slots are visited within the hour.
	sweepEvery = 2 * time.Minute
	// skew is how far the clocks of instances may be apart.
	skew = time.Hour
)

// sweeper remembers which slot is next.
type sweeper struct {
	mu   sync.Mutex
	next int
}

// Run sweeps every two minutes until ctx ends. A failure of the storage is left
// to the next time.
func (f *Flow) Run(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_, _ = f.Sweep(ctx)
		}
	}
}

// Sweep deletes records of PSUs who never came back: of one slot of the day, at
// most 200 of them, so that its work is bounded however many there are. The next
// call goes on. Slots that a flow under way could lie in are left alone. Any
// number of instances may sweep at once. Errors are the vault's.
func (f *Flow) Sweep(ctx context.Context) (deleted int, err error) {
	f.sweeping.mu.Lock()
	defer f.sweeping.mu.Unlock()
	for range slots {
		slot := f.sweeping.next
		if f.inUse(slot) {
			f.sweeping.next = (slot + 1) % slots
			continue
		}
		names, err := f.vault.List(ctx, folderOf(slot))
		if err != nil {
			return 0, err
		}
		rest := len(names) > sweepBatch
		if rest {
			names = names[:sweepBatch]
		}
		for _, name := range names {
			gone, err := f.discard(ctx, name)
			if err != nil {
				return deleted, err
			}
			deleted += gone
		}
		// A slot that has nothing to delete in it must not hold up the others.
		if !rest || deleted == 0 {
			f.sweeping.next = (slot + 1) % slots
		}
		return deleted, nil
	}
	return 0, nil
}

// inUse reports whether a flow that began in the slot could still be under way.
func (f *Flow) inUse(slot int) bool {
	now := f.now()
	for began := now.Add(-f.lifetime - skew); !began.After(now.Add(skew)); began = began.Add(30 * time.Minute) {
		if slotOf(began) == slot {
			return true
		}
	}
	return slotOf(now.Add(skew)) == slot
}

// discard deletes a record that has expired or cannot be read for good. The
// slot alone says that it has; but a clock may have jumped.
func (f *Flow) discard(ctx context.Context, name string) (deleted int, err error) {
	text, err := f.vault.Get(ctx, name)
	switch {
	case errors.Is(err, vault.ErrNotFound):
		return 0, nil // another instance sweeps too
	case errors.Is(err, vault.ErrUnavailable):
		return 0, err
	case err == nil:
		kept := new(record)
		if json.Unmarshal(text, kept) == nil && f.now().Before(kept.Expires) {
			return 0, nil
		}
	}
	if err := f.vault.Delete(ctx, name); err != nil {
		return 0, err
	}
	return 1, nil
}
