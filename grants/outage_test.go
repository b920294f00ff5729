package grants

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// An outage does not quarantine a stock of grants.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, true, false)
		s := w.process()
		defer s.Close()
		ids := make([]ID, 300)
		for i := range ids {
			ids[i] = ID{"bank", "psu-" + string(rune('A'+i/26)) + string(rune('a'+i%26))}
			w.imported(s.Store, ids[i], 0)
		}
		w.bank.failNext(slices.Repeat([]fault{silent}, 1000)...)
		for range 10 { // ten minutes of callers
			for _, id := range ids {
				go s.usableOrNot(id, w.client)
			}
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		lost := w.happened(EventQuarantined)
		if lost > maxAsking+12 {
			t.Errorf("%d grants of %d quarantined", lost, len(ids))
		}
		w.bank.recover()
		time.Sleep(holdMax + time.Second)
		w.usableOne(s.Store, ids) // the probe
		good := 0
		for _, id := range ids {
			if _, err := s.Token(t.Context(), id, w.client); err == nil {
				good++
			}
		}
		if good != len(ids)-lost {
			t.Errorf("%d are usable, %d of %d were quarantined", good, lost, len(ids))
		}
	})
}

func (w *world) usableOne(s *Store, ids []ID) {
	for _, id := range ids {
		if _, err := s.Token(w.t.Context(), id, w.client); err == nil {
			return
		}
	}
	w.t.Error("the bank is not asked any more")
}

// failFor lets the bank answer one grant with an error, and others as always.
func (w *world) failFor(refresh string, answer func() *http.Response) {
	do := w.client.Endpoint.Do
	w.client.Endpoint.Do = func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte(refresh)) {
			failed := answer()
			failed.Body, failed.Request = http.NoBody, r
			return failed, nil
		}
		return do(r)
	}
}

// The bank fails for one or two of its PSUs, for which the app goes on asking.
// That costs the others nothing, or a moment.
func TestOutageOfSome(t *testing.T) {
	for _, c := range []struct {
		bad, lost int
	}{{1, 0}, {2, 25}} {
		t.Run(fmt.Sprint(c.bad), func(t *testing.T) {
			inWorld(t, false, true, func(t *testing.T, w *world, s *process) {
				w.bank.lifetime = "300"
				stop := time.Now().Add(20 * time.Minute)
				var wg sync.WaitGroup
				for i := range c.bad {
					id := ID{psu1.ASPSP, fmt.Sprint("bad-", i)}
					w.failFor(w.imported(s.Store, id, 0).refresh, func() *http.Response {
						return &http.Response{StatusCode: http.StatusInternalServerError, Header: http.Header{}}
					})
					wg.Go(func() {
						for n := 0; time.Now().Before(stop); n++ {
							s.usableOrNot(id, w.client)
							time.Sleep(time.Second + time.Duration(n%7)*30*time.Millisecond)
						}
					})
				}
				var failed, calls atomic.Int64
				for i := range 20 {
					id := ID{psu1.ASPSP, fmt.Sprint("good-", i)}
					w.imported(s.Store, id, 0)
					wg.Go(func() {
						for n := 0; time.Now().Before(stop); n++ {
							calls.Add(1)
							if _, err := s.Token(t.Context(), id, w.client); err != nil {
								failed.Add(1)
							}
							time.Sleep(time.Duration((i*7+n*11)%20)*time.Second + time.Millisecond)
						}
					})
				}
				wg.Wait()
				if int(failed.Load()) > int(calls.Load())*c.lost/1000 {
					t.Errorf("%d calls of %d have failed", failed.Load(), calls.Load())
				}
			})
		})
	}
}

// The bank has been asked too often about one of its PSUs, and says so: that one
// has to wait, and no other.
func TestTooManyRequestsOfOne(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		other := ID{psu1.ASPSP, "other"}
		w.imported(s.Store, other, 0)
		asked := 0
		w.failFor(w.imported(s.Store, psu1, 0).refresh, func() *http.Response {
			asked++
			return &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"3600"}}}
		})
		s.usableOrNot(psu1, w.client)
		w.usable(s.Store, other)
		for range int(holdAsked / time.Second) {
			time.Sleep(time.Second - time.Millisecond)
			s.usableOrNot(psu1, w.client)
		}
		w.usable(s.Store, other)
		if asked != 1 {
			t.Errorf("asked %d times within %v", asked, holdAsked)
		}
	})
}
