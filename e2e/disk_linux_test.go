package e2e

import (
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// crumbs is room for a lock, and for no record.
const crumbs = 300

// room limits how large files may get that a process writes (RLIMIT_FSIZE). The
// kernel then refuses writes as on a full disk: the file is there, and what it
// should hold is not.
func (p *process) room(bytes uint64) {
	p.t.Helper()
	limit := struct{ soft, hard uint64 }{bytes, ^uint64(0)}
	_, _, err := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(p.cmd.Process.Pid), syscall.RLIMIT_FSIZE,
		uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if err != 0 {
		p.t.Fatal(err)
	}
}

const enough = ^uint64(0)

// TestFullDisk: what cannot be written down first is not asked for, whether or
// not a lock can be had. With room again, all goes on.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for name, room := range map[string]uint64{"no room at all": 0, "room for locks only": crumbs} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newRotating(t)
			p := w.start("full")
			who := p.grant()
			p.use(who)
			newcomer := w.newPerson()
			code := w.code(newcomer)
			p.room(room)
			p.use(who) // a token in memory needs no room
			w.bank.ExpireTokens()
			p.refused(who, "vault-unavailable")
			if a := p.exchange(newcomer, code); a.code != "vault-unavailable" {
				t.Errorf("the code exchange: %+v", a)
			}
			w.onceEach([]person{who}, 0)
			if w.arrivals(code) > 0 {
				t.Error("the code was sent")
			}
			p.room(enough)
			if a := p.settled(who); !a.ok() {
				t.Errorf("%+v", a)
			}
			w.onceEach([]person{who}, 1)
			for a := p.exchange(newcomer, code); !a.ok(); a = p.exchange(newcomer, code) {
				if !a.passing() {
					t.Fatalf("the code exchange, with room again: %+v", a)
				}
				time.Sleep(50 * time.Millisecond)
			}
			p.use(newcomer)
		})
	}
}

// TestDiskFullOfAnswers: the disk fills up while the bank answers. The answer is
// used from memory, and stored as soon as there is room.
func TestDiskFullOfAnswers(t *testing.T) {
	t.Parallel()
	w := newRotating(t)
	p := w.start("full")
	who := p.grant()
	before, _ := w.record(who)
	w.bank.ExpireTokens()
	check(t, w.bank.Faults().SetToken(sandbox.Fault{Processed: true, Delay: sandbox.Wait(500 * time.Millisecond)}))
	arrived := w.arrival(before.Refresh)
	called := make(chan answer, 1)
	go func() { called <- p.accounts(who) }()
	<-arrived
	p.room(crumbs)
	if a := <-called; !a.ok() {
		t.Fatalf("%+v", a)
	}
	for range 20 {
		p.use(who)
	}
	if !p.logged(`"level":"error"`, "grant unsaved") {
		t.Error("the log does not say it")
	}
	var state struct{ Unsaved bool }
	if a := p.ask("GET", about(who), &state); !a.ok() || !state.Unsaved {
		t.Errorf("the state does not say it: %s", a.body)
	}
	if r, _ := w.record(who); r.Pending == nil || len(r.Pending.Answer) > 0 || r.Refresh != before.Refresh {
		t.Error("the answer was stored on a full disk")
	}
	p.room(enough)
	eventually(t, "the answer is stored", func() bool {
		r, _ := w.record(who)
		return r.Pending == nil && sandbox.TokenHash(r.Refresh) == w.bank.Pairs(who.login)[0].Refresh
	})
	eventually(t, "the log says that it was stored", func() bool { return p.logged("grant saved") })
	p.kill()
	w.start("next").use(who)
	w.onceEach([]person{who}, 1)
}
