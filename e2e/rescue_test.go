package e2e

import (
	"fmt"
	"slices"
	"sync"
)

// rescue uses the grants after the kill.
func (c *chaos) rescue(rescuer *process, victims []*victim) {
	var calls sync.WaitGroup
	for _, v := range victims {
		calls.Go(func() {
			a := rescuer.settled(v.person)
			end := a.code
			if a.ok() {
				end = "usable"
			}
			c.count.note(c.kind.name, v.step, end)
			c.verify(rescuer, v, a)
		})
	}
	calls.Wait()
}

// verify wants nothing to be lost, and nothing to be done twice.
func (c *chaos) verify(rescuer *process, v *victim, a answer) {
	failed := func(format string, args ...any) {
		c.t.Errorf("%s, killed with %q: %s (answer %d %s, %v; bank %+v, honoured %t, arrived %d times)\n%s", c.kind.name, v.step,
			fmt.Sprintf(format, args...), a.status, a.code, a.err, c.refreshes(v.person), c.honoured(v.person),
			c.arrivals(v.secret()), tail(rescuer.said.String()))
	}
	most, stats := 1, c.refreshes(v.person)
	unclear := slices.Contains([]step{announced, asked, processed}, v.step)
	quarantined := a.code == "grant-quarantined"
	switch {
	case a.ok():
	case quarantined && unclear && c.kind.token != "":
	case a.code == "authorization-answer-lost" && unclear && c.kind.code:
	case c.kind.code && a.code == "grant-unknown" && v.step == beforeAsked && !c.honoured(v.person):
	default:
		failed("the grant is lost")
		return
	}
	if unclear && !c.kind.code && c.kind.token == "" {
		most = 2 // the one sanctioned repetition
	}
	if c.arrivals(v.secret()) > most || stats.Asked > most || stats.Processed > most || stats.Reused > 0 {
		failed("asked or processed more than %d times", most)
	}
	if quarantined && stats.Processed == 0 {
		c.release(rescuer, v, failed)
	}
}

// release frees a grant that the bank never refreshed: it has to go on.
func (c *chaos) release(rescuer *process, v *victim, failed func(string, ...any)) {
	if a := rescuer.ask("POST", about(v.person)+"/release", nil); !a.ok() {
		failed("not released: %d %s", a.status, a.body)
		return
	}
	if a := rescuer.settled(v.person); !a.ok() {
		failed("not usable after its release: %d %s", a.status, a.code)
	}
	if stats := c.refreshes(v.person); stats.Processed != 1 || stats.Reused > 0 {
		failed("after its release the bank counts %+v", stats)
	}
	c.count.note(c.kind.name, v.step, "quarantined, the bank had done nothing; usable after its release")
}
