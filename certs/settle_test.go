package certs

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// halfway is a chain file of which the first certificate is written and the next
// one not begun: sound PEM, and the only thing it lacks is what nobody can miss.
func halfway(t testing.TB, chain []byte) []byte {
	t.Helper()
	end := []byte("-----END CERTIFICATE-----\n")
	n := bytes.Index(chain, end) + len(end)
	if n < len(end) || len(bytes.TrimSpace(chain[n:])) == 0 {
		t.Fatal("the chain has one certificate only")
	}
	return chain[:n]
}

func TestWatchTakesNoFileInTheMaking(t *testing.T) {
	watch(t, func(w *watched) {
		old := w.Current()
		next := w.rig.issue(testpki.QWAC)
		write(w, w.path("qwac-key.pem"), next.KeyPEM)
		write(w, w.path("qwac.pem"), halfway(w, next.CertPEM))
		w.polls(1)
		if w.Current() != old {
			w.Fatalf("published a chain of %d while it was being written", len(w.Current().QWAC.Chain))
		}
		write(w, w.path("qwac.pem"), next.CertPEM)
		w.polls(1)
		if w.Current() != old {
			w.Fatal("published what one poll has seen")
		}
		w.polls(1)
		if g := w.Current(); g.Number != 2 || len(g.QWAC.Chain) != 2 || !g.QWAC.Leaf().Equal(next.Certificate) {
			w.Errorf("generation %d, chain of %d", g.Number, len(g.QWAC.Chain))
		}
		if w.changes != 1 || len(w.errors) != 0 || len(w.findings) != 0 {
			w.Errorf("%d changes, errors %v, findings %v", w.changes, w.errors, w.findings)
		}
	})
}

// A file with its certificate alone is what some QTSPs deliver.
func TestWatchTakesALastingLeafAlone(t *testing.T) {
	watch(t, func(w *watched) {
		write(w, w.path("qwac.pem"), halfway(w, read(w, w.path("qwac.pem"))))
		w.polls(2)
		if g := w.Current(); g.Number != 2 || len(g.QWAC.Chain) != 1 {
			w.Fatalf("generation %d, chain of %d", g.Number, len(g.QWAC.Chain))
		}
		if len(w.findings) != 1 || !slices.Equal(w.findings[0], []string{CodeChainIncomplete}) {
			w.Errorf("findings %v", w.findings)
		}
	})
}

// A state that comes and goes is nothing to hear of: neither a change taken back
// nor the moment in which certificate and key do not match.
func TestWatchIsSilentOfPassingStates(t *testing.T) {
	watch(t, func(w *watched) {
		old := w.Current()
		good := read(w, w.path("qwac.pem"))
		other := w.rig.issue(testpki.QWAC)
		for range 3 * fullEvery {
			write(w, w.path("qwac.pem"), other.CertPEM)
			w.polls(1)
			write(w, w.path("qwac.pem"), good)
			w.polls(1)
		}
		if w.Current() != old || w.changes != 0 || len(w.errors) != 0 {
			w.Errorf("%d changes, %d errors", w.changes, len(w.errors))
		}
	})
}

// An operator's word is taken at once, and Watch has nothing to add to it.
func TestReloadDoesNotWait(t *testing.T) {
	watch(t, func(w *watched) {
		w.store("qwac", w.rig.issue(testpki.QWAC))
		w.polls(1) // seen once
		next := w.rig.issue(testpki.QWAC)
		w.store("qwac", next)
		var changed bool
		var err error
		w.unlocked(func() { changed, _, err = w.Reload() })
		if !changed || err != nil || !w.Current().QWAC.Leaf().Equal(next.Certificate) {
			w.Fatalf("changed %v, error %v", changed, err)
		}
		w.polls(5)
		if g := w.Current(); g.Number != 2 || w.changes != 1 || len(w.errors) != 0 {
			w.Errorf("generation %d, %d changes, errors %v", g.Number, w.changes, w.errors)
		}
	})
}

// The delay that is documented, at its worst: the change comes just after a poll.
func TestWatchTakesTwoPollsAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		i := r.identity()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go i.Watch(ctx, 0)
		time.Sleep(3*DefaultInterval + time.Nanosecond)
		synctest.Wait()
		next := r.issue(testpki.QSEAL)
		r.store("qseal", next)
		time.Sleep(2 * DefaultInterval)
		synctest.Wait()
		if !i.Current().QSEAL.Leaf().Equal(next.Certificate) {
			t.Error("not published within two polls")
		}
	})
}
