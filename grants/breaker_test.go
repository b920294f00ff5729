package grants

import (
	"context"
	"errors"
	"fmt"
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
		p, err := b.enter(t.Context(), psu1, clock)
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
		p.leave(now, &failure{cause: errDown}) // one failure, not five
	}
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		want *= time.Second
		_, err := b.enter(t.Context(), psu1, clock)
		held, ok := errors.AsType[*HeldError](err)
		if !ok || !errors.Is(err, errDown) || held.Until.Sub(now) != want {
			t.Fatalf("held %v, want %v", err, want)
		}
		now = now.Add(want - 1)
		if b.hold(psu1, now) == nil {
			t.Fatalf("not held for %v", want)
		}
		now = now.Add(1)
		probe := enter()
		if b.hold(psu1, now) == nil {
			t.Fatal("two probes")
		}
		probe.leave(now, &failure{cause: errDown})
	}
	now = now.Add(holdMax)
	enter().abandon() // not asked after all
	enter().leave(now, nil)
	enter().leave(now, &failure{cause: errDown, asked: 90 * time.Second})
	if held, ok := errors.AsType[*HeldError](b.hold(psu1, now)); !ok || held.Until.Sub(now) != 90*time.Second {
		t.Error("Retry-After is not kept")
	}
}

// What fails for one grant only keeps none of the others back; what fails for two
// is the endpoint's matter.
func TestBreakerOfOneGrant(t *testing.T) {
	now := settleNow
	clock := func() time.Time { return now }
	b := newBreaker()
	other := ID{ASPSP: psu1.ASPSP, Name: "other"}
	ask := func(id ID, f *failure) {
		t.Helper()
		p, err := b.enter(t.Context(), id, clock)
		if err != nil {
			t.Fatal(err)
		}
		p.leave(now, f)
	}
	own := &failure{cause: errDown, own: true}
	ask(psu1, own)
	if b.hold(psu1, now) == nil || b.hold(other, now) != nil {
		t.Error("not the culprit alone is held")
	}
	ask(other, nil)
	if b.hold(psu1, now) == nil {
		t.Error("another's success has freed the culprit")
	}
	now = now.Add(holdMin)
	ask(psu1, own)
	if b.hold(psu1, now.Add(holdMin)) == nil || b.hold(other, now) != nil {
		t.Error("the second hold of the culprit is not longer, or not its alone")
	}
	ask(other, own)
	if b.hold(psu1, now) == nil || b.hold(other, now) == nil {
		t.Error("with two culprits not all are held")
	}
	now = now.Add(holdMax)
	ask(psu1, nil)
	if b.hold(psu1, now) != nil || b.hold(other, now) != nil {
		t.Error("held after a success")
	}
	ask(psu1, &failure{cause: errDown})
	if b.hold(other, now) == nil {
		t.Error("what is the endpoint's matter holds one grant only")
	}
}

func TestBreakerIsBounded(t *testing.T) {
	b := newBreaker()
	for range maxAsking {
		if _, err := b.enter(t.Context(), psu1, time.Now); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.enter(ctx, psu1, time.Now); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
}

// Whose probe has failed at no cost leaves the next one to others, at once.
func TestBreakerProbeOfAnother(t *testing.T) {
	now := settleNow
	clock := func() time.Time { return now }
	b := newBreaker()
	own := &failure{cause: errDown, own: true}
	ask := func(name string, f *failure) {
		t.Helper()
		p, err := b.enter(t.Context(), ID{psu1.ASPSP, name}, clock)
		if err != nil {
			t.Fatal(err)
		}
		p.leave(now, f)
	}
	held := func(name string) time.Duration {
		held, ok := errors.AsType[*HeldError](b.hold(ID{psu1.ASPSP, name}, now))
		if !ok {
			return 0
		}
		return held.Until.Sub(now)
	}
	ask("bad", own)
	ask("worse", own)
	now = now.Add(holdMin)
	ask("bad", own)
	ask("worse", own)
	if held("bad") != 2*holdMin || held("worse") != 2*holdMin || held("good") != 0 {
		t.Errorf("held %v, %v, %v", held("bad"), held("worse"), held("good"))
	}
	ask("good", nil)
	if held("bad") != 2*holdMin || held("good") != 0 {
		t.Errorf("after a success %v, %v", held("bad"), held("good"))
	}
	for i := range maxSuspects { // an outage
		now = now.Add(holdMax)
		ask(fmt.Sprint("psu-", i), own)
	}
	if held("good") == 0 {
		t.Error("what fails for many is not the endpoint's matter")
	}
}
