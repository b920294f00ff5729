package sandbox

import (
	"net/http"
	"strings"
	"sync"
)

// quota counts calls made without the PSU, per calendar day.
type quota struct {
	limit int

	mu     sync.Mutex
	day    string
	counts map[string]int
}

func newQuota(limit int) *quota { return &quota{limit: limit, counts: map[string]int{}} }

// take counts a call; false if it is one too many.
func (q *quota) take(day, key string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.day != day {
		q.day = day
		clear(q.counts)
	}
	q.counts[key]++
	return q.counts[key] <= q.limit
}

// checkUnattended applies Options.UnattendedPerDay to calls that nothing else
// is wrong with.
func (c *call) checkUnattended() {
	if c.bank.unattended.limit == 0 || len(c.problems) > 0 {
		return
	}
	for _, name := range []string{"psu-ip-address", customerIP} {
		if _, attended := c.msg.first(name); attended {
			return
		}
	}
	if c.grant == nil || c.endpoint.unattended {
		return // Open Banking's consents are the TPP's own doing
	}
	key := strings.Join([]string{c.qwac.OrgID, c.endpoint.name, c.grant.PSU, c.params["id"], c.msg.Method}, " ")
	if !c.bank.unattended.take(c.bank.now().UTC().Format("2006-01-02"), key) {
		c.fail(http.StatusTooManyRequests, codeTooMany, "more than %d calls without PSU-IP-Address on one day", c.bank.unattended.limit)
	}
}
