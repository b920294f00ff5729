package e2e

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox"
)

// step is how far a request to the bank had come when its sidecar was killed.
type step string

const (
	beforeAsked step = "nothing written down"
	announced   step = "written down, not arrived at the bank"
	asked       step = "arrived, not processed"
	processed   step = "processed, answer not stored"
	stored      step = "answer stored, not settled"
	settled     step = "settled"
)

// between are the steps between "asked" and "stored".
var between = []step{announced, asked, processed, stored}

const (
	chaosPoints = 100 // at least, between "asked" and "stored"
	chaosGrants = 8   // that one process is working on when it is killed
	chaosRounds = 3   // in each storage
	chaosExtra  = 3   // rounds more, at most, until each step was hit
)

// tally counts the steps that were hit.
type tally struct {
	mu    sync.Mutex
	kills int
	steps map[string]map[step]int
	ended map[string]map[string]int
}

func (c *tally) note(kind string, s step, end string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.steps[kind] == nil {
		c.steps[kind], c.ended[kind] = map[step]int{}, map[string]int{}
	}
	c.steps[kind][s]++
	c.ended[kind][fmt.Sprintf("%s: %s", s, end)]++
}

// complete reports whether there were enough points of a kind, and each step
// among them.
func (c *tally) complete(kind string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	points := 0
	for _, s := range between {
		points += c.steps[kind][s]
		if c.steps[kind][s] == 0 {
			return false
		}
	}
	return points*len(chaosKinds) >= chaosPoints
}

// chaosKind is a kind of request, at a kind of bank.
type chaosKind struct {
	name  string
	rules sandbox.TokenRules
	token string // section of the configuration
	code  bool
}

var chaosKinds = []chaosKind{
	{name: "code exchange", code: true},
	{name: "refresh, the refresh token survives", rules: sandbox.TokenRules{Refresh: sandbox.RefreshOld}},
	{name: "refresh, the refresh token rotates", token: "refresh_survives off",
		rules: sandbox.TokenRules{Refresh: sandbox.RefreshRotated, ReuseDetection: true}},
}

// TestKilledSidecars kills processes with SIGKILL while they exchange codes and
// refresh tokens, at random moments around each step. Others, or the same ones
// started anew, go on with the grants: no authorization is lost that the bank
// honours, and none is refreshed twice.
func TestKilledSidecars(t *testing.T) {
	t.Parallel()
	count := &tally{steps: map[string]map[step]int{}, ended: map[string]map[string]int{}}
	var worlds sync.WaitGroup
	for _, kind := range chaosKinds {
		for range 3 {
			w := newWorld(t, kind.rules, parts{token: kind.token})
			c := &chaos{world: w, kind: kind, count: count}
			worlds.Go(c.run)
		}
	}
	worlds.Wait()
	for kind, steps := range count.steps {
		t.Logf("%s: %v", kind, steps)
		for end, times := range count.ended[kind] {
			t.Logf("    %3d %s", times, end)
		}
	}
	t.Logf("%d processes were killed", count.kills)
	for _, kind := range chaosKinds {
		if !t.Failed() && !count.complete(kind.name) {
			t.Errorf("%s: not each step was hit, or too few points: %v", kind.name, count.steps[kind.name])
		}
	}
}

// chaos is what goes on in one storage.
type chaos struct {
	*world
	kind  chaosKind
	count *tally
	trial int
}

// victim is a grant that is in the middle of something.
type victim struct {
	person
	code   string // to exchange, or
	before record // to refresh
	step   step
}

// secret is what must not be used twice.
func (v *victim) secret() string {
	if v.code != "" {
		return v.code
	}
	return v.before.Refresh
}

func (c *chaos) run() {
	rounds := make([][]*victim, chaosRounds+chaosExtra)
	maker := c.start("maker")
	for n := range rounds {
		for range chaosGrants {
			rounds[n] = append(rounds[n], c.newVictim(maker))
		}
	}
	maker.stop() // and with it, what keeps its locks fresh
	c.bank.ExpireTokens()
	rescuer := c.start("rescuer")
	for n, victims := range rounds {
		if n >= chaosRounds && c.count.complete(c.kind.name) {
			break
		}
		name := fmt.Sprintf("victim-%d", n)
		doomed := c.start(name)
		c.strike(doomed, victims)
		if n%2 == 1 {
			c.rescue(c.start(name+"-again"), victims)
		} else {
			c.rescue(rescuer, victims)
		}
	}
}

func (c *chaos) newVictim(maker *process) *victim {
	if c.kind.code {
		return &victim{person: c.newPerson()}
	}
	v := &victim{person: maker.grant()}
	v.before, _ = c.record(v.person)
	return v
}

// strike makes a sidecar work on all grants, and kills it.
func (c *chaos) strike(doomed *process, victims []*victim) {
	for _, v := range victims {
		if c.kind.code {
			v.code = c.code(v.person)
		}
	}
	c.network.delays(time.Duration(20+rand.IntN(60)) * time.Millisecond)
	check(c.t, c.bank.Faults().SetToken(sandbox.Fault{Processed: c.trial%3 == 0,
		Delay: sandbox.Wait(50+rand.IntN(150)) * sandbox.Wait(time.Millisecond)}))
	trigger := c.trigger(victims[rand.IntN(len(victims))])
	var calls sync.WaitGroup
	for _, v := range victims {
		calls.Go(func() {
			time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
			if v.code != "" {
				doomed.exchange(v.person, v.code)
			} else {
				doomed.accounts(v.person)
			}
		})
	}
	trigger()
	doomed.kill()
	for _, v := range victims {
		v.step = c.judge(v)
	}
	calls.Wait()
	c.network.delays(0)
	c.bank.Faults().Clear()
	for _, v := range victims { // nobody has touched the records since
		v.step = c.look(v)
	}
	c.count.mu.Lock()
	defer c.count.mu.Unlock()
	c.count.kills++
}

// trigger waits for a moment to strike: one after the other, those at which the
// request of one grant comes a step further, and a little later.
func (c *chaos) trigger(v *victim) func() {
	arrived, file := c.arrival(v.secret()), c.recordFile(v.person)
	c.trial++
	switch moment := c.trial % 5; moment {
	case 0:
		return func() { time.Sleep(time.Duration(100+rand.IntN(500)) * time.Millisecond) }
	case 1, 2:
		return func() {
			select {
			case <-arrived:
			case <-time.After(3 * time.Second):
			}
			time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		}
	default: // announced, or the answer is stored
		times := 5 - moment
		return func() {
			writes(c.t, file, times)
			if times == 1 {
				time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
			}
		}
	}
}

// judge says how far the bank had come when the sidecar was killed.
func (c *chaos) judge(v *victim) step {
	switch {
	case v.code != "" && c.honoured(v.person), c.refreshes(v.person).Processed > 0:
		return processed
	case c.arrivals(v.secret()) > 0:
		return asked
	}
	return announced
}

// look says what the sidecar had stored.
func (c *chaos) look(v *victim) step {
	r, found := c.record(v.person)
	switch {
	case !found, r.Pending == nil && r.Epoch == v.before.Epoch:
		return beforeAsked
	case r.Pending == nil:
		return settled
	case len(r.Pending.Answer) > 0:
		return stored
	}
	return v.step
}
