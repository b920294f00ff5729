package tokens

import (
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-tpp/caddy-tpp/jws"
)

// Grants beside [GrantNone] and [GrantClientCredentials].
const (
	// GrantBasic is no token: client_id and client_secret go along with every
	// call (RFC 7617).
	GrantBasic = "basic"
	// GrantJWT is a JWT of the TPP's own making, sent like a token.
	GrantJWT = "jwt"
	// GrantDelivered is a token that the bank posts to the TPP when asked.
	GrantDelivered = "delivered"
)

// grants lists all values of Spec.Grant.
var grants = []string{GrantNone, GrantClientCredentials, GrantBasic, GrantJWT, GrantDelivered}

const (
	// defaultParameter, defaultWait and the lengths are Delivered's.
	defaultParameter = "token"
	defaultWait      = 10 * time.Second
	maxWait          = 10 * time.Minute
	defaultMaxLength = 4096
	// largestLength is more than any header can carry.
	largestLength = 32 << 10
)

// Fetches tells whether a token of the TPP itself is fetched, or made, and kept.
func (s *Spec) Fetches() bool {
	return s.Grant == GrantClientCredentials || s.Grant == GrantJWT || s.Grant == GrantDelivered
}

// TokenHeader is the header that carries the token, in the spelling for the
// wire. bare means without a scheme in front.
func (s *Spec) TokenHeader() (name string, bare bool) {
	if s.Header != "" {
		return s.Header, true
	}
	return "Authorization", false
}

// checkOwn is Validate for what is sent in place of an issued token.
func (s *Spec) checkOwn(refuse refuseFunc) {
	if s.Grant != "" && !slices.Contains(grants, s.Grant) {
		refuse("grant %q is not known: use one of %s", s.Grant, strings.Join(grants, ", "))
	}
	if s.Header != "" && !isHeaderName(s.Header) {
		refuse("header %q is no header name: use letters, digits, hyphens and underscores", s.Header)
	}
	if s.Grant == GrantBasic && s.Header != "" {
		refuse("header contradicts grant %q, whose credentials go into Authorization: drop one", GrantBasic)
	}
	if a := s.JWT.Algorithm; a != "" && !slices.Contains(jwtAlgorithms, jose.SignatureAlgorithm(a)) {
		refuse("jwt.algorithm %q is not known: use one of %v", a, jwtAlgorithms)
	}
	if _, err := jws.CompileMembers(s.JWT.Claims); err != nil {
		refuse("jwt.claims: %w", err)
	}
	if _, err := jws.CompileMembers(s.JWT.Members); err != nil {
		refuse("jwt.members: %w", err)
	}
	for _, name := range []string{"alg", "b64", "crit", "kid"} {
		if _, given := s.JWT.Members[name]; given {
			refuse("jwt.members: %q is made by the sidecar: leave it out (the kid is jwt.key_id)", name)
		}
	}
	if s.Delivered.Wait > Duration(maxWait) {
		refuse("delivered.wait is longer than %s: a call waits as long", maxWait)
	}
	if low, high := s.Delivered.lengths(); low < 1 || high < low || high > largestLength {
		refuse("delivered: lengths of %d to %d: min_length must be at least 1 and no more than max_length, and that at most %d", low, high, largestLength)
	}
}

// isHeaderName tells whether text is a header name of the usual kind.
func isHeaderName(text string) bool {
	for i := range len(text) {
		c := text[i]
		if letter := c|0x20 >= 'a' && c|0x20 <= 'z'; !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return text != ""
}

func (d *Delivered) parameter() string {
	if d.Parameter != "" {
		return d.Parameter
	}
	return defaultParameter
}

func (d *Delivered) wait() time.Duration { return orDefault(d.Wait, defaultWait) }

func (d *Delivered) lengths() (low, high int) {
	low, high = d.MinLength, d.MaxLength
	if low == 0 {
		low = 1
	}
	if high == 0 {
		high = max(defaultMaxLength, low)
	}
	return low, high
}
