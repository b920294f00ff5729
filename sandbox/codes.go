package sandbox

import (
	"crypto/rand"
	"time"
)

// authorization is an authorization code not exchanged yet, or already.
type authorization struct {
	ClientID, RedirectURI, Scope string
	PSU                          string
	// Challenge is the code_challenge (S256), "" without PKCE.
	Challenge string
	Nonce     string
	// Intent is Open Banking's consent, "" elsewhere.
	Intent string
	// Authenticated is when the PSU's strong authentication was.
	Authenticated time.Time

	expires time.Time
	used    bool
	issued  *family
}

// newCode makes a code for an authorization.
func (s *tokenStore) newCode(now time.Time, lifetime time.Duration, a *authorization) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for code, old := range s.codes {
		if now.After(old.expires) {
			delete(s.codes, code)
		}
	}
	a.Authenticated, a.expires = now, now.Add(lifetime)
	code := rand.Text() // 26 characters; the page allows 34
	s.codes[code] = a
	s.issued(code)
	return code
}

// useCode takes a code out of use. A code used twice revokes what it gave
// (RFC 6749 section 4.1.2).
func (s *tokenStore) useCode(now time.Time, code string) (*authorization, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.codes[code]
	if !ok || now.After(a.expires) {
		return nil, false
	}
	if a.used {
		s.end(a.issued, "its code was used twice")
		return nil, false
	}
	a.used = true
	return a, true
}
