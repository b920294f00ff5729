package tokens

import (
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

func TestHandleFollowsTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bank{lifetime: 3600}
		c := newTestCache(t, CacheOptions{})
		h := c.Handle(testKey)
		if h.Key() != testKey {
			t.Errorf("key %+v", h.Key())
		}
		token := func() *Token {
			t.Helper()
			got, err := h.Token(t.Context(), b.endpoint())
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		first := token()
		if token() != first || mustToken(t, c, testKey, b.endpoint()) != first {
			t.Error("handle and cache have different tokens")
		}
		c.Drop(testKey, first)
		second := token()
		if second == first {
			t.Fatal("a dropped token was handed out")
		}
		if h.Drop(first); token() != second {
			t.Error("a late Drop of the old token dropped the new one")
		}
		if h.Drop(second); token() == second {
			t.Error("Drop of the handle did nothing")
		}
		third := token()
		c.DropAll(testKey.ASPSP)
		if token() == third {
			t.Error("DropAll does not reach the handle")
		}
		// A renewal reaches it, and so does the end.
		fourth := token()
		time.Sleep(55 * time.Minute)
		if token() != fourth {
			t.Error("waited for the renewal")
		}
		synctest.Wait()
		fifth := token()
		if fifth == fourth {
			t.Error("the renewed token does not reach the handle")
		}
		time.Sleep(2 * time.Hour)
		if token() == fifth {
			t.Error("an ended token was handed out")
		}
		c.Close()
		if _, err := h.Token(t.Context(), b.endpoint()); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// An evicted token is not kept alive by a handle's use.
func TestHandleOfAnEvictedToken(t *testing.T) {
	b := &bank{lifetime: 3600}
	c := newTestCache(t, CacheOptions{Size: 1})
	h := c.Handle(testKey)
	for range 2 {
		if _, err := h.Token(t.Context(), b.endpoint()); err != nil {
			t.Fatal(err)
		}
		other := testKey
		other.Scope = "other"
		mustToken(t, c, other, b.endpoint())
	}
	if b.count() != 4 {
		t.Errorf("%d fetches", b.count())
	}
}

func TestHandleUnderConcurrentDrops(t *testing.T) {
	b := &bank{lifetime: 3600}
	c := newTestCache(t, CacheOptions{})
	h := c.Handle(testKey)
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() {
			last := 0
			for range 200 {
				token, err := h.Token(t.Context(), b.endpoint())
				if err != nil {
					t.Error(err)
					return
				}
				n, err := strconv.Atoi(token.Value()[len("token-"):])
				if err != nil || n <= last {
					t.Errorf("token %d after %d was dropped", n, last)
				}
				last = n
				h.Drop(token)
			}
		})
	}
	users.Wait()
}

func TestHandleCostsNoAllocation(t *testing.T) {
	c := newTestCache(t, CacheOptions{})
	ep := (&bank{lifetime: 3600}).endpoint()
	h, ctx := c.Handle(testKey), t.Context()
	if allocs := testing.AllocsPerRun(1000, func() {
		if _, err := h.Token(ctx, ep); err != nil {
			t.Fatal(err)
		}
	}); allocs > 0 {
		t.Errorf("%v allocations for each look-up", allocs)
	}
}

func TestEntryFillsACacheLine(t *testing.T) {
	if size := unsafe.Sizeof(entry{}); size > 64 && strconv.IntSize == 64 {
		t.Errorf("an entry has %d bytes", size)
	}
}
