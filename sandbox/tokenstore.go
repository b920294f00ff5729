package sandbox

import (
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// codeLifetime is how long an authorization code lives.
	codeLifetime = 5 * time.Minute
	// refreshLifetime is that of refresh tokens and of the strong
	// authentication behind them (180 days, RTS article 10a).
	refreshLifetime = 180 * 24 * time.Hour
	// maxGrants bounds the store; beyond it expired grants are swept.
	maxGrants = 10_000
)

// grant is what one token pair stands for.
type grant struct {
	Access, Refresh               string
	AccessExpires, RefreshExpires time.Time
	ClientID, Role, Scope         string
	PSU                           string            // persona's login, "" for client_credentials
	Thumbprint                    [sha256.Size]byte // of the QWAC (RFC 8705 x5t#S256)
}

func (g *grant) has(scope string) bool { return slices.Contains(strings.Fields(g.Scope), scope) }

// authorization is an authorization code not exchanged yet, or already.
type authorization struct {
	Expires                      time.Time
	ClientID, RedirectURI, Scope string
	PSU                          string
	Used                         bool
	Issued                       *grant
}

// tokenStore holds codes and tokens. Grants are never changed once stored:
// a refresh stores a new one.
type tokenStore struct {
	mu      sync.Mutex
	codes   map[string]*authorization
	access  map[string]*grant
	refresh map[string]*grant
}

func newTokenStore() *tokenStore {
	return &tokenStore{codes: map[string]*authorization{}, access: map[string]*grant{}, refresh: map[string]*grant{}}
}

// roleScope picks the scope that names the role out of a scope list.
func roleScope(scope string) string {
	for s := range strings.FieldsSeq(scope) {
		if roleForScope(s) != "" {
			return s
		}
	}
	return ""
}

func (s *tokenStore) newCode(now time.Time, a *authorization) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for code, old := range s.codes {
		if now.After(old.Expires) {
			delete(s.codes, code)
		}
	}
	a.Expires = now.Add(codeLifetime)
	code := rand.Text() // 26 characters; the page allows 34
	s.codes[code] = a
	return code
}

// useCode takes a code out of use. A code used twice revokes what it gave
// (RFC 6749 section 4.1.2).
func (s *tokenStore) useCode(now time.Time, code string) (*authorization, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.codes[code]
	if !ok || now.After(a.Expires) {
		return nil, false
	}
	if a.Used {
		if a.Issued != nil {
			s.drop(s.latest(a.Issued))
		}
		return nil, false
	}
	a.Used = true
	return a, true
}

// latest is the grant a refreshed one was replaced by.
func (s *tokenStore) latest(g *grant) *grant {
	if now, ok := s.refresh[g.Refresh]; ok && g.Refresh != "" {
		return now
	}
	return g
}

func (s *tokenStore) drop(g *grant) {
	delete(s.access, g.Access)
	if g.Refresh != "" {
		delete(s.refresh, g.Refresh)
	}
}

// issue stores a new grant. With a PSU it ends every other grant of the same
// PSU, TPP and role: BPCE knows at most one live pair.
func (s *tokenStore) issue(now time.Time, lifetime time.Duration, g grant) *grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.PSU != "" {
		for _, old := range s.refresh {
			if old.PSU == g.PSU && old.ClientID == g.ClientID && old.Role == g.Role {
				s.drop(old)
			}
		}
		if g.Refresh == "" {
			g.Refresh = "r" + rand.Text() + rand.Text()
		}
		if g.RefreshExpires.IsZero() {
			g.RefreshExpires = now.Add(refreshLifetime)
		}
		s.refresh[g.Refresh] = &g
	}
	if len(s.access) >= maxGrants {
		for token, old := range s.access {
			if now.After(old.AccessExpires) {
				delete(s.access, token)
			}
		}
	}
	g.Access = "a" + rand.Text() + rand.Text()
	g.AccessExpires = now.Add(lifetime)
	s.access[g.Access] = &g
	return &g
}

// codeGave notes which grant a code led to.
func (s *tokenStore) codeGave(a *authorization, g *grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.Issued = g
}

func (s *tokenStore) byAccess(token string) (*grant, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.access[token]
	return g, ok
}

func (s *tokenStore) byRefresh(token string) (*grant, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.refresh[token]
	return g, ok
}

// expireAll ends all access tokens; refresh tokens stay.
func (s *tokenStore) expireAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
}

func (s *tokenStore) revokeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
	clear(s.refresh)
}
