package grants

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault"
)

// recordVersion is the form that records are written in. A record of a later
// one is left alone: what is not understood would be lost by writing it back.
const recordVersion = 1

// clockSkew is how far the clocks of machines that share grants may differ.
const clockSkew = time.Minute

// redacted is what the printed form of a record shows.
const redacted = "[redacted grant]"

// record is what the vault keeps of a grant. It is handled as a value: what is
// behind its pointers never changes.
type record struct {
	Version int    `json:"version"`
	ASPSP   string `json:"aspsp"`
	Name    string `json:"name"`

	// Endpoint, ClientID and Thumbprint are those of the Client that fetched the
	// tokens.
	Endpoint   string `json:"endpoint,omitempty"`
	ClientID   string `json:"client_id,omitempty"`
	Thumbprint string `json:"thumbprint,omitempty"`
	Scope      string `json:"scope,omitempty"`

	// Access is the access token, "" if there is none; AccessClientID is
	// [tokens.Token.ClientID].
	Access         string    `json:"access_token,omitempty"`
	AccessClientID string    `json:"access_client_id,omitempty"`
	Obtained       time.Time `json:"obtained,omitzero"`
	Expiry         time.Time `json:"expiry,omitzero"`
	Refresh        string    `json:"refresh_token,omitempty"`

	// Rebound is when a refresh last changed the certificate that the tokens belong
	// to.
	Rebound time.Time `json:"rebound,omitzero"`

	AuthorizedAt time.Time `json:"authorized_at,omitzero"`
	ConsentUntil time.Time `json:"consent_until,omitzero"`
	// Warned is the least number of days before ConsentUntil that was announced,
	// 0 for none yet.
	Warned int `json:"warned,omitempty"`

	Status Status    `json:"status"`
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since,omitzero"`

	// Pending is the request that the bank was asked, or is about to be.
	Pending *pending `json:"pending,omitempty"`
	// Doubt is the id of the pending request that Reason is about.
	Doubt string `json:"doubt,omitempty"`
	// Unclear counts the refreshes in a row without an answer that counts.
	Unclear int `json:"unclear,omitempty"`
	// UsedCode is the digest of the last authorization code that was sent.
	UsedCode string `json:"used_code,omitempty"`

	// BankRevocation is one of the BankRevocation constants, and RevokedAt the
	// revision of the revocation.
	BankRevocation string `json:"bank_revocation,omitempty"`
	RevokedAt      uint64 `json:"revoked_at,omitempty"`

	// Epoch is a random name for the present tokens. An answer to a request that
	// was made with others comes too late.
	Epoch string `json:"epoch"`
	// Revision counts the changes.
	Revision uint64 `json:"revision"`
}

// newRecord is the record of a grant that has no tokens yet.
func newRecord(id ID, now time.Time) record {
	return record{
		Version: recordVersion, ASPSP: id.ASPSP, Name: id.Name,
		Status: StatusAuthorizing, Since: now, Epoch: newEpoch(),
	}
}

func newEpoch() string { return uuid.NewString() }

// decodeRecord reads the record of id. The error is the vault's ErrDamaged and
// quotes nothing.
func decodeRecord(id ID, plaintext []byte) (record, error) {
	var r record
	if err := json.Unmarshal(plaintext, &r); err != nil {
		return record{}, fmt.Errorf("%w: it is no grant", vault.ErrDamaged)
	}
	switch {
	case r.Version > recordVersion:
		return record{}, fmt.Errorf("%w: a later version of this program has written it", vault.ErrDamaged)
	case r.Version != recordVersion || r.Epoch == "":
		return record{}, fmt.Errorf("%w: it is no grant", vault.ErrDamaged)
	case r.ASPSP != id.ASPSP || id.Name != "" && r.Name != id.Name:
		return record{}, fmt.Errorf("%w: it is another grant's", vault.ErrDamaged)
	case r.Pending != nil && (r.Pending.ID == "" || r.Pending.Kind != kindCode && r.Pending.Kind != kindRefresh):
		return record{}, fmt.Errorf("%w: its pending request cannot be read", vault.ErrDamaged)
	}
	switch r.Status {
	case StatusAuthorizing, StatusActive, StatusQuarantined, StatusRefused, StatusExpired, StatusRevoked:
		return r, nil
	default:
		return record{}, fmt.Errorf("%w: its status is not known", vault.ErrDamaged)
	}
}

func (r record) encode() ([]byte, error) {
	type plain record // without the redacting methods
	return json.Marshal(plain(r))
}

func (r record) id() ID { return ID{ASPSP: r.ASPSP, Name: r.Name} }

// turn changes the status.
func (r *record) turn(status Status, reason string, now time.Time) {
	if r.Status != status || r.Reason != reason {
		r.Status, r.Reason, r.Since = status, reason, now
	}
}

// token is the access token that can be sent through c now, or nil.
func (r *record) token(c *Client, now time.Time) *tokens.Token {
	if r.Access == "" || r.Thumbprint != c.Thumbprint && !c.spec().Unbound {
		return nil
	}
	// Counted from now, so that both of this process's clocks judge it. Another
	// machine's clock may be ahead; by more than a little, it was wrong then or is
	// now, and nobody can tell how much of the lifetime is left.
	age := now.Sub(r.Obtained)
	if age < -clockSkew {
		return nil
	}
	age = max(0, age)
	t := tokens.NewToken(r.Access, now.Add(-age), r.Expiry.Sub(r.Obtained), c.spec())
	if !t.Usable(now) {
		return nil
	}
	if r.AccessClientID != "" {
		t = t.WithClientID(r.AccessClientID)
	}
	return t
}

// refusal says why none of the grant's tokens may be sent through c now, nil if
// they may.
func (r *record) refusal(c *Client, now time.Time) error {
	switch {
	case r.Status == StatusAuthorizing:
		return ErrUnknown
	case r.Status == StatusRevoked:
		return ErrRevoked
	case r.elsewhere(c):
		return ErrElsewhere
	case r.consentEnded(now):
		return &ExpiredError{Until: r.ConsentUntil}
	case r.Status == StatusQuarantined:
		return &QuarantinedError{Reason: r.Reason, Since: r.Since}
	case r.Status == StatusRefused:
		return &RefusedError{Reason: r.Reason, Since: r.Since}
	}
	return nil // active, or marked expired by a clock that was ahead
}

// elsewhere reports whether the tokens were not fetched through c's endpoint.
func (r *record) elsewhere(c *Client) bool {
	return r.Status != StatusAuthorizing && (r.Endpoint != c.endpoint() || r.ClientID != c.ClientID)
}

func (r *record) consentEnded(now time.Time) bool {
	return !r.ConsentUntil.IsZero() && !now.Before(r.ConsentUntil)
}

// state describes the record without the values.
func (r *record) state(now time.Time) State {
	id := r.id()
	s := State{
		ASPSP: r.ASPSP, Name: r.Name, Fingerprint: id.Fingerprint(),
		Status: r.Status, Reason: r.Reason, Since: r.Since,
		Endpoint: r.Endpoint, ClientID: r.ClientID, Thumbprint: r.Thumbprint, Scope: r.Scope,
		AuthorizedAt: r.AuthorizedAt, ConsentUntil: r.ConsentUntil,
		AccessExpiry: r.Expiry, RefreshedAt: r.Obtained, HasRefreshToken: r.Refresh != "",
		BankRevocation: r.BankRevocation, Revision: r.Revision,
	}
	switch ended := r.consentEnded(now); {
	case ended && r.Status != StatusRevoked && r.Status != StatusAuthorizing:
		s.Status = StatusExpired
	case !ended && r.Status == StatusExpired:
		s.Status = StatusActive
	}
	if p := r.Pending; p != nil && p.Answer == nil && p.Ended == "" {
		s.Pending, s.PendingSince = p.Kind, p.Started
	}
	return s
}

// String hides the values from fmt.
func (record) String() string { return redacted }

// GoString hides the values from %#v.
func (record) GoString() string { return redacted }

// LogValue hides the values from slog.
func (record) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON hides the values from encoders; encode does not.
func (record) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
