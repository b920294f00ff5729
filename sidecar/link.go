package sidecar

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/caddy-tpp/caddy-tpp/certs"
	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/profiles"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// link is everything of one ASPSP that belongs to one generation of the
// identity's certificates. It is immutable: connections, signer, keyId,
// certificate header and token key change together or not at all.
type link struct {
	generation *certs.Generation // what the bank gets to see of it
	// seen is the newest generation this link was compared with: another one
	// than generation if that one does not fit the ASPSP.
	seen      *certs.Generation
	transport *http.Transport
	// fresh makes a connection for each request: see sendTokenRequest.
	fresh   *http.Transport
	signers *signers
	// organization is the certificates' organizationIdentifier, "" if they have none.
	organization string
	own          *tokens.Handle // the TPP's own token
	endpoint     *tokens.Endpoint
	client       *grants.Client
	retired      *atomic.Bool
}

// errNoQSEAL is the cause when a bank wants signatures and the identity has no key for them.
var errNoQSEAL = errors.New("this bank wants signed requests, but the identity has no QSEAL: configure qseal")

// errNoIdentity is the cause when a bank wants signatures and there is no identity at all.
var errNoIdentity = errors.New("this bank wants signed requests, but the ASPSP has no identity: set identity to one with a qseal")

// errNoClientID is the cause when tokens are to be fetched under no name.
var errNoClientID = errors.New("the certificates hold no organizationIdentifier to use as client_id: set client_id")

// link returns the link of the identity's present generation, making it if the
// certificates have changed. If the new ones do not fit this ASPSP, calls go on
// with the former link, and the Unlinked hook is told once.
func (a *ASPSP) link() *link {
	l := a.current.Load()
	generation := a.generation()
	if l.seen == generation {
		return l
	}
	a.linking.Lock()
	defer a.linking.Unlock()
	// Read again: a caller that was held up must not go back a generation.
	l, generation = a.current.Load(), a.generation()
	if l.seen == generation {
		return l
	}
	fresh, err := a.newLink(generation)
	if err != nil {
		if a.deps.Hooks.Unlinked != nil {
			a.deps.Hooks.Unlinked(a.config.Name, a.config.IdentityName, err)
		}
		kept := *l
		kept.seen = generation
		a.current.Store(&kept)
		return &kept
	}
	a.current.Store(fresh)
	l.retire()
	return fresh
}

// generation is the identity's present one, or one without any certificate.
func (a *ASPSP) generation() *certs.Generation {
	if a.config.Identity == nil {
		return &a.bare
	}
	return a.config.Identity.Current()
}

// shown is what of a generation the bank gets to see. Where no client
// certificate is wanted, one that has expired does not matter either.
func (a *ASPSP) shown(generation *certs.Generation) *certs.Generation {
	if a.config.Profile.ClientCertificate != profiles.ClientCertificateNone || generation.QWAC == nil {
		return generation
	}
	return &certs.Generation{Number: generation.Number, QSEAL: generation.QSEAL, LoadedAt: generation.LoadedAt}
}

// newLink builds a link and refuses a generation that cannot serve this ASPSP.
func (a *ASPSP) newLink(seen *certs.Generation) (*link, error) {
	c, generation := a.config, a.shown(seen)
	if err := a.checkRoles(generation); err != nil {
		return nil, err
	}
	clientID := c.ClientID
	if clientID == "" {
		clientID = seen.ClientID()
	}
	if token := c.Profile.Token; clientID == "" && token.Grant == tokens.GrantClientCredentials && !token.NoClientID {
		return nil, errNoClientID
	}
	if err := a.checkMade(clientID, seen.ClientID()); err != nil {
		return nil, err
	}
	signers, err := newSigners(c.Profile, generation, clientID)
	if errors.Is(err, errNoQSEAL) && c.IdentityName == "" {
		err = errNoIdentity
	}
	if err != nil {
		return nil, err
	}
	l := &link{generation: generation, seen: seen, signers: signers, organization: seen.ClientID(), retired: new(atomic.Bool),
		transport: newTransport(c, generation), fresh: newTransport(c, generation)}
	l.fresh.DisableKeepAlives = true
	if err := a.linkTokens(l, clientID); err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	return l, nil
}

// checkRoles refuses certificates whose PSD2 roles do not cover the scope.
func (a *ASPSP) checkRoles(generation *certs.Generation) error {
	var roles []certs.Role
	for _, role := range a.config.Profile.RequiredRoles(a.config.Scope) {
		roles = append(roles, certs.Role(role))
	}
	requirements := certs.Requirements{Roles: roles, Now: a.deps.Now()}
	var refused []error
	for _, pair := range []*certs.Pair{generation.QWAC, generation.QSEAL} {
		if pair == nil {
			continue
		}
		for _, finding := range certs.Check(pair, requirements) {
			if finding.Refuse {
				refused = append(refused, errors.New(finding.String()))
			}
		}
	}
	return errors.Join(refused...)
}

// retire lets calls in flight finish and closes every connection that is or
// becomes idle, so that the former certificate disappears from the wire.
func (l *link) retire() {
	l.retired.Store(true)
	l.transport.CloseIdleConnections()
}

// sweep keeps a retired link retired after it sent a request: net/http keeps
// connections again from then on, until it is told anew.
func (l *link) sweep() {
	if l.retired.Load() {
		l.transport.CloseIdleConnections()
	}
}
