package certs

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watched is an identity under Watch in a synctest bubble, with what it reported.
type watched struct {
	*rig
	*Identity
	mu       sync.Mutex // held by the test but for the time in polls
	changes  int
	errors   []error
	findings [][]string
}

// watch runs test while the identity is being watched every DefaultInterval.
func watch(t *testing.T, test func(*watched)) {
	synctest.Test(t, func(t *testing.T) {
		w := &watched{rig: newRig(t)}
		requirements := w.config.Requirements
		w.config.Requirements = func() (req Requirements) { w.locked(func() { req = requirements() }); return req }
		w.config.OnChange = func(_, _ *Generation) { w.locked(func() { w.changes++ }) }
		w.config.OnError = func(err error) { w.locked(func() { w.errors = append(w.errors, err) }) }
		w.config.OnFindings = func(f []Finding) { w.locked(func() { w.findings = append(w.findings, codes(f)) }) }
		w.Identity = w.identity()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { w.Watch(ctx, 0); close(done) }()
		time.Sleep(time.Millisecond) // between the polls from here on
		w.locked(func() { test(w) })
		cancel()
		<-done
	})
}

func (w *watched) locked(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

func (w *watched) unlocked(do func()) {
	w.mu.Unlock()
	defer w.mu.Lock()
	do()
}

// polls lets n polls pass.
func (w *watched) polls(n int) {
	w.unlocked(func() {
		time.Sleep(time.Duration(n) * DefaultInterval)
		synctest.Wait()
	})
}

func TestWatchPublishes(t *testing.T) {
	watch(t, func(w *watched) {
		w.polls(3)
		if w.changes != 0 || len(w.findings) != 0 {
			w.Errorf("%d changes, findings %v without any", w.changes, w.findings)
		}
		qwac := w.rig.issue(testpki.QWAC)
		w.store("qwac", qwac)
		w.polls(2)
		if !w.Current().QWAC.Leaf().Equal(qwac.Certificate) || w.changes != 1 || len(w.errors) != 0 {
			w.Errorf("%d changes, errors %v", w.changes, w.errors)
		}
	})
}

func TestWatchReportsEachStateOnce(t *testing.T) {
	watch(t, func(w *watched) {
		expect := func(what string, n int, kind error) {
			w.Helper()
			if len(w.errors) != n || !errors.Is(w.errors[n-1], kind) {
				w.Fatalf("%s: errors %v, want %d, the last %v", what, w.errors, n, kind)
			}
		}
		old := w.Current()
		good := read(w, w.path("qwac.pem"))
		write(w, w.path("qwac.pem"), good[:100])
		w.polls(40)
		expect("half-written", 1, ErrFormat)
		write(w, w.path("qwac.pem"), good[:101])
		w.polls(40)
		expect("half-written a little more", 2, ErrFormat)
		wrong := w.rig.issue(testpki.QSEAL)
		w.store("qwac", wrong)
		w.polls(40)
		expect("QSEAL in its place", 3, ErrRefused)
		if w.Current() != old || w.changes != 0 {
			w.Fatal("something was published")
		}
		next := w.rig.issue(testpki.QWAC)
		w.store("qwac", next)
		w.polls(2)
		if !w.Current().QWAC.Leaf().Equal(next.Certificate) {
			w.Fatal("recovery was not seen")
		}
		w.store("qwac", wrong)
		w.polls(2)
		expect("the same again after recovery", 4, ErrRefused)
	})
}

// A change that keeps size, time and inode shows only in the content.
func TestWatchReadsContentNowAndThen(t *testing.T) {
	watch(t, func(w *watched) {
		name := w.path("qwac.pem")
		before, err := os.Stat(name)
		if err != nil {
			w.Fatal(err)
		}
		w.polls(1)
		content := read(w, name)
		changed := bytes.Replace(content, []byte("-----END"), []byte("-----end"), 1)
		write(w, name, changed)
		if err := os.Chtimes(name, before.ModTime(), before.ModTime()); err != nil {
			w.Fatal(err)
		}
		after, err := os.Stat(name)
		if err != nil || !os.SameFile(before, after) || before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime()) {
			w.Fatal("the change shows")
		}
		w.polls(5)
		if len(w.errors) != 0 {
			w.Fatal("seen without reading: the test proves nothing")
		}
		w.polls(fullEvery)
		if len(w.errors) != 1 {
			w.Errorf("not seen: %v", w.errors)
		}
	})
}

// What is missing need not be in the files.
func TestWatchTriesAgain(t *testing.T) {
	watch(t, func(w *watched) {
		p := tpp(testpki.QWAC)
		p.NotBefore = noon.Add(time.Hour)
		next := issue(w, w.root, p)
		w.store("qwac", next)
		w.polls(20)
		if len(w.errors) != 1 || !errors.Is(w.errors[0], ErrRefused) || w.changes != 0 {
			w.Fatalf("%d changes, errors %v", w.changes, w.errors)
		}
		w.now = noon.Add(time.Hour)
		w.polls(1)
		if !w.Current().QWAC.Leaf().Equal(next.Certificate) {
			w.Error("not published when it became valid")
		}
	})
}

func TestWatchFindsTrouble(t *testing.T) {
	watch(t, func(w *watched) {
		w.now = noon.AddDate(1, 0, -20)
		w.polls(2 * fullEvery)
		want := []string{CodeExpiring, CodeExpiring}
		if len(w.findings) != 1 || !slices.Equal(w.findings[0], want) {
			w.Fatalf("findings %v, want %v once", w.findings, want)
		}
		w.now = noon.AddDate(1, 0, 1)
		w.polls(2 * fullEvery)
		if len(w.errors) != 1 || !errors.Is(w.errors[0], ErrRefused) {
			w.Fatalf("errors %v", w.errors)
		}
		w.now = noon
		w.polls(1)
		if len(w.findings) != 2 || len(w.findings[1]) != 0 {
			w.Errorf("findings %v, want them settled", w.findings)
		}
	})
}

// What NewIdentity has told is not told again, and a change of the
// organizationIdentifier is told once.
func TestWatchRepeatsNoFindings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p := tpp(testpki.QWAC)
		p.OmitKeyUsage = true
		r.store("qwac", issue(t, r.root, p))
		reports := make(chan []string, 10)
		r.config.OnFindings = func(f []Finding) { reports <- codes(f) }
		i, findings, err := NewIdentity(r.config)
		if err != nil || len(findings) != 2 {
			t.Fatalf("findings %v, error %v", findings, err)
		}
		go i.Watch(t.Context(), time.Second)
		time.Sleep(3 * fullEvery * time.Second)
		synctest.Wait()
		if len(reports) != 0 {
			t.Fatalf("told again: %v", <-reports)
		}
		p.OrganizationIdentifier = "PSDFR-ACPR-67890"
		r.store("qwac", issue(t, r.root, p))
		time.Sleep(3 * fullEvery * time.Second)
		synctest.Wait()
		want := []string{CodeKeyUsageMissing, CodeExtKeyUsage, CodeDifferentTPP, CodeOrganizationMoved}
		if len(reports) != 1 {
			t.Fatalf("%d reports, want one", len(reports))
		}
		if got := <-reports; !slices.Equal(got, want) {
			t.Errorf("findings %v, want %v", got, want)
		}
	})
}

func TestFileStateSeesTarget(t *testing.T) {
	info, err := os.Stat("testdata")
	if err != nil {
		t.Fatal(err)
	}
	a := fileState{info: info, target: "/run/..1/qwac.pem"}
	b := fileState{info: info, target: "/run/..2/qwac.pem"} // an inode can be used again
	if a.same(b) || !a.same(a) || a.same(fileState{}) || !(fileState{}).same(fileState{}) {
		t.Error("states are told apart wrongly")
	}
}

func TestWatchMissingFiles(t *testing.T) {
	watch(t, func(w *watched) {
		good := read(w, w.path("qseal.pem"))
		if err := os.Remove(w.path("qseal.pem")); err != nil {
			w.Fatal(err)
		}
		w.polls(3)
		write(w, w.path("qseal.pem"), good)
		w.polls(1)
		if len(w.errors) != 1 || !errors.Is(w.errors[0], os.ErrNotExist) || w.changes != 0 {
			w.Errorf("%d changes, errors %v", w.changes, w.errors)
		}
	})
}

func TestWatchWithoutCallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.config.QSEAL = nil
		i := r.identity()
		go i.Watch(t.Context(), time.Second)
		write(t, r.path("qwac.pem"), []byte("nonsense"))
		time.Sleep(3 * time.Second)
		p := tpp(testpki.QWAC)
		p.OmitKeyUsage = true
		next := issue(t, r.root, p)
		r.store("qwac", next)
		time.Sleep(3 * time.Second)
		if !i.Current().QWAC.Leaf().Equal(next.Certificate) {
			t.Error("not published")
		}
	})
}
