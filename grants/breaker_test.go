package grants

import (
	"context"
	"errors"
	"testing"
	"time"
)

var errDown = errors.New("down")

func TestBreaker(t *testing.T) {
	now := settleNow
	clock := func() time.Time { return now }
	b := newBreaker()
	enter := func() *pass {
		t.Helper()
		p, err := b.enter(t.Context(), clock)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	var together []*pass
	for range 5 {
		together = append(together, enter())
	}
	for _, p := range together {
		p.leave(now, errDown, 0) // one failure, not five
	}
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		want *= time.Second
		_, err := b.enter(t.Context(), clock)
		held, ok := errors.AsType[*HeldError](err)
		if !ok || !errors.Is(err, errDown) || held.Until.Sub(now) != want {
			t.Fatalf("held %v, want %v", err, want)
		}
		now = now.Add(want - 1)
		if b.hold(now) == nil {
			t.Fatalf("not held for %v", want)
		}
		now = now.Add(1)
		probe := enter()
		if b.hold(now) == nil {
			t.Fatal("two probes")
		}
		probe.leave(now, errDown, 0)
	}
	now = now.Add(holdMax)
	enter().abandon() // not asked after all
	enter().leave(now, nil, 0)
	enter().leave(now, errDown, 90*time.Second)
	if held, ok := errors.AsType[*HeldError](b.hold(now)); !ok || held.Until.Sub(now) != 90*time.Second {
		t.Error("Retry-After is not kept")
	}
}

func TestBreakerIsBounded(t *testing.T) {
	b := newBreaker()
	for range maxAsking {
		if _, err := b.enter(t.Context(), time.Now); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.enter(ctx, time.Now); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
}
