package grants

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

func TestImport(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		i    Import
		want error
	}{
		"nothing":            {Import{AuthorizedAt: now}, ErrImport},
		"expired access":     {Import{AccessToken: "a", AccessExpiry: now.Add(-time.Second), AuthorizedAt: now}, ErrImport},
		"access, no expiry":  {Import{AccessToken: "a", AuthorizedAt: now}, ErrImport},
		"no authorization":   {Import{RefreshToken: "r"}, ErrImport},
		"in the future":      {Import{RefreshToken: "r", AuthorizedAt: now.Add(48 * time.Hour)}, ErrImport},
		"long ago":           {Import{RefreshToken: "r", AuthorizedAt: now.Add(-181 * day)}, ErrConsentExpired},
		"absurd":             {Import{RefreshToken: "r", ConsentUntil: now.Add(30 * 366 * day)}, ErrImport},
		"line break":         {Import{RefreshToken: "r\nX: y", AuthorizedAt: now}, ErrImport},
		"good":               {Import{RefreshToken: "r", AuthorizedAt: now.Add(-179 * day)}, nil},
		"good, with its end": {Import{RefreshToken: "r", ConsentUntil: now.Add(day)}, nil},
	} {
		w := newWorld(t, true, false)
		s := w.process()
		if err := s.Import(t.Context(), psu1, w.client, c.i); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
		s.Close()
	}
}

func TestImportReplaces(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 5*time.Minute)
		w.usable(s.Store, psu1)
		p := w.bank.grant(psu1.Name)
		i := Import{RefreshToken: p.refresh, AuthorizedAt: time.Now()}
		if err := s.Import(t.Context(), psu1, w.client, i); !errors.Is(err, ErrExists) {
			t.Errorf("got %v", err)
		}
		if err := s.Import(t.Context(), ID{"bank", "ü"}, w.client, i); !errors.Is(err, ErrName) {
			t.Errorf("got %v", err)
		}
		i.Replace = true
		if err := s.Import(t.Context(), psu1, w.client, i); err != nil {
			t.Fatal(err)
		}
		w.usable(s.Store, psu1)
		w.clean(i)
	})
}

func TestRevoke(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		if _, err := s.Revoke(t.Context(), psu1, w.client); !errors.Is(err, ErrUnknown) {
			t.Errorf("got %v", err)
		}
		w.imported(s.Store, psu1, 5*time.Minute)
		w.usable(s.Store, psu1)
		if err := s.Forget(t.Context(), psu1); !errors.Is(err, ErrActive) {
			t.Errorf("got %v", err)
		}
		w.bank.failNext(lostRequest)
		if atBank, err := s.Revoke(t.Context(), psu1, w.client); atBank || !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("got %v, %v", atBank, err)
		}
		w.refused(s.Store, psu1, ErrRevoked)
		if state := w.state(s.Store, psu1); state.BankRevocation != BankRevocationPending || !state.HasRefreshToken {
			t.Errorf("state %+v", state)
		}
		for range 2 {
			if atBank, err := s.Revoke(t.Context(), psu1, w.client); !atBank || err != nil {
				t.Errorf("got %v, %v", atBank, err)
			}
		}
		if state := w.state(s.Store, psu1); state.BankRevocation != BankRevocationDone || state.HasRefreshToken || w.bank.revoked != 1 {
			t.Errorf("state %+v, told %d times", state, w.bank.revoked)
		}
		if err := s.Release(t.Context(), psu1); !errors.Is(err, ErrNotHeld) {
			t.Errorf("got %v", err)
		}
		if err := s.Forget(t.Context(), psu1); err != nil {
			t.Fatal(err)
		}
		w.refused(s.Store, psu1, ErrUnknown)
		if _, err := w.exchange(s, w.bank.authorize(psu1.Name)); err != nil {
			t.Fatal(err)
		}
		w.usable(s.Store, psu1)
	})
}

// A bank without revocation: the tokens are deleted here.
func TestRevokeHereOnly(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		client := w.with(func(c *Client) { c.Endpoint.RevocationURL = "" })
		if _, err := s.Revoke(t.Context(), psu1, nil); err != nil {
			t.Error(err)
		}
		if state := w.state(s.Store, psu1); state.BankRevocation != BankRevocationPending {
			t.Errorf("state %+v", state)
		}
		if atBank, err := s.Revoke(t.Context(), psu1, client); atBank || err != nil {
			t.Errorf("got %v, %v", atBank, err)
		}
		if state := w.state(s.Store, psu1); state.BankRevocation != BankRevocationNone || state.HasRefreshToken {
			t.Errorf("state %+v", state)
		}
	})
}

// Revoked while a refresh is under way whose lock is lost: the new tokens are
// not used, and revoked too.
func TestRevokeDuringRefresh(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		other := w.process()
		defer other.Close()
		w.bank.slow(5 * time.Second)
		go s.usableOrNot(psu1, w.client)
		time.Sleep(time.Second)
		s.handle.LoseLocks()
		if atBank, err := other.Revoke(t.Context(), psu1, w.client); atBank || !errors.Is(err, ErrBusy) {
			t.Fatalf("all is said to be revoked: %v, %v", atBank, err)
		}
		time.Sleep(10 * time.Second)
		w.refused(s.Store, psu1, ErrRevoked)
		w.refused(other.Store, psu1, ErrRevoked)
		w.bank.slow(0)
		if state := w.state(s.Store, psu1); state.BankRevocation != BankRevocationPending {
			t.Fatalf("state %+v", state)
		}
		if atBank, err := other.Revoke(t.Context(), psu1, w.client); !atBank || err != nil {
			t.Errorf("got %v, %v", atBank, err)
		}
		if len(w.bank.live) != 0 {
			t.Error("the bank still honours the tokens")
		}
	})
}

func TestList(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		var want []string
		for i := range 57 {
			id := ID{"bank", fmt.Sprintf("psu-%d", i)}
			w.imported(s.Store, id, 0)
			want = append(want, id.Name)
		}
		w.imported(s.Store, ID{"other", "psu-x"}, 0)
		var got, order []string
		for after, pages := "", 0; ; pages++ {
			states, next, err := s.List(t.Context(), "bank", after, 10)
			if err != nil || len(states) > 10 || pages > 6 {
				t.Fatal(len(states), pages, err)
			}
			for _, state := range states {
				got = append(got, state.Name)
				order = append(order, state.Fingerprint)
			}
			text, err := json.Marshal(states)
			if err != nil {
				t.Fatal(err)
			}
			w.clean(string(text), states)
			if after = next; next == "" {
				break
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) || !slices.IsSorted(order) {
			t.Errorf("listed %v", got)
		}
		for _, after := range []string{"x", strings.Repeat("g", 64), "../../etc"} {
			if _, _, err := s.List(t.Context(), "bank", after, 1); !errors.Is(err, ErrCursor) {
				t.Errorf("cursor %q: %v", after, err)
			}
		}
		if states, next, err := s.List(t.Context(), "nowhere", "", 1); len(states) != 0 || next != "" || err != nil {
			t.Error(states, next, err)
		}
	})
}
