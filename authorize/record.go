package authorize

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-tpp/caddy-tpp/vault"
)

// record is what is kept of a flow while the PSU is at the bank. It lies in the
// vault, encrypted, under its state's hash. It is never printed.
type record struct {
	ASPSP string `json:"aspsp"`
	Grant string `json:"grant"`
	Scope string `json:"scope,omitempty"`
	// RedirectURI is the one that was sent; the exchange must repeat it.
	RedirectURI string `json:"redirect_uri"`
	// ReturnURL is canonical, and was on the allow-list when the flow began.
	ReturnURL string `json:"return_url"`
	Verifier  string `json:"verifier,omitempty"`
	Nonce     string `json:"nonce,omitempty"`
	// Issuer is what iss must be (RFC 9207), "" if it is not known. With IssNeeded
	// an answer without iss is refused.
	Issuer    string `json:"issuer,omitempty"`
	IssNeeded bool   `json:"iss_needed,omitempty"`
	// Server and ClientID are whom the code belongs to.
	Server   string    `json:"server"`
	ClientID string    `json:"client_id"`
	Expires  time.Time `json:"expires"`
}

// save writes the record of a new state.
func (f *Flow) save(ctx context.Context, state string, kept *record) error {
	name, ok := recordName(state)
	if !ok {
		return fmt.Errorf("%w: a state that was just made", ErrStateUnknown)
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	return f.vault.Put(ctx, name, text)
}

// load reads a record. What cannot be read for good is an unknown state.
func (f *Flow) load(ctx context.Context, name string) (*record, error) {
	text, err := f.vault.Get(ctx, name)
	switch {
	case errors.Is(err, vault.ErrNotFound):
		return nil, ErrStateUnknown
	case errors.Is(err, vault.ErrDamaged):
		// The vault keeps a copy and tells of it; to the PSU it is a new start.
		return nil, fmt.Errorf("%w: its record is damaged", ErrStateUnknown)
	case err != nil:
		return nil, err
	}
	kept := new(record)
	if json.Unmarshal(text, kept) != nil {
		return nil, fmt.Errorf("%w: its record is of another version", ErrStateUnknown)
	}
	return kept, nil
}

// consume takes the record of a state out of the storage. Of all that try, on
// whatever instance, one gets it. A failure of the storage leaves the state as
// it was, so that the PSU may reload the page.
func (f *Flow) consume(ctx context.Context, state string) (*record, error) {
	name, ok := recordName(state)
	if !ok {
		return nil, ErrStateUnknown
	}
	// What does not exist need not be locked.
	if _, err := f.load(ctx, name); err != nil {
		return nil, err
	}
	lock, err := f.vault.Lock(ctx, name)
	if err != nil {
		return nil, err
	}
	// The storage releases by itself what cannot be unlocked, and nobody else
	// needs this lock.
	defer func() { _ = lock.Unlock() }()
	kept, err := f.load(ctx, name)
	if err != nil {
		return nil, err
	}
	// A browser that gives up must not leave it open whether the state is used.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTimeout)
	defer cancel()
	if err := f.vault.Delete(ctx, name); err != nil {
		return nil, err
	}
	if !f.now().Before(kept.Expires) {
		return nil, fmt.Errorf("%w: expired", ErrStateUnknown)
	}
	return kept, nil
}
