package grants

import (
	"errors"
	"testing"
	"time"
)

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

// Two processes with different certificates, as in a roll-out, do not refresh
// against each other. Each serves its own token until it sees the other's.
func TestCertificatesInTurn(t *testing.T) {
	inWorld(t, false, false, func(t *testing.T, w *world, s *process) {
		w.imported(s.Store, psu1, 0)
		other := w.process()
		defer other.Close()
		renewed := w.with(func(c *Client) { c.Thumbprint = "qwac-2" })
		const minutes = 5
		served, taken := map[*Client]int{}, time.Now()
		use := func(p *process, c *Client) {
			before := w.bank.refreshes()
			token, err := p.Token(t.Context(), psu1, c)
			if w.bank.refreshes() > before {
				taken = time.Now()
			}
			contested, ok := errors.AsType[*OtherCertificateError](err)
			switch {
			case err == nil:
				served[c]++
				if !w.bank.honours(psu1.Name, token.Value()) && time.Since(taken) > defaultRecheck {
					t.Error("a token was served that another has replaced")
				}
			case !ok || !errors.Is(err, ErrBusy) || time.Until(contested.Until) > rebindEvery:
				t.Errorf("got %v", err)
			}
		}
		for range minutes * 20 {
			use(s, w.client)
			use(other, renewed)
			time.Sleep(3 * time.Second)
		}
		if n := w.bank.refreshes(); n > minutes+2 {
			t.Errorf("%d refreshes in %d minutes", n, minutes)
		}
		if served[w.client] == 0 || served[renewed] == 0 {
			t.Errorf("one of them was served nothing: %v", served)
		}
	})
}
