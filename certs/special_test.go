//go:build unix

package certs

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// pipe makes a named pipe that nobody writes to: opening it waits forever.
func pipe(t testing.TB, name string) string {
	t.Helper()
	os.Remove(name)
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func link(t testing.TB, target, name string) string {
	t.Helper()
	os.Remove(name)
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
	return name
}

// huge makes a file that would take long to read, yet takes no place.
func huge(t testing.TB, name string) string {
	t.Helper()
	write(t, name)
	if err := os.Truncate(name, 1<<32); err != nil {
		t.Fatal(err)
	}
	return name
}

// promptly fails the test if do waits for something.
func promptly(t testing.TB, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("it hangs")
	}
}

// specials are what can stand in a file's place, and how the error calls it.
func specials(t testing.TB, dir string) map[string]string {
	fifo := pipe(t, filepath.Join(dir, "fifo"))
	return map[string]string{
		fifo: "is a named pipe",
		link(t, fifo, filepath.Join(dir, "link")):                            "is a named pipe",
		link(t, filepath.Join(dir, "link"), filepath.Join(dir, "link-link")): "is a named pipe",
		dir:                                "is a directory",
		os.DevNull:                         "is a device",
		huge(t, filepath.Join(dir, "big")): "is larger than 1 MiB",
	}
}

// socket makes a socket, which cannot be opened: only a look says what it is.
func socket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "") // a socket's name must be short
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close(); os.RemoveAll(dir) })
	return listener.Addr().String()
}

func TestSpecialFilesAreRefused(t *testing.T) {
	certFile, keyFile := testdata("openssl.pem"), testdata("plain-key.pem")
	files := specials(t, t.TempDir())
	files[socket(t)] = "is a socket"
	for name, want := range files {
		for role, src := range map[string]Source{
			"certificate": {CertFile: name, KeyFile: keyFile},
			"key":         {CertFile: certFile, KeyFile: name},
		} {
			t.Run(want+" as "+role, func(t *testing.T) {
				promptly(t, func() {
					pair, err := LoadPair(QWAC, src)
					if pair != nil || !errors.Is(err, ErrLoad) {
						t.Errorf("error %v", err)
						return
					}
					var detail *Error
					if !errors.As(err, &detail) || detail.File != name || detail.Remedy == "" {
						t.Errorf("error names no file or no remedy: %v", err)
					}
					if !strings.HasPrefix(err.Error(), "QWAC "+role+" "+name+" "+want) {
						t.Errorf("error %q, want %q in it", err, want)
					}
				})
			})
		}
	}
}

// Between looking and opening, a file may become a pipe.
func TestOpenedFileIsLookedAtAgain(t *testing.T) {
	for name, want := range specials(t, t.TempDir()) {
		promptly(t, func() {
			data, err := readOpened(location{QWAC, "certificate", name})
			if data != nil || err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q", name, err, want)
			}
		})
	}
}

func TestIdentityWithSpecialFiles(t *testing.T) {
	r := newRig(t)
	pipe(t, r.path("qwac-key.pem"))
	link(t, pipe(t, r.path("fifo")), r.path("qseal.pem"))
	promptly(t, func() {
		_, _, err := NewIdentity(r.config)
		if !errors.Is(err, ErrLoad) || strings.Count(err.Error(), "is a named pipe") != 2 {
			t.Errorf("error %v, want both pipes in it", err)
		}
	})
}

func TestWatchWithSpecialFiles(t *testing.T) {
	watch(t, func(w *watched) {
		old := w.Current()
		elsewhere := w.TempDir()
		number := 0
		for name, want := range specials(w, elsewhere) {
			number++
			good := read(w, w.path("qwac.pem"))
			link(w, name, w.path("qwac.pem"))
			w.polls(2 * fullEvery)
			if len(w.errors) != number || !strings.Contains(w.errors[number-1].Error(), want) {
				w.Fatalf("%s: errors %v, want one more, %q", name, w.errors, want)
			}
			w.unlocked(func() {
				if changed, _, err := w.Reload(); changed || !errors.Is(err, ErrLoad) {
					w.Errorf("%s: changed %v, error %v", name, changed, err)
				}
			})
			if w.Current() != old {
				w.Fatalf("%s: the old pair was not kept", name)
			}
			os.Remove(w.path("qwac.pem"))
			write(w, w.path("qwac.pem"), good)
			w.polls(2)
		}
		next := w.rig.issue(testpki.QWAC)
		pipe(w, w.path("qwac.pem"))
		w.polls(3)
		os.Remove(w.path("qwac.pem"))
		w.store("qwac", next)
		w.polls(2)
		if len(w.errors) != number+1 || !w.Current().QWAC.Leaf().Equal(next.Certificate) {
			w.Errorf("not recovered: errors %v", w.errors)
		}
	})
}
