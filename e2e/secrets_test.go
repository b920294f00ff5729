package e2e

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// end stops what still runs, and looks for secrets in everything that the
// processes have printed, answered and stored.
func (w *world) end() {
	w.t.Helper()
	found := w.detector()
	if len(found.heads) == 0 {
		w.t.Error("no secret to look for")
	}
	var shows sync.WaitGroup
	for _, p := range w.processes {
		if !p.running() {
			continue
		}
		if p.killed {
			p.signal(syscall.SIGKILL)
			continue
		}
		shows.Go(func() {
			p.show(found)
			p.signal(syscall.SIGTERM)
		})
	}
	shows.Wait()
	for _, p := range w.processes {
		status := p.wait()
		said := p.said.String()
		if status != 0 && !p.killed {
			w.t.Errorf("%s ended with status %d", p.name, status)
		}
		for _, bad := range []string{"WARNING: DATA RACE", "panic: ", "http: panic serving"} {
			if at := strings.Index(said, bad); at >= 0 {
				w.t.Errorf("%s: %s", p.name, said[at:min(at+6000, len(said))])
			}
		}
		found.look(w, "the output of "+p.name, said)
		if w.t.Failed() {
			w.t.Logf("the end of what %s printed:\n%s", p.name, tail(said))
		}
	}
	found.lookBelow(w, w.storage)
	if found.bytes.Load() == 0 {
		w.t.Error("nothing was searched")
	}
}

// show looks at everything that a sidecar tells of itself.
func (p *process) show(found *detector) {
	p.t.Helper()
	for _, path := range []string{"/metrics", "/config/", "/tpp/identities", "/tpp/aspsps", "/tpp/tokens",
		"/tpp/grants?aspsp=bpgo", "/tpp/vault", "/debug/vars", "/debug/pprof/goroutine?debug=2"} {
		a := p.ask("GET", path, nil)
		if a.err != nil {
			p.t.Errorf("%s: %v", path, a.err)
		}
		found.look(p.world, p.name+" "+path, a.body)
	}
}

// head is how much of a secret is looked for: so much of it is one, too.
const head = 12

// detector finds secrets in texts, as they are, in hexadecimal and in base64 of
// any alignment.
type detector struct {
	heads map[uint64][]string // by their first bytes
	bytes atomic.Int64
}

func (w *world) detector() *detector {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := &detector{heads: make(map[uint64][]string)}
	for secret := range w.secrets {
		d.add(secret[:head])
		d.add(hex.EncodeToString([]byte(secret))[:2*head])
		for shift := range 3 {
			padded := append(make([]byte, shift), secret...)
			text := base64.StdEncoding.EncodeToString(padded)[4*((shift+2)/3):]
			d.add(text[:head])
			d.add(strings.NewReplacer("+", "-", "/", "_").Replace(text[:head]))
		}
	}
	return d
}

func (d *detector) add(pattern string) {
	key := binary.LittleEndian.Uint64([]byte(pattern))
	d.heads[key] = append(d.heads[key], pattern)
}

// look searches a text.
func (d *detector) look(w *world, where, text string) {
	w.t.Helper()
	d.bytes.Add(int64(len(text)))
	if at := d.find(text); at >= 0 {
		w.t.Errorf("a secret is in %s: …%s…", where, text[max(0, at-200):min(at+40, len(text))])
	}
}

// find gives where the first secret is, or -1.
func (d *detector) find(text string) int {
	var key uint64
	for i := range len(text) {
		key = key>>8 | uint64(text[i])<<56
		if i < 7 {
			continue
		}
		for _, pattern := range d.heads[key] {
			if strings.HasPrefix(text[i-7:], pattern) {
				return i - 7
			}
		}
	}
	return -1
}

// lookBelow searches all files of a folder, and their names.
func (d *detector) lookBelow(w *world, folder string) {
	w.t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		d.look(w, path, path+"\n"+string(content))
		return err
	})
	check(w.t, err)
}
