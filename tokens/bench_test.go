package tokens

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

func TestCachedTokenCostsNoAllocation(t *testing.T) {
	c := newTestCache(t, CacheOptions{})
	ep := (&bank{lifetime: 3600}).endpoint()
	mustToken(t, c, testKey, ep)
	ctx := t.Context()
	var header string
	if allocs := testing.AllocsPerRun(1000, func() {
		token, err := c.Token(ctx, testKey, ep)
		if err != nil {
			t.Fatal(err)
		}
		header = token.AuthorizationHeader()
	}); allocs != 0 {
		t.Errorf("%v allocations for each look-up", allocs)
	}
	if header != "Bearer token-1" {
		t.Errorf("got %q", header)
	}
}

// BenchmarkNow is what reading the clock costs, which every look-up must.
func BenchmarkNow(b *testing.B) {
	for b.Loop() {
		_ = time.Now()
	}
}

func BenchmarkCached(b *testing.B) {
	c := newTestCache(b, CacheOptions{})
	ep := (&bank{lifetime: 3600}).endpoint()
	mustToken(b, c, testKey, ep)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Token(ctx, testKey, ep); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCachedParallel(b *testing.B) {
	c := newTestCache(b, CacheOptions{})
	ep := (&bank{lifetime: 3600}).endpoint()
	mustToken(b, c, testKey, ep)
	ctx := b.Context()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Token(ctx, testKey, ep); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkCached100000 keeps the tokens of 100,000 PSUs at 50 banks and looks
// some of them up in random order. With all of them in use it measures how long
// the machine takes to bring half a dozen cache lines from memory.
func BenchmarkCached100000(b *testing.B) {
	c := newTestCache(b, CacheOptions{})
	banks := make([]string, 50)
	for i := range banks {
		banks[i] = "bank" + strconv.Itoa(i)
	}
	keys := make([]Key, 100_000)
	for i := range keys {
		keys[i] = testKey
		keys[i].ASPSP = banks[i%len(banks)]
		keys[i].Grant = "psu-" + strconv.Itoa(i)
		c.tokens.put(keys[i], newToken("token-"+strconv.Itoa(i), time.Now(), time.Hour, time.Minute))
	}
	rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	for _, used := range []int{100, 1000, len(keys)} {
		b.Run("used="+strconv.Itoa(used), func(b *testing.B) {
			lookUp(b, c, keys[:used])
		})
	}
}

// BenchmarkHandle100000 is the same with a handle for each key.
func BenchmarkHandle100000(b *testing.B) {
	c := newTestCache(b, CacheOptions{})
	ep := (&bank{}).endpoint()
	handles := make([]*Handle, 100_000)
	for i := range handles {
		key := testKey
		key.Grant = "psu-" + strconv.Itoa(i)
		c.tokens.put(key, newToken("token-"+strconv.Itoa(i), time.Now(), time.Hour, time.Minute))
		handles[i] = c.Handle(key)
		if _, err := handles[i].Token(b.Context(), ep); err != nil {
			b.Fatal(err)
		}
	}
	rand.Shuffle(len(handles), func(i, j int) { handles[i], handles[j] = handles[j], handles[i] })
	for _, used := range []int{1, 1000, len(handles)} {
		b.Run("used="+strconv.Itoa(used), func(b *testing.B) {
			ctx := b.Context()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, err := handles[i].Token(ctx, ep); err != nil {
					b.Fatal(err)
				}
				if i++; i == used {
					i = 0
				}
			}
		})
	}
}

func lookUp(b *testing.B, c *Cache, keys []Key) {
	ctx, ep := b.Context(), (&bank{}).endpoint()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := c.Token(ctx, keys[i], ep); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(keys) {
			i = 0
		}
	}
}
