package sandbox

import (
	"maps"
	"slices"
	"sync"
)

// Outcomes of a request to the token endpoint.
const (
	// OutcomeGranted is a request whose tokens were issued and sent.
	OutcomeGranted = "granted"
	// OutcomeRefused is a request answered with the bank's own refusal.
	OutcomeRefused = "refused"
	// OutcomeUnprocessed is a request that a fault kept the bank from acting on.
	OutcomeUnprocessed = "unprocessed"
	// OutcomeLost is a request whose tokens were issued, while a fault kept the
	// answer back, spoiled it or put another in its place.
	OutcomeLost = "granted_lost"
	// OutcomeRefusedLost is the same with a refusal.
	OutcomeRefusedLost = "refused_lost"
)

// TokenStats count what came to the token endpoint, since start or Reset.
type TokenStats struct {
	// Outcomes counts requests by grant_type ("other" if it is none that the
	// bank knows) and by outcome.
	Outcomes map[string]map[string]int `json:"outcomes,omitempty"`
	// Refreshes sums up all refreshes, PSUs those of a PSU by its login, Tokens
	// those with a refresh token by its TokenHash.
	Refreshes RefreshStats            `json:"refreshes"`
	PSUs      map[string]RefreshStats `json:"psus,omitempty"`
	Tokens    map[string]RefreshStats `json:"refresh_tokens,omitempty"`
}

// RefreshStats count refreshes.
type RefreshStats struct {
	// Asked counts requests that arrived, whatever became of them.
	Asked int `json:"asked"`
	// Processed counts those for which the bank issued a new access token,
	// whether or not the answer went out.
	Processed int `json:"processed"`
	// Reused counts those with a refresh token that was dead on arrival.
	Reused int `json:"reused"`
}

// tokenLedger keeps TokenStats.
type tokenLedger struct {
	mu    sync.Mutex
	stats TokenStats
}

// grantLabel bounds the names in TokenStats.
func grantLabel(grantType string) string {
	if slices.Contains([]string{"authorization_code", "refresh_token", "client_credentials"}, grantType) {
		return grantType
	}
	return "other"
}

func (l *tokenLedger) finished(grantType, outcome string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stats.Outcomes == nil {
		l.stats.Outcomes = map[string]map[string]int{}
	}
	label := grantLabel(grantType)
	if l.stats.Outcomes[label] == nil {
		l.stats.Outcomes[label] = map[string]int{}
	}
	l.stats.Outcomes[label][outcome]++
}

// refresh applies a change to all counters that a refresh token belongs to.
// Only tokens that the bank gave have counters of their own.
func (l *tokenLedger) refresh(token, psu string, known bool, change func(*RefreshStats)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.stats.Refreshes)
	if !known {
		return
	}
	if l.stats.Tokens == nil {
		l.stats.Tokens, l.stats.PSUs = map[string]RefreshStats{}, map[string]RefreshStats{}
	}
	for _, in := range []struct {
		m   map[string]RefreshStats
		key string
	}{{l.stats.Tokens, TokenHash(token)}, {l.stats.PSUs, psu}} {
		s := in.m[in.key]
		change(&s)
		in.m[in.key] = s
	}
}

// refreshAsked counts a refresh on arrival, before any fault or check.
func (b *Bank) refreshAsked(token string) {
	psu, dead, known := b.ownerOf(token)
	b.tokenCalls.refresh(token, psu, known, func(s *RefreshStats) {
		s.Asked++
		if dead {
			s.Reused++
		}
	})
}

// refreshProcessed counts one that gave a new access token.
func (b *Bank) refreshProcessed(token, psu string) {
	b.tokenCalls.refresh(token, psu, true, func(s *RefreshStats) { s.Processed++ })
}

func (l *tokenLedger) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats = TokenStats{}
}

func (l *tokenLedger) snapshot() TokenStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.PSUs, s.Tokens = maps.Clone(s.PSUs), maps.Clone(s.Tokens)
	s.Outcomes = maps.Clone(s.Outcomes)
	for label, counts := range s.Outcomes {
		s.Outcomes[label] = maps.Clone(counts)
	}
	return s
}
