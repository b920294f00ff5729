package grants

import (
	"errors"
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
		"nothing":              {Import{AuthorizedAt: now}, ErrImport},
		"expired access":       {Import{AccessToken: "a", AccessExpiry: now.Add(-time.Second), AuthorizedAt: now}, ErrImport},
		"access, no expiry":    {Import{AccessToken: "a", AuthorizedAt: now}, ErrImport},
		"both, no expiry":      {Import{RefreshToken: "r", AccessToken: "a", AuthorizedAt: now}, ErrImport},
		"no authorization":     {Import{RefreshToken: "r"}, ErrImport},
		"in the future":        {Import{RefreshToken: "r", AuthorizedAt: now.Add(48 * time.Hour)}, ErrImport},
		"long ago":             {Import{RefreshToken: "r", AuthorizedAt: now.Add(-181 * day)}, ErrConsentExpired},
		"absurd":               {Import{RefreshToken: "r", ConsentUntil: now.Add(30 * 366 * day)}, ErrImport},
		"long ago, still good": {Import{RefreshToken: "r", AuthorizedAt: now.AddDate(-11, 0, 0), ConsentUntil: now.Add(day)}, ErrImport},
		"before all time":      {Import{RefreshToken: "r", AuthorizedAt: time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), ConsentUntil: now.Add(day)}, ErrImport},
		"after all time":       {Import{RefreshToken: "r", ConsentUntil: time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC)}, ErrImport},
		"line break":           {Import{RefreshToken: "r\nX: y", AuthorizedAt: now}, ErrImport},
		"good":                 {Import{RefreshToken: "r", AuthorizedAt: now.Add(-179 * day)}, nil},
		"good, with its end":   {Import{RefreshToken: "r", ConsentUntil: now.Add(day)}, nil},
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

// An access token lives no longer than one that the bank gives; whatever the end
// is said to be, it is usable.
func TestImportBoundsLifetime(t *testing.T) {
	for expiry, want := range map[time.Time]time.Duration{
		time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC): time.Hour,
		time.Now().AddDate(30, 0, 0):                  time.Hour,
	} {
		inWorld(t, true, false, func(t *testing.T, w *world, s *process) {
			w.client.Endpoint.Spec.MaxLifetime = tokens.Duration(want)
			p := w.bank.grant(psu1.Name)
			i := Import{AccessToken: p.access, AccessExpiry: expiry, AuthorizedAt: time.Now()}
			if err := s.Import(t.Context(), psu1, w.client, i); err != nil {
				t.Fatal(err)
			}
			if token := w.usable(s.Store, psu1); time.Until(token.Expiry()) != want {
				t.Errorf("the token lives until %v", token.Expiry())
			}
			time.Sleep(want)
			w.refused(s.Store, psu1, ErrNoRefreshToken)
		})
	}
}
