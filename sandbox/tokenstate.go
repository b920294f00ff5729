package sandbox

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// TokenHash is how tokens are named where their values have no place: the
// first 16 characters of the lower-case hexadecimal SHA-256.
func TokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:8])
}

// Pair is one authorization of a PSU that the bank honours, as the bank sees it.
type Pair struct {
	PSU      string `json:"psu"`
	ClientID string `json:"client_id"`
	Role     string `json:"role"`
	Scope    string `json:"scope"`
	// AuthenticatedAt is when the PSU's strong authentication was, ConsentUntil
	// how long it counts.
	AuthenticatedAt time.Time `json:"authenticated_at"`
	ConsentUntil    time.Time `json:"consent_until"`
	// Access is the TokenHash of the live access token, "" if there is none.
	Access string `json:"access,omitempty"`
	// Refresh is the TokenHash of the current refresh token, "" if there is none.
	Refresh string `json:"refresh,omitempty"`
}

// Pairs are the authorizations of a PSU ("": of all) that the bank honours at
// this moment, in the order of PSU and role. A consent that is too old is not
// among them.
func (b *Bank) Pairs(psu string) []Pair {
	rules, now := b.Rules().Tokens, b.now()
	s := b.tokens
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Pair{}
	for _, f := range s.live {
		until := f.authenticated.Add(rules.consent())
		if (psu != "" && f.PSU != psu) || now.After(until) {
			continue
		}
		p := Pair{PSU: f.PSU, ClientID: f.ClientID, Role: f.Role, Scope: f.Scope, AuthenticatedAt: f.authenticated, ConsentUntil: until}
		if f.access != nil && !now.After(f.access.AccessExpires) {
			p.Access = TokenHash(f.access.Access)
		}
		if f.refresh != nil {
			p.Refresh = TokenHash(f.refresh.value)
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(a.PSU, b.PSU), cmp.Compare(a.Role, b.Role), cmp.Compare(a.ClientID, b.ClientID))
	})
	return list
}

// TokenState is what the bank thinks of one token.
type TokenState struct {
	// Known is false for a token that the bank never gave, or that it forgot:
	// access tokens are forgotten when they die.
	Known bool `json:"known"`
	// Live tells that the bank would honour it now.
	Live bool `json:"live"`
	// Kind is "access" or "refresh", PSU its owner's login ("" without one).
	Kind string `json:"kind,omitempty"`
	PSU  string `json:"psu,omitempty"`
	// Why says why it is not live.
	Why string `json:"why,omitempty"`
}

// TokenState looks a token up by at least the first 16 characters of the
// hexadecimal SHA-256 of its value.
func (b *Bank) TokenState(hash string) TokenState {
	rules, now := b.Rules().Tokens, b.now()
	s := b.tokens
	s.mu.Lock()
	defer s.mu.Unlock()
	for value, g := range s.access {
		if !hashFits(value, hash) {
			continue
		}
		st := TokenState{Known: true, Kind: "access", PSU: g.PSU}
		switch {
		case now.After(g.AccessExpires):
			st.Why = "it has expired"
		case g.family != nil && now.After(g.family.authenticated.Add(rules.consent())):
			st.Why = "the strong authentication is too old"
		}
		st.Live = st.Why == ""
		return st
	}
	for value, r := range s.refresh {
		if !hashFits(value, hash) {
			continue
		}
		st := TokenState{Known: true, Kind: "refresh", PSU: r.family.PSU, Why: r.family.ended}
		switch {
		case st.Why != "":
		case !r.current(now, &rules):
			st.Why = "it was rotated away"
		case now.After(r.family.authenticated.Add(rules.consent())):
			st.Why = "the strong authentication is too old"
		}
		st.Live = st.Why == ""
		return st
	}
	return TokenState{}
}

func hashFits(value, hash string) bool {
	sum := sha256.Sum256([]byte(value))
	return len(hash) >= 16 && strings.HasPrefix(hex.EncodeToString(sum[:]), hash)
}

// RevokeConsent ends what a PSU ("": any) authorized for a role ("": any), as
// if the PSU had withdrawn it at the bank. It returns the number ended.
func (b *Bank) RevokeConsent(psu, role string) int {
	return b.eachConsent(psu, role, func(f *family) { b.tokens.end(f, "revoked at the bank") })
}

// AgeConsents makes the strong authentication behind a PSU's ("": any)
// authorizations that many days older, or younger if below 0. It returns the
// number of authorizations.
func (b *Bank) AgeConsents(psu string, days int) int {
	return b.eachConsent(psu, "", func(f *family) {
		f.authenticated = f.authenticated.Add(-time.Duration(days) * 24 * time.Hour)
	})
}

func (b *Bank) eachConsent(psu, role string, do func(*family)) int {
	s := b.tokens
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, f := range s.live {
		if (psu == "" || f.PSU == psu) && (role == "" || f.Role == role) {
			do(f)
			n++
		}
	}
	return n
}

// ownerOf tells whose refresh token this is, if the bank ever gave it, and
// whether it is dead.
func (b *Bank) ownerOf(refresh string) (psu string, dead, known bool) {
	rules, now := b.Rules().Tokens, b.now()
	s := b.tokens
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.refresh[refresh]
	if !ok {
		return "", false, false
	}
	return r.family.PSU, r.family.ended != "" || !r.current(now, &rules), true
}
