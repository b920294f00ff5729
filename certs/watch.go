package certs

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"time"
)

const (
	// DefaultInterval is how often Watch looks at the files.
	DefaultInterval = 2 * time.Second
	// fullEvery is after how many polls the files are read even though they
	// look untouched: a change within the file system's time granularity, or
	// one that keeps the time, does not show otherwise. It is also when the
	// certificates' dates are checked again.
	fullEvery = 15
)

// Watch keeps the identity up to date with its files until ctx is done. It polls,
// because events are lost on network and overlay file systems and tell nothing
// of symbolic links further up the path, such as Kubernetes' ..data. Interval 0
// means DefaultInterval.
//
// A poll looks at each file's time, size, identity and resolved path, and reads
// it only if one of them changed, and at every 15th poll. As long as the files
// cannot be used, each poll tries again, since what is missing may not be in
// them: a passphrase, or the day on which the certificate becomes valid.
//
// Changed content is judged only once two polls in a row have found the same in
// all files, so that none is taken while it is being written: a chain file that
// is written up to the end of a certificate looks like one that is complete. A
// change that shows is thus in use, or reported, after at most two polls: within
// 4 seconds by default. A writer that pauses for longer than the interval in the
// middle of a file is not seen through; renaming a complete file into place is
// safe always. Reload does not wait.
func (i *Identity) Watch(ctx context.Context, interval time.Duration) {
	if interval <= 0 {
		interval = DefaultInterval
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	w := watcher{identity: i, warned: i.atStart}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			w.poll()
		}
	}
}

// watcher is what Watch remembers from poll to poll.
type watcher struct {
	identity *Identity
	polls    int
	files    []fileState
	failing  bool
	last     [sha256.Size]byte // of the content when it was last read
	settling bool              // that content is new, and the next poll has to find the same
	reported report
	warned   string // fingerprint of the findings last heard of
}

// report identifies a state that has been reported: same content, same error.
type report struct {
	hash [sha256.Size]byte
	text string
}

func (w *watcher) poll() {
	// Looked at before the content is read: a change between the two is then
	// seen by the next poll.
	files := w.identity.stat()
	due := w.polls%fullEvery == 0
	w.polls++
	if !due && !w.failing && !w.settling && sameFiles(w.files, files) {
		return
	}
	w.files = files
	got := w.identity.reloadIf(func(hash [sha256.Size]byte) bool { return hash == w.last })
	w.last = got.hash
	w.settling = !got.taken
	if w.settling {
		return
	}
	w.failing = got.err != nil
	if w.failing {
		w.reportError(report{got.hash, got.err.Error()}, got.err)
		return
	}
	w.reported = report{}
	w.reportFindings(got.changed, got.findings)
}

func (w *watcher) reportError(state report, err error) {
	if state == w.reported {
		return
	}
	w.reported = state
	if w.identity.opts.OnError != nil {
		w.identity.opts.OnError(err)
	}
}

func (w *watcher) reportFindings(changed bool, findings []Finding) {
	before := w.warned
	w.warned = fingerprint(findings)
	if before == w.warned && (!changed || len(findings) == 0) {
		return
	}
	if w.identity.opts.OnFindings != nil {
		w.identity.opts.OnFindings(findings)
	}
}

// fileState is what shows without reading that a file was replaced.
type fileState struct {
	info   os.FileInfo // nil if the file is not there
	target string      // path after all symbolic links
}

func (i *Identity) stat() []fileState {
	names := []string{i.opts.QWAC.CertFile, i.opts.QWAC.keyFile()}
	if i.opts.QSEAL != nil {
		names = append(names, i.opts.QSEAL.CertFile, i.opts.QSEAL.keyFile())
	}
	states := make([]fileState, len(names))
	for n, name := range names {
		if info, err := os.Stat(name); err == nil {
			states[n].info = info
		}
		if target, err := filepath.EvalSymlinks(name); err == nil {
			states[n].target = target
		}
	}
	return states
}

func sameFiles(a, b []fileState) bool {
	if len(a) != len(b) {
		return false
	}
	for n := range a {
		if !a[n].same(b[n]) {
			return false
		}
	}
	return true
}

func (s fileState) same(t fileState) bool {
	if s.info == nil || t.info == nil {
		return s.info == nil && t.info == nil
	}
	return s.target == t.target && s.info.Size() == t.info.Size() && s.info.ModTime().Equal(t.info.ModTime()) &&
		os.SameFile(s.info, t.info)
}
