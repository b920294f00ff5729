package grants

import (
	"errors"
	"time"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// outcome is what a settled request comes to.
type outcome string

const (
	// outcomeNothing: there was no request.
	outcomeNothing outcome = ""
	// outcomeOpen: the answer is awaited. The record is as it was.
	outcomeOpen outcome = "open"
	// outcomeGranted: there are new tokens.
	outcomeGranted outcome = "granted"
	// outcomeRefused: the bank has ended the grant.
	outcomeRefused outcome = "refused"
	// outcomeRejected: the bank said no, and nothing has changed.
	outcomeRejected outcome = "rejected"
	// outcomeUndone: the bank has done nothing.
	outcomeUndone outcome = "undone"
	// outcomeRepeat: unclear, and the refresh may be sent once more.
	outcomeRepeat outcome = "repeat"
	// outcomeFailed: unclear, and harmless, but enough for now.
	outcomeFailed outcome = "failed"
	// outcomeAmbiguous: unclear, and nobody can tell what the bank holds.
	outcomeAmbiguous outcome = "ambiguous"
)

// settlement is what settle found.
type settlement struct {
	outcome outcome
	request *pending
	pair    *tokens.Pair
	// err says why there are no new tokens.
	err error
	// healed is true if the grant was given up because of this very request, and
	// is active again.
	healed bool
	// remove means that there is nothing to keep: a first code was not exchanged.
	remove bool
}

// settled reports whether the record has changed.
func (s *settlement) settled() bool {
	return s.outcome != outcomeNothing && s.outcome != outcomeOpen
}

// settle draws the consequences of the pending request, if it has ended. It is
// a pure function of the record, the bank's rules and the time, so that whoever
// finds a record that was left in the middle comes to the same.
//
//	verdict        first code         later code          refresh
//	granted        active             active, all new     active
//	refused        removed            as before           refused (fatal), else as before
//	not processed  removed            as before           as before
//	unclear        quarantined        as before + reason  repeat, failed, or quarantined
//
// A revoked record stays so, except for a code that was sent after the
// revocation; new tokens in it are kept to be revoked at the bank. An expired one
// stays so after a refresh.
func (r record) settle(s *tokens.Spec, now time.Time) (record, settlement) {
	p := r.Pending
	if p == nil {
		return r, settlement{}
	}
	verdict, pair, err := p.judge(s, now)
	if verdict == verdictOpen {
		return r, settlement{outcome: outcomeOpen, request: p}
	}
	before := r
	r.Pending = nil
	st := settlement{request: p, pair: pair, err: err}
	switch verdict {
	case tokens.VerdictGranted:
		st.outcome = outcomeGranted
		r.grant(p, pair, s, now)
	case tokens.VerdictRefused:
		st.outcome = r.refuse(p, err, now)
	case tokens.VerdictNotProcessed:
		st.outcome = outcomeUndone
		r.clear(p, now)
	default:
		st.outcome = r.unclear(p, pair, err, s, now)
	}
	if st.outcome != outcomeUndone && p.Kind == kindCode {
		r.UsedCode = p.Code
	}
	st.remove = r.Status == StatusAuthorizing
	st.healed = before.Doubt == p.ID && before.Status != StatusActive && r.Status == StatusActive
	return r, st
}

// grant takes the new tokens over.
func (r *record) grant(p *pending, pair *tokens.Pair, s *tokens.Spec, now time.Time) {
	revoked := r.Status == StatusRevoked && (p.Kind == kindRefresh || r.RevokedAt > p.Revision)
	r.Access, r.AccessClientID = pair.Access.Value(), pair.Access.ClientID()
	r.Obtained, r.Expiry = p.Answer.AskedAt, p.Answer.AskedAt.Add(pair.Lifetime)
	if pair.Refresh != "" || p.Kind == kindCode {
		r.Refresh = pair.Refresh
	}
	r.fetchedWith(p, pair.Scope)
	switch {
	case revoked:
		r.BankRevocation = BankRevocationPending
	case p.Kind == kindCode:
		r.authorize(p, s, now)
	case r.Status != StatusExpired:
		r.turn(StatusActive, "", now)
	}
}

// fetchedWith notes what the new tokens belong to.
func (r *record) fetchedWith(p *pending, scope string) {
	if p.Kind == kindRefresh && r.Thumbprint != p.Thumbprint {
		r.Rebound = p.Started
	}
	r.Endpoint, r.ClientID, r.Thumbprint = p.Endpoint, p.ClientID, p.Thumbprint
	if p.Kind == kindCode {
		r.Scope = p.Scope
	}
	if scope != "" {
		r.Scope = scope
	}
	r.Epoch, r.Doubt, r.Unclear = newEpoch(), "", 0
}

// authorize starts the life of a grant: the PSU was at the bank just before.
func (r *record) authorize(p *pending, s *tokens.Spec, now time.Time) {
	r.AuthorizedAt, r.ConsentUntil = p.Started, consentEnd(p.Started, s)
	r.Warned, r.BankRevocation, r.RevokedAt = 0, "", 0
	if s.IDToken.Check == idTokenEnforce {
		// Until it was validated; a crash in between must not skip that.
		r.turn(StatusQuarantined, ReasonIDTokenUnchecked, now)
		return
	}
	r.turn(StatusActive, "", now)
}

// refuse draws the consequences of a refusal.
func (r *record) refuse(p *pending, err error, now time.Time) outcome {
	if p.Kind == kindCode || !tokens.Fatal(err) {
		r.clear(p, now)
		return outcomeRejected
	}
	if r.Status == StatusActive || r.Status == StatusQuarantined {
		r.turn(StatusRefused, oauthCode(err), now)
	}
	r.Unclear = 0
	return outcomeRefused
}

// clear is for a request that has changed nothing at the bank: if the grant was
// given up because of it, that was wrong.
func (r *record) clear(p *pending, now time.Time) {
	r.Unclear = 0
	if r.Doubt != p.ID {
		return
	}
	r.Doubt = ""
	switch {
	case r.Status == StatusQuarantined && p.Kind == kindCode:
		r.turn(StatusAuthorizing, "", now) // there never was a grant
	case r.Status == StatusQuarantined, r.Status == StatusActive:
		r.turn(StatusActive, "", now)
	}
}

// unclear draws the consequences of an answer that never came, or from which
// nothing can be taken.
func (r *record) unclear(p *pending, pair *tokens.Pair, err error, s *tokens.Spec, now time.Time) outcome {
	switch {
	case p.Kind == kindCode && errors.Is(err, tokens.ErrTokenType):
		return r.unusableCode(p, pair, now)
	case pair != nil && pair.Refresh != "":
		return r.half(p, pair, s, now)
	case p.Kind == kindCode:
		return r.unclearCode(p, now)
	case s.RefreshSurvives && p.Attempt < 2:
		r.Unclear = p.Attempt
		return outcomeRepeat
	case s.RefreshSurvives:
		r.Unclear = 0
		return outcomeFailed
	}
	r.Doubt = p.ID
	if r.Status == StatusActive {
		r.turn(StatusQuarantined, ReasonRefreshAmbiguous, now)
	}
	return outcomeAmbiguous
}

// half takes over a refresh token from an answer that broke off before, or
// after an unreadable, access token.
func (r *record) half(p *pending, pair *tokens.Pair, s *tokens.Spec, now time.Time) outcome {
	half := *pair
	half.Access, half.Lifetime = nil, 0
	r.grant(p, &half, s, now)
	r.Access, r.Obtained, r.Expiry = "", time.Time{}, time.Time{}
	switch {
	case p.Kind == kindCode:
		return outcomeGranted
	case p.Attempt < 2:
		r.Unclear = p.Attempt
		return outcomeRepeat
	default:
		return outcomeFailed
	}
}

// unusableCode is for an exchange that has brought tokens of a kind that cannot be
// sent. What came of a first code is kept, to be revoked.
func (r *record) unusableCode(p *pending, pair *tokens.Pair, now time.Time) outcome {
	if r.Status == StatusAuthorizing && pair != nil {
		r.Refresh = pair.Refresh
	}
	return r.unclearCode(p, now)
}

func (r *record) unclearCode(p *pending, now time.Time) outcome {
	switch r.Status {
	case StatusAuthorizing:
		r.Doubt = p.ID
		r.fetchedFor(p)
		r.turn(StatusQuarantined, ReasonExchangeUnclear, now)
		return outcomeAmbiguous
	case StatusActive:
		r.Doubt = p.ID
		r.turn(StatusActive, ReasonExchangeUnclear, now)
	}
	return outcomeFailed
}

// fetchedFor notes where a code went whose tokens never came.
func (r *record) fetchedFor(p *pending) {
	r.Endpoint, r.ClientID, r.Thumbprint, r.Scope = p.Endpoint, p.ClientID, p.Thumbprint, p.Scope
}

// absorb gives the record with the outcome p of a request, to be settled.
func (r record) absorb(p *pending) record {
	r.Pending = p
	return r
}

// oauthCode is the code of a refusal.
func oauthCode(err error) string {
	if refused, ok := errors.AsType[*tokens.RefusedError](err); ok && refused.OAuthError != "" {
		return refused.OAuthError
	}
	return "refused"
}

// Values of [tokens.IDToken.Check].
const (
	idTokenReport  = "report"
	idTokenEnforce = "enforce"
)

// defaultConsentDays is that of [tokens.Spec.ConsentDays].
const defaultConsentDays = 180

// consentEnd is when a strong authentication no longer counts.
func consentEnd(authorizedAt time.Time, s *tokens.Spec) time.Time {
	days := s.ConsentDays
	if days <= 0 {
		days = defaultConsentDays
	}
	return authorizedAt.Add(time.Duration(days) * 24 * time.Hour)
}
