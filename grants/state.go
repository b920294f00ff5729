package grants

import "time"

// Status is where a grant stands. Tokens are only sent of active grants.
type Status string

// All states.
const (
	// StatusAuthorizing: a first code is being exchanged; there are no tokens.
	StatusAuthorizing Status = "authorizing"
	// StatusActive: the tokens are good as far as anyone knows.
	StatusActive Status = "active"
	// StatusQuarantined: nobody can tell whether the bank honours the tokens.
	StatusQuarantined Status = "quarantined"
	// StatusRefused: the bank refused the refresh token for good.
	StatusRefused Status = "refused"
	// StatusExpired: the PSU's consent has ended.
	StatusExpired Status = "expired"
	// StatusRevoked: it was revoked here; the record is a tombstone.
	StatusRevoked Status = "revoked"
	// StatusDamaged: the record cannot be read. Only in what is listed.
	StatusDamaged Status = "damaged"
)

// Reasons of a state, beside OAuth error codes.
const (
	// ReasonRefreshAmbiguous: a refresh had no answer that counts, and the bank
	// may have replaced the refresh token.
	ReasonRefreshAmbiguous = "refresh-ambiguous"
	// ReasonExchangeUnclear: a code exchange had no answer that counts. A grant
	// that was active before stays so, although the bank may have ended its pair.
	ReasonExchangeUnclear = "exchange-unclear"
	// ReasonIDTokenInvalid: the id_token of the code exchange does not hold.
	ReasonIDTokenInvalid = "id-token-invalid"
	// ReasonIDTokenUnchecked: the id_token of the code exchange was not validated
	// yet, or the bank's keys were not to be had.
	ReasonIDTokenUnchecked = "id-token-unchecked"
	// ReasonReleased: an operator has released it for one more try.
	ReasonReleased = "released"
)

// What is known of a revocation at the bank.
const (
	// BankRevocationPending: the bank has to be told, or told again.
	BankRevocationPending = "pending"
	// BankRevocationDone: the bank has confirmed.
	BankRevocationDone = "done"
	// BankRevocationNone: the bank offers no revocation, or there was no token.
	BankRevocationNone = "none"
)

// State describes a grant without any token's value.
type State struct {
	// ASPSP is the configured name of the bank.
	ASPSP string `json:"aspsp"`
	// Name is the grant's name, for the app; do not log it. "" for a damaged record.
	Name string `json:"name,omitempty"`
	// Fingerprint is [ID.Fingerprint].
	Fingerprint string `json:"fingerprint"`

	// Status is where the grant stands now.
	Status Status `json:"status"`
	// Reason says why, in one word: a Reason constant or an OAuth error code.
	Reason string `json:"reason,omitempty"`
	// Since is when the grant came to Status and Reason.
	Since time.Time `json:"since,omitzero"`

	// Endpoint is the token endpoint that the tokens were fetched from, or where
	// its metadata is.
	Endpoint string `json:"endpoint,omitempty"`
	// ClientID is the TPP's client_id there.
	ClientID string `json:"client_id,omitempty"`
	// Thumbprint is the x5t#S256 of the QWAC that the tokens were fetched with.
	Thumbprint string `json:"thumbprint,omitempty"`
	// Scope is what the bank says was granted, or else what was asked for.
	Scope string `json:"scope,omitempty"`

	// AuthorizedAt is the PSU's strong authentication, zero if it is not known.
	AuthorizedAt time.Time `json:"authorized_at,omitzero"`
	// ConsentUntil is the end of the consent.
	ConsentUntil time.Time `json:"consent_until,omitzero"`

	// AccessExpiry is the end of the access token, zero if there is none.
	AccessExpiry time.Time `json:"access_expiry,omitzero"`
	// RefreshedAt is when the access token was asked for.
	RefreshedAt time.Time `json:"refreshed_at,omitzero"`
	// HasRefreshToken tells whether it can be renewed without the PSU.
	HasRefreshToken bool `json:"has_refresh_token"`

	// Pending is "code" or "refresh" while the bank's answer is awaited. An answer
	// that a process has stored, and not lived to settle, shows when the grant is
	// used next.
	Pending string `json:"pending,omitempty"`
	// PendingSince is when the bank was asked.
	PendingSince time.Time `json:"pending_since,omitzero"`
	// Unsaved is true while an outcome is in this process's memory only.
	Unsaved bool `json:"unsaved,omitempty"`
	// BankRevocation is one of the BankRevocation constants.
	BankRevocation string `json:"bank_revocation,omitempty"`
	// Revision counts the record's changes.
	Revision uint64 `json:"revision"`
}
