package grants

import (
	"sync"
	"time"
)

const (
	// beat is how often a process notes that it lives, while it holds a lock.
	beat = 250 * time.Millisecond
	// standstill is how long a process has to stand still for another to get its
	// lock: storages wait for a sign of life, FileStorage five to ten seconds.
	standstill = 4 * time.Second
)

// pulse notices that this process stood still, stopped by a signal or together
// with its machine. A storage that is slow does not look like that.
type pulse struct {
	mu    sync.Mutex
	last  time.Time
	gap   time.Duration
	timer *time.Timer // nil once it has ended
}

func newPulse() *pulse {
	p := &pulse{last: time.Now()}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(beat, p.tick)
	return p
}

func (p *pulse) tick() {
	p.beatAt(time.Now())
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Reset(beat)
	}
}

// beatAt notes a sign of life. The clock that is ahead counts: one may stand
// still with the machine, the other can be set.
func (p *pulse) beatAt(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gap = max(p.gap, now.Sub(p.last), now.Round(0).Sub(p.last.Round(0)))
	p.last = now
}

// stopped reports whether the process has stood still for too long, also when it
// has only just gone on.
func (p *pulse) stopped() bool {
	p.beatAt(time.Now())
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gap >= standstill
}

func (p *pulse) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}
