package grants

import (
	"time"
)

// EventKind says what happened to a grant. It is fit for a metric's label.
type EventKind string

// All kinds of events.
const (
	// EventCreated: a code exchange or an import has made or renewed a grant.
	EventCreated EventKind = "created"
	// EventRefreshed: there is a new access token.
	EventRefreshed EventKind = "refreshed"
	// EventRefreshFailed: there is none, for now; Err says why.
	EventRefreshFailed EventKind = "refresh_failed"
	// EventExchangeFailed: a code was not exchanged; Err says why.
	EventExchangeFailed EventKind = "exchange_failed"
	// EventQuarantined: the grant was quarantined for Reason.
	EventQuarantined EventKind = "quarantined"
	// EventHealed: an answer that had been given up was found after all, or a
	// clock that was ahead put right.
	EventHealed EventKind = "healed"
	// EventReleased: an operator has released the grant.
	EventReleased EventKind = "released"
	// EventAdopted: an operator has bound the grant to the token endpoint and
	// client_id of the configuration.
	EventAdopted EventKind = "adopted"
	// EventRefused: the bank has ended the grant, with Reason as OAuth code.
	EventRefused EventKind = "refused"
	// EventConsentExpiring: the consent ends in Days days.
	EventConsentExpiring EventKind = "consent_expiring"
	// EventConsentExpired: the consent has ended.
	EventConsentExpired EventKind = "consent_expired"
	// EventRevoked: the grant was revoked here; Reason says what is known of the
	// bank (one of the BankRevocation values).
	EventRevoked EventKind = "revoked"
	// EventForgotten: the record was deleted.
	EventForgotten EventKind = "forgotten"
	// EventUnsaved: an answer of the bank is in memory only, for the storage
	// fails. It is tried again until it is stored.
	EventUnsaved EventKind = "unsaved"
	// EventSaved: such an answer was stored.
	EventSaved EventKind = "saved"
	// EventUnsavedLost: the process ends before such an answer was stored, or
	// [Unsaved.Close] was called.
	EventUnsavedLost EventKind = "unsaved_lost"
	// EventStorageUnavailable: the record could not be read; a token that is
	// still good is served from memory.
	EventStorageUnavailable EventKind = "storage_unavailable"
	// EventDamaged: the record cannot be read for good; see [vault.DamagedError].
	EventDamaged EventKind = "damaged"
	// EventIDTokenInvalid: the id_token does not hold.
	EventIDTokenInvalid EventKind = "id_token_invalid"
)

// Event tells of a grant. Everything but Name is safe to log.
type Event struct {
	// Kind says what happened.
	Kind EventKind
	// ASPSP is the configured name of the bank.
	ASPSP string
	// Fingerprint is [ID.Fingerprint].
	Fingerprint string
	// Name is the grant's name, for the app; do not log it.
	Name string
	// Reason is the grant's reason, where there is one.
	Reason string
	// Days is how many days of consent are left.
	Days int
	// Background is true where no caller waited.
	Background bool
	// Duration is how long the bank took to answer, 0 if it was not asked. Of the
	// events about one answer only one has it: created, refreshed,
	// exchange_failed or refresh_failed.
	Duration time.Duration
	// Err is what went wrong; its text is safe to log.
	Err error
}

// event tells of a grant.
func (s *Store) event(id ID, e Event) {
	e.ASPSP, e.Name, e.Fingerprint = id.ASPSP, id.Name, id.Fingerprint()
	s.onEvent(e)
}

// report is what is known of a request beside its settlement.
type report struct {
	background bool
	took       time.Duration
}

// tell tells what a settlement has changed.
func (s *Store) tell(before, after *record, st *settlement, how report) {
	e := Event{Background: how.background, Err: st.err}
	say := func(kind EventKind) {
		e.Kind = kind
		if kind == EventQuarantined || kind == EventRefused {
			e.Reason = after.Reason
		}
		s.event(after.id(), e)
	}
	if st.healed {
		say(EventHealed)
	}
	e.Duration = how.took // one call of the bank is told once
	code := st.request != nil && st.request.Kind == kindCode
	switch {
	case !st.settled():
		return
	case st.outcome == outcomeGranted && code:
		e.Err = nil
		say(EventCreated)
	case st.outcome == outcomeGranted:
		say(EventRefreshed)
	case code:
		say(EventExchangeFailed)
	default:
		say(EventRefreshFailed)
	}
	if after.Status == before.Status {
		return
	}
	e.Duration = 0
	switch after.Status {
	case StatusQuarantined:
		say(EventQuarantined)
	case StatusRefused:
		say(EventRefused)
	}
}
