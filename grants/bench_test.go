package grants

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// hotWorld is a store with n grants in memory, of tokens that last.
func hotWorld(b *testing.B, n int) (*world, *process, []ID) {
	b.Helper()
	w := newWorld(b, true, false)
	s := w.process(func(o *Options) { o.Recheck = 24 * time.Hour })
	b.Cleanup(s.Close)
	ids := make([]ID, n)
	for i := range ids {
		ids[i] = ID{"bank", fmt.Sprintf("customer-%06d-of-the-app", i)}
	}
	return w, s, ids
}

// heat puts a grant into memory without the storage.
func heat(w *world, s *process, id ID) {
	now := time.Now()
	r := newRecord(id, now)
	r.ConsentUntil = now.Add(100 * day)
	token := tokens.NewToken("eyJhbGciOi."+id.Name+strings.Repeat("x", 400), now, time.Hour, w.client.spec())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.publish(&errand{id: id, client: w.client}, result{token: token, record: r, known: true}, nil)
}

// BenchmarkToken is the hot path: one grant of one, one of 100,000, any of 100,000.
func BenchmarkToken(b *testing.B) {
	for _, c := range []struct {
		name         string
		known, asked int
	}{{"one", 1, 1}, {"one-of-100k", 100_000, 1}, {"any-of-100k", 100_000, 100_000}} {
		b.Run(c.name, func(b *testing.B) {
			w, s, ids := hotWorld(b, c.known)
			for _, id := range ids {
				heat(w, s, id)
			}
			asked := requests(ids[:c.asked])
			ctx := context.Background()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, err := s.Token(ctx, asked[i], w.client); err != nil {
					b.Fatal(err)
				}
				if i++; i == len(asked) {
					i = 0
				}
			}
		})
	}
}

// requests are the names as they come with requests: in any order, and each a
// string of its own, just read.
func requests(ids []ID) []ID {
	asked := make([]ID, 0, len(ids))
	for _, i := range rand.Perm(len(ids)) {
		asked = append(asked, ID{ids[i].ASPSP, strings.Clone(ids[i].Name)})
	}
	return asked
}

// BenchmarkTokenParallel is any of 100,000, on all CPUs.
func BenchmarkTokenParallel(b *testing.B) {
	w, s, ids := hotWorld(b, 100_000)
	for _, id := range ids {
		heat(w, s, id)
	}
	asked := requests(ids)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		ctx := context.Background()
		for i := rand.IntN(len(asked)); p.Next(); i++ {
			if _, err := s.Token(ctx, asked[i%len(asked)], w.client); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkNow is the part of it that reading the clock makes up.
func BenchmarkNow(b *testing.B) {
	for b.Loop() {
		_ = time.Now()
	}
}

// BenchmarkHotMemory reports the memory of a grant in memory, with an access
// token of 430 bytes.
func BenchmarkHotMemory(b *testing.B) {
	const n = 100_000
	for b.Loop() {
		w, s, ids := hotWorld(b, n)
		before := heapBytes()
		for _, id := range ids {
			heat(w, s, id)
		}
		b.ReportMetric(float64(heapBytes()-before)/n, "B/grant")
		runtime.KeepAlive(s)
	}
}

func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkColdLoad reads a grant from its record: storage in memory, so this
// is decryption and the record.
func BenchmarkColdLoad(b *testing.B) {
	w, s, ids := hotWorld(b, 1)
	w.imported(s.Store, ids[0], time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		s.cut(ids[0])
		if _, err := s.Token(context.Background(), ids[0], w.client); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRefresh is a refresh with all its records, and BenchmarkAsk the
// bare call: both against a bank that answers at once.
func BenchmarkRefresh(b *testing.B) {
	w, s, ids := hotWorld(b, 64)
	w.client.Endpoint.Do = instantBank
	for _, id := range ids {
		w.imported(s.Store, id, 0)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		if err := s.Refresh(context.Background(), ids[i%len(ids)], w.client); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "refreshes/s")
}

// BenchmarkRefreshParallel is the same for many grants at a time.
func BenchmarkRefreshParallel(b *testing.B) {
	w, s, ids := hotWorld(b, 1024)
	w.client.Endpoint.Do = instantBank
	for _, id := range ids {
		w.imported(s.Store, id, 0)
	}
	b.SetParallelism(8)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := s.Refresh(context.Background(), ids[rand.IntN(len(ids))], w.client); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "refreshes/s")
}

func BenchmarkAsk(b *testing.B) {
	w := newWorld(b, false, true)
	w.client.Endpoint.Do = instantBank
	for b.Loop() {
		answer, err := w.client.Endpoint.Ask(context.Background(), tokens.Request{
			GrantType: tokens.GrantRefreshToken, RefreshToken: "r", ClientID: w.client.ClientID,
		})
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := answer.Judge(w.client.spec()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

func instantBank(r *http.Request) (*http.Response, error) {
	body := `{"access_token":"` + strings.Repeat("a", 400) + `","token_type":"Bearer","expires_in":3600,"refresh_token":"` + strings.Repeat("r", 100) + `"}`
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}
