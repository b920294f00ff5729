package sandbox

import (
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"time"
)

// sweepFrom is the number of tokens from which expired ones are swept out.
const sweepFrom = 10_000

// grant is what an access token stands for. It is never changed.
type grant struct {
	Access        string
	AccessExpires time.Time
	// ClientID is the OAuth client, Org the organization its QWAC names.
	ClientID, Org, Role, Scope string
	PSU                        string            // persona's login, "" for client_credentials
	Thumbprint                 [sha256.Size]byte // of the QWAC (RFC 8705 x5t#S256)
	family                     *family           // nil for client_credentials
	Intent                     string            // Open Banking's consent, "" elsewhere
}

func (g *grant) has(scope string) bool { return slices.Contains(strings.Fields(g.Scope), scope) }

// family is one authorization by a PSU: the tokens that came of one code. Its
// fields are guarded by the store's mutex.
type family struct {
	ClientID, Org, Role, Scope, PSU string
	Intent                          string // Open Banking's consent, "" elsewhere

	nonce         string
	authenticated time.Time     // the strong authentication
	ended         string        // why the bank no longer honours it; "" while it does
	access        *grant        // the one live access token
	refresh       *refreshToken // the one current refresh token, nil if there is none
}

// key is what one authorization lives under. Open Banking's live by consent.
func (f *family) key() string { return strings.Join([]string{f.PSU, f.Org, f.Role, f.Intent}, " ") }

// refreshToken is remembered when it is dead, too, to tell reuse from guessing.
type refreshToken struct {
	value    string
	family   *family
	issued   time.Time
	replaced time.Time // when it was rotated away; zero while it is current
}

// tokenStore holds codes and tokens.
type tokenStore struct {
	mu      sync.Mutex
	codes   map[string]*authorization
	access  map[string]*grant        // live ones only
	refresh map[string]*refreshToken // dead ones, too
	live    map[string]*family       // by PSU, TPP and role
	sweepAt int
	issued  func(value string) // Options.OnIssue
}

func newTokenStore() *tokenStore {
	return &tokenStore{issued: func(string) {}, codes: map[string]*authorization{}, access: map[string]*grant{}, refresh: map[string]*refreshToken{},
		live: map[string]*family{}, sweepAt: sweepFrom}
}

// roleScope picks the scope that names the role out of a scope list. ING's
// names stand for STET's.
func roleScope(scope string) string {
	for s := range strings.FieldsSeq(scope) {
		switch {
		case strings.HasPrefix(s, ingScope):
			return "aisp"
		case roleForScope(s) != "" || obieRole(s) != "":
			return s
		}
	}
	return ""
}

// end makes a family and all its tokens worthless.
func (s *tokenStore) end(f *family, why string) {
	if f == nil || f.ended != "" {
		return
	}
	f.ended = why
	s.dropAccess(f)
	if s.live[f.key()] == f {
		delete(s.live, f.key())
	}
}

func (s *tokenStore) dropAccess(f *family) {
	if f.access != nil {
		delete(s.access, f.access.Access)
		f.access = nil
	}
}

// newAccess issues an access token; the family's former one dies.
func (s *tokenStore) newAccess(now time.Time, rules *TokenRules, g grant) *grant {
	s.sweep(now)
	g.Access = "a" + rand.Text() + rand.Text()
	s.issued(g.Access)
	g.AccessExpires = now.Add(time.Duration(rules.Lifetime))
	if g.family != nil {
		s.dropAccess(g.family)
		g.family.access = &g
	}
	s.access[g.Access] = &g
	return &g
}

func (s *tokenStore) newRefresh(now time.Time, f *family) {
	if f.refresh != nil {
		f.refresh.replaced = now
	}
	f.refresh = &refreshToken{value: "r" + rand.Text() + rand.Text(), family: f, issued: now}
	s.refresh[f.refresh.value] = f.refresh
	s.issued(f.refresh.value)
}

// sweep forgets what has expired once there is a lot.
func (s *tokenStore) sweep(now time.Time) {
	if len(s.access)+len(s.refresh) < s.sweepAt {
		return
	}
	for token, g := range s.access {
		if now.After(g.AccessExpires) {
			delete(s.access, token)
		}
	}
	for token, r := range s.refresh {
		if r.family.ended != "" {
			delete(s.refresh, token)
		}
	}
	s.sweepAt = max(sweepFrom, 2*(len(s.access)+len(s.refresh)))
}

// issue gives a token without a PSU.
func (s *tokenStore) issue(now time.Time, rules *TokenRules, g grant) *grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newAccess(now, rules, g)
}

// exchange gives a first pair for a code. It ends every other authorization
// of the same PSU, TPP and role: BPCE knows at most one live pair.
func (s *tokenStore) exchange(now time.Time, rules *TokenRules, a *authorization, org string, thumbprint [sha256.Size]byte) pair {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &family{ClientID: a.ClientID, Org: org, Role: roleScope(a.Scope), Scope: a.Scope, PSU: a.PSU,
		nonce: a.Nonce, authenticated: a.Authenticated, Intent: a.Intent}
	s.end(s.live[f.key()], "replaced by a later authorization of the same PSU, TPP and role")
	s.live[f.key()] = f
	a.issued = f
	if !rules.NoRefreshToken {
		s.newRefresh(now, f)
	}
	p := pair{grant: s.newAccess(now, rules, grant{ClientID: f.ClientID, Org: org, Role: f.Role, Scope: f.Scope, PSU: f.PSU,
		Thumbprint: thumbprint, family: f, Intent: f.Intent})}
	if f.refresh != nil {
		p.Refresh = f.refresh.value
	}
	return p
}

// pair is what an answer holds.
type pair struct {
	*grant
	Refresh string
}

// Reasons why a refresh token is not taken.
const (
	refreshUnknown = "the refresh token is unknown or revoked"
	refreshStale   = "the strong authentication is older than %d days"
	refreshForeign = "the refresh token was issued to another client"
)

// renew gives a new access token for a refresh token, after may has agreed.
func (s *tokenStore) renew(now time.Time, rules *TokenRules, token, clientID string, thumbprint [sha256.Size]byte,
	may func(scope string) *problem) (pair, *problem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.refresh[token]
	if !ok {
		return pair{}, refuse(400, "invalid_grant", refreshUnknown)
	}
	f := r.family
	switch {
	case f.ClientID != clientID:
		return pair{}, refuse(400, "invalid_grant", refreshForeign)
	case f.ended != "":
		return pair{}, refuse(400, "invalid_grant", "%s: %s", refreshUnknown, f.ended)
	case !r.current(now, rules):
		if rules.ReuseDetection {
			s.end(f, "a rotated refresh token was used again")
		}
		return pair{}, refuse(400, "invalid_grant", "%s: it was rotated away", refreshUnknown)
	case now.After(f.authenticated.Add(rules.consent())):
		return pair{}, refuse(400, "invalid_grant", refreshStale, rules.ConsentDays)
	}
	if p := may(f.Scope); p != nil {
		return pair{}, p
	}
	if rules.Refresh == RefreshRotated {
		s.newRefresh(now, f)
	}
	p := pair{grant: s.newAccess(now, rules, grant{ClientID: f.ClientID, Org: f.Org, Role: f.Role, Scope: f.Scope, PSU: f.PSU,
		Thumbprint: thumbprint, family: f, Intent: f.Intent})}
	if rules.Refresh != RefreshNone {
		p.Refresh = f.refresh.value
	}
	return p, nil
}

// current tells whether the token is the family's latest, or was until a
// moment ago that the rules forgive.
func (r *refreshToken) current(now time.Time, rules *TokenRules) bool {
	return r.replaced.IsZero() || now.Before(r.replaced.Add(time.Duration(rules.RefreshGrace)))
}

func (s *tokenStore) byAccess(token string) (*grant, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.access[token]
	return g, ok
}

// authenticated is when the PSU behind a grant authenticated; false without one.
func (s *tokenStore) authenticated(g *grant) (time.Time, bool) {
	if g.family == nil {
		return time.Time{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return g.family.authenticated, true
}

// expireAll ends all access tokens; refresh tokens stay.
func (s *tokenStore) expireAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
	for _, f := range s.live {
		f.access = nil
	}
}

// endIntent ends what was authorized under a consent of Open Banking.
func (s *tokenStore) endIntent(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.live {
		if f.Intent == id {
			s.end(f, "its consent was deleted")
		}
	}
}

// revokeAll ends everything.
func (s *tokenStore) revokeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.live {
		s.end(f, "revoked at the bank")
	}
	clear(s.access)
}
