package authorize

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// maxScope bounds a scope, in bytes. STET banks take 140.
const maxScope = 1024

// Begin is what an app asks for.
type Begin struct {
	// Grant is the name that the grant is to have. If there is one of that name,
	// it goes on as it is until the bank has answered with new tokens.
	Grant string
	// Scope is a list with spaces; default [Bank.Scope].
	Scope string
	// Consent is the id of the consent that the app has made at the bank before.
	// Needed if the profile says where it goes ([tokens.Authorize.Consent]), and
	// refused if not.
	Consent string
	// ReturnURL is where the PSU goes on to, with sidecar_grant, sidecar_result
	// (granted, denied or failed) and sidecar_error added to its query.
	ReturnURL string
}

// Format prints nothing of what the app chose, for any verb: names of grants
// may hold a PSU's data.
func (Begin) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("[authorization request]")) }

// MarshalText hides the values from encoders and loggers.
func (Begin) MarshalText() ([]byte, error) { return []byte("[authorization request]"), nil }

// Begin starts a flow and returns the address at the bank that the PSU's browser
// is to be sent to (302), which is good once. It is not for logs.
//
// Errors: ErrReturnURL, ErrParameters, [grants.ErrName] for the app to put
// right; ErrNoAuthorize, [tokens.ErrSpec], [tokens.ErrMetadata] for the operator;
// ErrPushed and [tokens.ErrUnavailable] of the bank; the vault's. No grant has
// changed then.
func (f *Flow) Begin(ctx context.Context, bank *Bank, b Begin) (location string, err error) {
	event := Event{Kind: EventBegun, ASPSP: bank.ASPSP}
	defer func() {
		if err != nil {
			event.Kind, event.Err = EventNotBegun, err
		}
		f.onEvent(event)
	}()
	if err := bank.Validate(); err != nil {
		return "", err
	}
	id := grants.ID{ASPSP: bank.ASPSP, Name: b.Grant}
	if err := id.Check(); err != nil {
		return "", err
	}
	event.Grant = id.Fingerprint()
	scope, err := scopeOf(b.Scope, bank.Scope)
	if err != nil {
		return "", err
	}
	if err := checkConsent(b.Consent, bank.Client.Endpoint.Spec.Authorize.Consent); err != nil {
		return "", err
	}
	target, err := matchReturnURL(b.ReturnURL, bank.ReturnURLs)
	if err != nil {
		return "", err
	}
	now := f.now()
	state := newState(now)
	kept := &record{
		ASPSP: bank.ASPSP, Grant: b.Grant, Scope: scope, RedirectURI: bank.RedirectURI, ReturnURL: target,
		Server: serverOf(bank.Client), Expires: now.Add(f.lifetime),
	}
	r, err := f.request(ctx, bank, state, kept)
	if err != nil {
		return "", err
	}
	r.askFor(b.Consent)
	if location, err = r.location(ctx); err != nil {
		return "", err
	}
	// Last, so that what fails leaves no record; and before the PSU leaves.
	if err := f.save(ctx, state, kept); err != nil {
		return "", err
	}
	return location, nil
}

// request gathers what the bank is to be asked, and completes the record by it.
func (f *Flow) request(ctx context.Context, bank *Bank, state string, kept *record) (*request, error) {
	endpoint := bank.Client.Endpoint
	spec := &endpoint.Spec.Authorize
	clientID, err := clientIDOf(ctx, bank.Client)
	if err != nil {
		return nil, err
	}
	kept.ClientID = clientID
	if kept.Issuer, err = endpoint.IssuerID(ctx); err != nil {
		return nil, err
	}
	if endpoint.Discovery != nil {
		metadata, err := endpoint.Discovery.Get(ctx, endpoint)
		if err != nil {
			return nil, err
		}
		kept.IssNeeded = metadata.IssParameter
	}
	if spec.PKCE {
		kept.Verifier = newVerifier()
	}
	if spec.Nonce || slices.Contains(strings.Fields(kept.Scope), "openid") {
		kept.Nonce = newVerifier()
	}
	parameters := parametersOf(spec, clientID, state, kept)
	raw, err := endpoint.AuthorizationEndpoint(ctx)
	if err != nil {
		return nil, err
	}
	target, err := authorizationURL(raw, parameters)
	if err != nil {
		return nil, err
	}
	return &request{
		endpoint: endpoint, authorization: target, issuer: kept.Issuer, clientID: clientID,
		parameters: parameters, at: f.now(), lifetime: f.lifetime,
	}, nil
}

// scopeOf checks the syntax of RFC 6749 section 3.3.
func scopeOf(asked, otherwise string) (string, error) {
	scope := strings.Join(strings.Fields(asked), " ")
	if scope == "" {
		scope = otherwise
	}
	if len(scope) > maxScope || strings.ContainsFunc(scope, func(r rune) bool {
		return r < ' ' || r > '~' || r == '"' || r == '\\'
	}) {
		return "", fmt.Errorf("%w: scope is no list of names with spaces between them", ErrParameters)
	}
	return scope, nil
}

// clientIDOf is the client_id that the bank knows the TPP by: the configured one,
// or with [tokens.Spec.ClientIDFromAnswer] that of the application token.
func clientIDOf(ctx context.Context, c *grants.Client) (string, error) {
	clientID := c.ClientID
	if c.Endpoint.Spec.ApplicationToken && c.Endpoint.Application != nil {
		application, err := c.Endpoint.Application(ctx)
		if err != nil {
			return "", err
		}
		if named := application.ClientID(); named != "" {
			clientID = named
		}
	}
	if clientID == "" {
		return "", fmt.Errorf("%w: client_id is empty: set it, or use a QWAC with an organizationIdentifier", tokens.ErrSpec)
	}
	return clientID, nil
}

// serverOf tells authorization servers apart: by the token endpoint, or where
// that is only known from metadata, by where the metadata is.
func serverOf(c *grants.Client) string {
	if c.Endpoint.URL == "" && c.Endpoint.Discovery != nil {
		return c.Endpoint.Discovery.URL
	}
	return c.Endpoint.URL
}
