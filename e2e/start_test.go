package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// BenchmarkStart starts a sidecar, calls with one grant, and stops it, on
// storages with more and more grants at rest: they are read when they are
// needed, so neither time nor memory grows with their number.
func BenchmarkStart(b *testing.B) {
	for _, resting := range []int{1, 1_000, 100_000} {
		b.Run(fmt.Sprintf("grants=%d", resting), func(b *testing.B) {
			w := newWorld(b, sandbox.TokenRules{}, parts{})
			p := w.start("first")
			who := p.grant()
			p.stop()
			w.multiply(who, resting)
			memory := 0
			for b.Loop() {
				p := w.start("again")
				p.use(who)
				b.StopTimer()
				memory = p.resident()
				p.stop()
				b.StartTimer()
			}
			b.ReportMetric(float64(memory), "kB-resident")
		})
	}
}

// multiply puts copies of a grant's record beside it, under other names. Nobody
// can use them, and nobody may want to look at them.
func (w *world) multiply(who person, n int) {
	w.t.Helper()
	folder := filepath.Join(w.storage, "tpp", "grants", "bpgo")
	record, err := os.ReadFile(filepath.Join(folder, digestOf(who.login)[:2], digestOf(who.login)+".jwe"))
	check(w.t, err)
	for i := 1; i < n; i++ {
		digest := digestOf(fmt.Sprintf("resting-%d", i))
		check(w.t, os.MkdirAll(filepath.Join(folder, digest[:2]), 0o700))
		check(w.t, os.WriteFile(filepath.Join(folder, digest[:2], digest+".jwe"), record, 0o600))
	}
}

func digestOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

// resident is the memory that the process takes, in kB.
func (p *process) resident() int {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	check(p.t, err)
	var kB int
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	_, err = fmt.Sscan(after, &kB)
	check(p.t, err)
	return kB
}
