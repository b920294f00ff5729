package sandbox

import (
	"crypto/sha256"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// idempotencyPeriod is how long an x-idempotency-key counts (Open Banking
// Read/Write API 3.1.x, "Idempotency").
const idempotencyPeriod = 24 * time.Hour

// idempotent are the answers given under idempotency keys.
type idempotent struct {
	mu sync.Mutex
	m  map[string]*keptAnswer
}

type keptAnswer struct {
	body   [sha256.Size]byte
	answer *answer
	until  time.Time
}

// once runs an endpoint, or repeats the answer that was given for the same key
// and body before. Refusals are not kept: the request can be put right.
func (c *call) once(run func(*call) (*answer, *problem)) (*answer, *problem) {
	key, ok := c.msg.first(idempotencyKey)
	if !ok {
		return run(c)
	}
	where := strings.Join([]string{c.grant.ClientID, c.msg.Method, c.r.URL.Path, key}, " ")
	sum := sha256.Sum256(c.plainBody())
	store := &c.bank.idempotent
	// Held while the endpoint runs: two requests at once are one payment, too.
	store.mu.Lock()
	defer store.mu.Unlock()
	kept := store.m[where]
	switch {
	case kept == nil || c.bank.now().After(kept.until):
	case kept.body != sum:
		return nil, refuse(http.StatusBadRequest, codeRequest, "the %s was used before, with another body", idempotencyKey)
	default:
		return kept.answer.copy(), nil
	}
	a, p := run(c)
	if p == nil {
		if store.m == nil {
			store.m = map[string]*keptAnswer{}
		}
		store.m[where] = &keptAnswer{sum, a.copy(), c.bank.now().Add(idempotencyPeriod)}
	}
	return a, p
}

// plainBody is the body, or what a signed one says.
func (c *call) plainBody() []byte {
	if c.opened != nil {
		return c.opened
	}
	return c.body
}

func (a *answer) copy() *answer {
	return &answer{a.status, maps.Clone(a.header), append([]byte(nil), a.body...)}
}
