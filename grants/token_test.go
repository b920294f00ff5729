package grants

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// inWorld runs a test in a bubble of its own time, with one store.
func inWorld(t *testing.T, rotates, survives bool, test func(t *testing.T, w *world, s *process)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rotates, survives)
		s := w.process()
		defer s.Close()
		test(t, w, s)
	})
}

func TestTokenRefreshesOnce(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.bank.slow(time.Second)
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() { w.usable(s.Store, psu1) })
		}
		wg.Wait()
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// Several processes on one storage, many callers each.
func TestTokenRefreshesOnceAmongProcesses(t *testing.T) {
	for _, rotates := range []bool{true, false} {
		inWorld(t, rotates, !rotates, func(t *testing.T, w *world, s *process) {
			w.imported(s.Store, psu1, 0)
			w.bank.slow(3 * time.Second) // longer than a lock seems to take
			var wg sync.WaitGroup
			started := time.Now()
			for range 5 {
				other := w.process()
				defer other.Close()
				for range 200 {
					wg.Go(func() { w.usable(other.Store, psu1) })
				}
			}
			wg.Wait()
			if n := w.bank.refreshes(); n != 1 {
				t.Errorf("%d refreshes", n)
			}
			if waited := time.Since(started); waited > w.bank.delay+2*watchEvery {
				t.Errorf("the others have waited %v", waited)
			}
		})
	}
}

func TestCallerGivesUp(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.bank.slow(2 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Token(ctx, psu1, w.client); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		w.usable(s.Store, psu1)
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

func TestTokenErrors(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.refused(s.Store, ID{"bank", "nobody"}, ErrUnknown)
		w.refused(s.Store, ID{"bank", "a b"}, ErrName)
		w.refused(s.Store, ID{"bank", ""}, ErrName)
		w.imported(s.Store, psu1, 5*time.Minute)
		elsewhere := w.with(func(c *Client) { c.Endpoint.URL = "https://sandbox.example/token" })
		if _, err := s.Token(t.Context(), psu1, elsewhere); !errors.Is(err, ErrElsewhere) {
			t.Errorf("another endpoint: %v", err)
		}
		other := w.with(func(c *Client) { c.ClientID = "other" })
		if _, err := s.Token(t.Context(), psu1, other); !errors.Is(err, ErrElsewhere) {
			t.Errorf("another client_id: %v", err)
		}
		w.usable(s.Store, psu1)
		if n := w.bank.refreshes(); n != 0 {
			t.Errorf("%d refreshes", n)
		}
		time.Sleep(200 * day)
		w.refused(s.Store, psu1, ErrConsentExpired)
		s.Close()
		w.refused(s.Store, psu1, ErrClosed)
	})
}

func TestUnknownNamesTakeNoMemory(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.refused(s.Store, ID{"bank", "nobody"}, ErrUnknown)
		if n := s.hot.entries.Len(); n != 0 {
			t.Errorf("%d entries", n)
		}
	})
}

func TestNoTokenAfterConsent(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		p := w.bank.grant(psu1.Name)
		until := time.Now().Add(defaultRecheck - time.Second) // before the record is read again
		err := s.Import(t.Context(), psu1, w.client, Import{
			RefreshToken: p.refresh, AccessToken: p.access, AccessExpiry: time.Now().Add(time.Hour), ConsentUntil: until,
		})
		if err != nil {
			t.Fatal(err)
		}
		w.usable(s.Store, psu1)
		time.Sleep(time.Until(until))
		w.refused(s.Store, psu1, ErrConsentExpired)
	})
}

func TestRotatedCertificate(t *testing.T) {
	for _, unbound := range []bool{false, true} {
		inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
			w.imported(s.Store, psu1, 5*time.Minute)
			first := w.usable(s.Store, psu1)
			next := w.with(func(c *Client) { c.Thumbprint, c.Endpoint.Spec.Unbound = "qwac-2", unbound })
			second, err := s.Token(t.Context(), psu1, next)
			if err != nil {
				t.Fatal(err)
			}
			if kept := first.Value() == second.Value(); kept != unbound {
				t.Errorf("unbound %t: kept %t", unbound, kept)
			}
			if !w.bank.honours(psu1.Name, second.Value()) {
				t.Error("the bank does not honour the token")
			}
		})
	}
}

func TestDrop(t *testing.T) {
	inWorld(t, false, true, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 5*time.Minute)
		other := w.process()
		defer other.Close()
		first := w.usable(s.Store, psu1)
		w.usable(other.Store, psu1)
		s.Drop(psu1, first)
		second := w.usable(s.Store, psu1)
		s.Drop(psu1, first) // of old: somebody is late
		if w.usable(s.Store, psu1) != second || w.bank.refreshes() != 1 {
			t.Error("a late Drop has cost a token")
		}
		other.Drop(psu1, first) // it has not seen the new one yet
		w.usable(other.Store, psu1)
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

func TestForcedRefresh(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 5*time.Minute)
		first := w.usable(s.Store, psu1)
		if err := s.Refresh(t.Context(), psu1, w.client); err != nil {
			t.Fatal(err)
		}
		if second := w.usable(s.Store, psu1); second == first || w.bank.refreshes() != 1 {
			t.Error("not refreshed")
		}
	})
}

func TestLifetimes(t *testing.T) {
	for lifetime, want := range map[string]int{
		"": 1, `"600"`: 1, "600": 1, "1e9": 1, `"soon"`: 1, "null": 1, "0": 2, "-5": 2,
	} {
		inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
			w.imported(s.Store, psu1, 0)
			w.bank.lifetime = lifetime
			w.usable(s.Store, psu1)
			w.usable(s.Store, psu1)
			if n := w.bank.refreshes(); n != want {
				t.Errorf("expires_in %s: %d refreshes, want %d", lifetime, n, want)
			}
		})
	}
}

// Tokens without a lifetime still serve all who wait, in other processes too.
func TestNoLifetimeAmongProcesses(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.bank.slow(time.Second)
		w.bank.lifetime = "0"
		other := w.process()
		defer other.Close()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { w.usable(s.Store, psu1) })
			wg.Go(func() { w.usable(other.Store, psu1) })
		}
		wg.Wait()
		if n := w.bank.refreshes(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

func TestNoRefreshToken(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		p := w.bank.grant(psu1.Name)
		err := s.Import(t.Context(), psu1, w.client, Import{
			AccessToken: p.access, AccessExpiry: time.Now().Add(time.Minute), AuthorizedAt: time.Now(),
		})
		if err != nil {
			t.Fatal(err)
		}
		w.usable(s.Store, psu1)
		time.Sleep(time.Minute)
		w.refused(s.Store, psu1, ErrNoRefreshToken)
	})
}

func TestBankKeepsRefreshToken(t *testing.T) {
	inWorld(t, false, true, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.bank.noFresh = true
		for range 3 {
			w.usable(s.Store, psu1)
			time.Sleep(10 * time.Minute)
		}
		if n := w.bank.refreshes(); n < 3 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// A used grant is renewed ahead, without anybody waiting; an unused one is not.
func TestRenewalAhead(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		first := w.usable(s.Store, psu1)
		time.Sleep(9 * time.Minute) // of ten
		synctest.Wait()
		if n := w.bank.refreshes(); n != 2 {
			t.Fatalf("%d refreshes", n)
		}
		w.bank.slow(time.Hour) // a caller would wait
		if second, err := s.Token(t.Context(), psu1, w.client); err != nil || second == first {
			t.Error("the renewed token is not served:", err)
		}
		w.bank.slow(0)
		time.Sleep(8 * time.Minute)
		s.usableOrNot(psu1, w.client)
		time.Sleep(time.Hour)
		synctest.Wait()
		// Renewed once after it was used, then left alone.
		if n := w.bank.refreshes(); n > 4 {
			t.Errorf("%d refreshes of a grant that nobody uses", n)
		}
	})
}

func (p *process) usableOrNot(id ID, c *Client) { _, _ = p.Token(context.Background(), id, c) }

// A grant that was not used by the time its renewal was due, is renewed in the
// background once it is.
func TestRenewalWhenUsedLate(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		w.usable(s.Store, psu1)
		time.Sleep(9 * time.Minute)                // renewed in the background, not used since
		time.Sleep(7*time.Minute + 18*time.Second) // due again, and not at its end
		synctest.Wait()
		if n := w.bank.refreshes(); n != 2 {
			t.Fatalf("%d refreshes", n)
		}
		w.bank.slow(time.Second)
		started := time.Now()
		w.usable(s.Store, psu1)
		if time.Since(started) > 0 {
			t.Error("the caller had to wait")
		}
		time.Sleep(2 * time.Second)
		if n := w.bank.refreshes(); n != 3 {
			t.Errorf("%d refreshes", n)
		}
	})
}

func TestRenewalsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, true, false)
		s := w.process(func(o *Options) { o.Parallel = 3 })
		defer s.Close()
		ids := make([]ID, 20)
		for i := range ids {
			ids[i] = ID{"bank", "psu" + string(rune('a'+i))}
			w.imported(s.Store, ids[i], 0)
			w.usable(s.Store, ids[i])
		}
		var mu sync.Mutex
		running, most := 0, 0
		w.bank.onRequest(func(url.Values) {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(6 * time.Second)
			mu.Lock()
			running--
			mu.Unlock()
		})
		time.Sleep(9*time.Minute + 30*time.Second)
		synctest.Wait()
		if most != 3 {
			t.Errorf("%d at a time", most)
		}
		if n := w.bank.refreshes(); n != 40 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// A renewal that fails leaves the old token in place, and is tried again.
func TestRenewalFails(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		first := w.usable(s.Store, psu1)
		w.bank.failNext(slices.Repeat([]fault{busy}, 100)...)
		time.Sleep(8*time.Minute + 20*time.Second)
		if n := w.bank.refreshes(); w.usable(s.Store, psu1).Value() != first.Value() || n < 2 || n > 20 {
			t.Errorf("%d renewals, or the old token is not served", n)
		}
		w.bank.recover()
		time.Sleep(60 * time.Second)
		if w.usable(s.Store, psu1).Value() == first.Value() {
			t.Error("the renewal was not tried again")
		}
	})
}

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

// The clock of the machine, or of another, jumps.
func TestClockJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, true, false)
		var offset time.Duration
		jumping := func() time.Time { return time.Now().Round(0).Add(offset) }
		s := w.process(func(o *Options) { o.Now = jumping })
		defer s.Close()
		w.imported(s.Store, psu1, 0)
		w.usable(s.Store, psu1)

		offset = -48 * time.Hour // a token must not live for two days more
		w.usable(s.Store, psu1)
		time.Sleep(11 * time.Minute)
		if _, err := s.Token(t.Context(), psu1, w.client); err != nil {
			t.Fatal(err)
		}
		if n := w.bank.refreshes(); n < 2 {
			t.Errorf("a token lives on after its end: %d refreshes", n)
		}

		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		offset = 300 * day
		w.refused(s.Store, psu1, ErrConsentExpired)
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.state(s.Store, psu1).Status; got != StatusExpired {
			t.Errorf("status %s", got)
		}
		if w.happened(EventConsentExpired) != 1 {
			t.Errorf("events %v", w.kinds())
		}
		offset = 0
		time.Sleep(defaultRecheck)
		w.usable(s.Store, psu1)
		if err := s.Refresh(t.Context(), psu1, w.client); err != nil {
			t.Fatal(err)
		}
		if got := w.state(s.Store, psu1).Status; got != StatusActive {
			t.Errorf("status %s after the clock was put right", got)
		}
		if !slices.ContainsFunc(w.storage.Keys(), func(key string) bool { return strings.HasPrefix(key, "tpp/clock/2") }) {
			t.Error("the grant is not on the consent clock any more")
		}
	})
}

func TestPanicInTheCall(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		c := w.with(func(c *Client) {
			c.Endpoint.Secret = func() (string, error) { panic("s3cret") }
			c.Endpoint.Spec.ClientAuth = tokens.ClientAuthBasic
		})
		_, err := s.Token(t.Context(), psu1, c)
		if !errors.Is(err, tokens.ErrUnavailable) && !errors.Is(err, ErrQuarantined) {
			t.Errorf("got %v", err)
		}
	})
}

// Callers with a good token do not wait for a renewal that is under way, even
// when the record is to be read again.
func TestNobodyWaitsForARenewal(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		first := w.usable(s.Store, psu1)
		w.bank.slow(9 * time.Second)
		go func() { _ = s.Refresh(t.Context(), psu1, w.client) }()
		time.Sleep(defaultRecheck + time.Second)
		started := time.Now()
		if w.usable(s.Store, psu1) != first || time.Since(started) > 0 {
			t.Errorf("waited %v", time.Since(started))
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

// Another machine's clock is an hour ahead: its token lives no longer for that.
func TestTokenFromAnotherClock(t *testing.T) {
	r := settleRecord(StatusActive)
	r.Obtained, r.Expiry = settleNow.Add(time.Hour), settleNow.Add(70*time.Minute)
	c := &Client{Thumbprint: "qwac-1", Endpoint: &tokens.Endpoint{}}
	token := r.token(c, settleNow)
	if token == nil || token.Expiry().Sub(settleNow) != 10*time.Minute {
		t.Errorf("the token lives until %v", token.Expiry())
	}
	if r.token(c, settleNow.Add(80*time.Minute)) != nil {
		t.Error("the token lives on")
	}
}
