package grants

import (
	"net/url"
	"testing"
	"time"
)

// moved is the world's client after the bank has moved.
func (w *world) moved() *Client {
	return w.with(func(c *Client) {
		c.ClientID, c.Endpoint.URL = "PSDFR-ACPR-54321", "https://new.example/token"
	})
}

// A bank has moved: its grants are of no use until they are adopted, and then
// asked for new access tokens at the new place only.
func TestAdopt(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, time.Hour)
		w.usable(s.Store, psu1)
		before := w.state(s.Store, psu1)
		w.client = w.moved()
		w.refused(s.Store, psu1, ErrElsewhere)
		if err := s.Adopt(t.Context(), psu1, w.client); err != nil {
			t.Fatal(err)
		}
		adopted := w.state(s.Store, psu1)
		if adopted.Endpoint != w.client.Endpoint.URL || adopted.ClientID != w.client.ClientID || !adopted.AccessExpiry.IsZero() || !adopted.HasRefreshToken {
			t.Errorf("state %+v", adopted)
		}
		if !adopted.ConsentUntil.Equal(before.ConsentUntil) || adopted.Scope != before.Scope || w.bank.refreshes() != 0 {
			t.Errorf("state %+v, %d refreshes", adopted, w.bank.refreshes())
		}
		var form url.Values
		w.bank.onRequest(func(f url.Values) { form = f })
		w.usable(s.Store, psu1)
		if form.Get("client_id") != w.client.ClientID || w.bank.refreshes() != 1 {
			t.Errorf("sent client_id %q, %d refreshes", form.Get("client_id"), w.bank.refreshes())
		}
		// Again there is nothing to do.
		if err := s.Adopt(t.Context(), psu1, w.client); err != nil || w.happened(EventAdopted) != 1 {
			t.Errorf("got %v, %v", err, w.kinds())
		}
		w.usable(s.Store, psu1)
	})
}

// What state a grant is in is another matter.
func TestAdoptKeepsTheStatus(t *testing.T) {
	for name, c := range map[string]struct {
		fault fault
		want  error
	}{
		"quarantined": {lostRequest, ErrQuarantined},
		"refused":     {refuseGrant, ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
				w.imported(s.Store, psu1, 0)
				w.bank.failNext(c.fault)
				w.refused(s.Store, psu1, c.want)
				w.client = w.moved()
				if err := s.Adopt(t.Context(), psu1, w.client); err != nil {
					t.Fatal(err)
				}
				w.refused(s.Store, psu1, c.want)
				if err := s.Release(t.Context(), psu1); err != nil {
					t.Fatal(err)
				}
				w.usable(s.Store, psu1)
			})
		})
	}
}

func TestAdoptRefuses(t *testing.T) {
	inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
		adopt := func(id ID, c *Client, want error) {
			t.Helper()
			if err := s.Adopt(t.Context(), id, c); !errorIs(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		adopt(psu1, w.moved(), ErrUnknown)
		adopt(ID{"bank", "\n"}, w.moved(), ErrName)
		adopt(psu1, nil, ErrNoClient)
		w.withoutRefresh(s.Store, time.Hour)
		adopt(psu1, w.moved(), ErrNoRefreshToken)
		w.usable(s.Store, psu1) // as before
		if _, err := s.Revoke(t.Context(), psu1, w.client); err != nil {
			t.Fatal(err)
		}
		adopt(psu1, w.moved(), ErrRevoked)
		if err := s.Retire(t.Context()); err != nil {
			t.Fatal(err)
		}
		adopt(psu1, w.moved(), ErrClosed)
		if w.happened(EventAdopted) != 0 {
			t.Error(w.kinds())
		}
	})
}
