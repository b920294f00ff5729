package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Rules are what the bank's authorization server demands and gives. The zero
// Rules are BPCE's. They may be changed while the bank runs.
type Rules struct {
	Tokens    TokenRules     `json:"tokens"`
	Authorize AuthorizeRules `json:"authorize"`
	IDToken   IDTokenRules   `json:"id_token"`
	Carat     CaratRules     `json:"carat"`
	Answers   AnswerRules    `json:"answers"`
}

// Values of TokenRules.Refresh.
const (
	// RefreshOld answers a refresh with the refresh token that was sent.
	RefreshOld = "old"
	// RefreshRotated answers with another; the one sent dies.
	RefreshRotated = "rotated"
	// RefreshNone answers without; the one sent stays good (RFC 6749 section 6).
	RefreshNone = "none"
)

// Values of TokenRules.Scope.
const (
	ScopeForbidden = "forbidden"
	ScopeRequired  = "required"
	ScopeOptional  = "optional"
)

// Values of TokenRules.ExpiresIn.
const (
	ExpiresNumber   = "number"
	ExpiresMissing  = "missing"
	ExpiresString   = "string"   // the number of seconds in quotation marks
	ExpiresZero     = "zero"     // 0
	ExpiresNegative = "negative" // -1
	ExpiresAbsurd   = "absurd"   // 1e12
)

// TokenRules are the rules of the life of tokens.
type TokenRules struct {
	// Refresh is what a refresh is answered with: RefreshOld (default),
	// RefreshRotated or RefreshNone.
	Refresh string `json:"refresh,omitempty"`
	// RefreshGrace is how long a rotated refresh token is still taken. Default 0.
	RefreshGrace Wait `json:"refresh_grace,omitzero"`
	// ReuseDetection revokes the whole authorization when a refresh token comes
	// that was rotated away (RFC 9700 section 4.14.2).
	ReuseDetection bool `json:"reuse_detection,omitempty"`
	// NoRefreshToken gives none in exchange for a code.
	NoRefreshToken bool `json:"no_refresh_token,omitempty"`
	// Scope in code exchanges and refreshes is ScopeForbidden (default, STET
	// 1.4 part I section 3.4.3.2), ScopeRequired or ScopeOptional.
	Scope string `json:"scope,omitempty"`
	// Unbound takes an access token over any certificate of the TPP that it was
	// issued to. Default false: only over the one it was fetched with (RFC 8705
	// section 3).
	Unbound bool `json:"unbound,omitempty"`
	// Lifetime is an access token's. Default Options.TokenLifetime.
	Lifetime Wait `json:"lifetime,omitzero"`
	// ExpiresIn is how the answer tells it, ExpiresNumber by default. The
	// token lives for Lifetime whatever the answer says.
	ExpiresIn string `json:"expires_in,omitempty"`
	// TokenType is that of answers. Default "Bearer".
	TokenType string `json:"token_type,omitempty"`
	// ConsentDays is how long a strong authentication counts, in days of 24
	// hours. Default 180 (RTS article 10a).
	ConsentDays int `json:"consent_days,omitempty"`
}

// AuthorizeRules are the rules of the code flow. What is not demanded is
// still checked where it is used.
type AuthorizeRules struct {
	// PKCE demands a code_challenge with S256 (RFC 7636).
	PKCE bool `json:"pkce,omitempty"`
	// Pushed demands that the request was pushed (RFC 9126).
	Pushed bool `json:"pushed,omitempty"`
	// RequestObject demands a signed request (RFC 9101).
	RequestObject bool `json:"request_object,omitempty"`
	// Issuer adds iss to what is sent back (RFC 9207).
	Issuer bool `json:"iss,omitempty"`
	// OpenID takes the scope openid, demands a nonce with it and gives an
	// id_token for it.
	OpenID bool `json:"openid,omitempty"`
	// Aliases makes the metadata name endpoints that refuse everything, and the
	// real ones only in mtls_endpoint_aliases (RFC 8705 section 5).
	Aliases bool `json:"mtls_aliases,omitempty"`
	// IntentParameter takes Open Banking's consent as the plain parameter
	// openbanking_intent_id, too. Default: only inside a signed request.
	IntentParameter bool `json:"intent_parameter,omitempty"`
	// CodeLifetime is an authorization code's. Default 5 minutes.
	CodeLifetime Wait `json:"code_lifetime,omitzero"`
}

// Values of IDTokenRules.Wrong.
const (
	WrongNonce     = "nonce"     // another nonce
	WrongAudience  = "aud"       // for another client
	WrongIssuer    = "iss"       // of another issuer
	WrongExpiry    = "exp"       // expired an hour ago
	WrongSignature = "signature" // by a key nobody knows, under the right kid
	WrongHash      = "at_hash"   // of another access token
	WrongNone      = "alg_none"  // not signed
	WrongHMAC      = "alg_hmac"  // HS256 with the public key as the secret
	WrongMissing   = "missing"   // no id_token at all
)

// IDTokenRules are how id_tokens are made.
type IDTokenRules struct {
	// Algorithm is PS256 (default), RS256 or ES256.
	Algorithm string `json:"algorithm,omitempty"`
	// Wrong is what is wrong with them, "" if nothing.
	Wrong string `json:"wrong,omitempty"`
	// OnRefresh gives one in answer to a refresh, too.
	OnRefresh bool `json:"on_refresh,omitempty"`
}

func (r Rules) validate() error {
	for _, field := range []struct {
		name, value string
		allowed     []string
	}{
		{"tokens.refresh", r.Tokens.Refresh, []string{RefreshOld, RefreshRotated, RefreshNone}},
		{"tokens.scope", r.Tokens.Scope, []string{ScopeForbidden, ScopeRequired, ScopeOptional}},
		{"tokens.expires_in", r.Tokens.ExpiresIn,
			[]string{ExpiresNumber, ExpiresMissing, ExpiresString, ExpiresZero, ExpiresNegative, ExpiresAbsurd}},
		{"id_token.algorithm", r.IDToken.Algorithm, []string{"PS256", "RS256", "ES256"}},
		{"id_token.wrong", r.IDToken.Wrong, []string{WrongNonce, WrongAudience, WrongIssuer, WrongExpiry, WrongSignature,
			WrongHash, WrongNone, WrongHMAC, WrongMissing}},
	} {
		if field.value != "" && !slices.Contains(field.allowed, field.value) {
			return fmt.Errorf("%s must be one of %q", field.name, field.allowed)
		}
	}
	if r.Tokens.Lifetime < 0 || r.Tokens.RefreshGrace < 0 || r.Tokens.ConsentDays < 0 || r.Authorize.CodeLifetime < 0 ||
		r.Carat.Lifetime < 0 {
		return errors.New("lifetime, refresh_grace, consent_days and code_lifetime must not be negative")
	}
	if (r.Tokens.ReuseDetection || r.Tokens.RefreshGrace > 0) && r.Tokens.Refresh != RefreshRotated {
		return errors.New("reuse_detection and refresh_grace need refresh rotated")
	}
	return r.Answers.validate()
}

// complete fills in the defaults.
func (r Rules) complete(lifetime time.Duration) Rules {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&r.Tokens.Refresh, RefreshOld)
	set(&r.Tokens.Scope, ScopeForbidden)
	set(&r.Tokens.ExpiresIn, ExpiresNumber)
	set(&r.Tokens.TokenType, "Bearer")
	set(&r.IDToken.Algorithm, "PS256")
	if r.Tokens.Lifetime == 0 {
		r.Tokens.Lifetime = Wait(lifetime)
	}
	if r.Carat.Lifetime == 0 {
		r.Carat.Lifetime = Wait(lifetime)
	}
	if r.Tokens.ConsentDays == 0 {
		r.Tokens.ConsentDays = 180
	}
	if r.Authorize.CodeLifetime == 0 {
		r.Authorize.CodeLifetime = Wait(5 * time.Minute)
	}
	return r
}

// consent is how long a strong authentication counts.
func (r *TokenRules) consent() time.Duration { return time.Duration(r.ConsentDays) * 24 * time.Hour }

// rulebook holds the present rules, complete.
type rulebook struct {
	mu      sync.RWMutex
	present Rules
}

func (r *rulebook) get() Rules {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.present
}

// Rules are the present rules, defaults filled in.
func (b *Bank) Rules() Rules { return b.rules.get() }

// SetRules replaces the rules. Tokens given before stay; what becomes of them
// goes by the new rules.
func (b *Bank) SetRules(r Rules) error {
	if err := r.validate(); err != nil {
		return fmt.Errorf("sandbox: rules: %w", err)
	}
	b.rules.mu.Lock()
	defer b.rules.mu.Unlock()
	b.rules.present = r.complete(b.opts.TokenLifetime)
	return nil
}
