package sidecar

import (
	"context"
	"errors"

	"github.com/caddy-tpp/caddy-tpp/authorize"
	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault"
)

// nameGrant takes the name of the grant to use from Sidecar-Grant.
func (ex *Exchange) nameGrant(names []string) error {
	a := ex.aspsp
	if len(names) != 1 {
		return refuse(CodeGrantName, "it was sent more than once", nil)
	}
	id := grants.ID{ASPSP: a.Name(), Name: names[0]}
	if err := id.Check(); err != nil {
		return refuse(CodeGrantName, "", err)
	}
	if a.deps.Grants == nil {
		return refuse(CodeGrantsOff, "", nil)
	}
	if !a.keepsGrants() {
		return refuse(CodeGrantsOff, "this ASPSP has no token endpoint: set token_endpoint", nil)
	}
	ex.grant = id
	return nil
}

// grantToken makes sure that the exchange has its grant's access token.
func (ex *Exchange) grantToken(ctx context.Context) error {
	token, err := ex.aspsp.deps.Grants.Token(ctx, ex.grant, ex.link.client)
	if err != nil {
		return grantRefusal(err)
	}
	ex.token = token
	return nil
}

// grantRefusals gives the code of each reason why a grant has no token. The
// first that fits counts, so that what needs the PSU, what needs an operator and
// what only needs time are never taken for each other.
var grantRefusals = []struct {
	err  error
	code Code
}{
	{grants.ErrUnknown, CodeGrantUnknown},
	{grants.ErrConsentExpired, CodeConsentExpired},
	{grants.ErrRevoked, CodeConsentRevoked},
	{grants.ErrRefused, CodeConsentRevoked},
	{grants.ErrQuarantined, CodeGrantQuarantined},
	{grants.ErrElsewhere, CodeGrantElsewhere},
	{grants.ErrNoClient, CodeGrantsOff},
	{grants.ErrUnchecked, CodeIDToken},
	{grants.ErrNoRefreshToken, CodeGrantUsedUp},
	{grants.ErrName, CodeGrantName},
	{grants.ErrCode, CodeTokenForm},
	{vault.ErrUnavailable, CodeVaultUnavailable}, // before ErrBusy: a storage that is too slow is both
	{grants.ErrBusy, CodeTokenTimeout},
	{grants.ErrClosed, CodeVaultUnavailable},
	{vault.ErrDamaged, CodeGrantDamaged},
	{vault.ErrUnknownKey, CodeVaultKey},
	{vault.ErrWrongKey, CodeVaultKey},
	{authorize.ErrNoAuthorize, CodeAuthorizeOff},
	{authorize.ErrReturnURL, CodeReturnURL},
	{authorize.ErrStateUnknown, CodeCallbackState},
	{authorize.ErrIssuer, CodeCallbackIssuer},
	{authorize.ErrCallback, CodeCallbackParameter},
	{authorize.ErrReconfigured, CodeGrantElsewhere},
	{authorize.ErrParameters, CodeAuthorizeParameter},
}

// grantRefusal maps the errors of grants and their vault to codes, so that an
// app never sends a PSU to log in because of an outage.
func grantRefusal(err error) error {
	if quarantined, ok := errors.AsType[*grants.QuarantinedError](err); ok {
		return refuse(codeOfQuarantine(quarantined), quarantined.Reason, err)
	}
	for _, known := range grantRefusals {
		if errors.Is(err, known.err) {
			refusal := refuse(known.code, detailOf(known.code, err), err)
			if refused, ok := errors.AsType[*tokens.RefusedError](err); ok {
				refusal.OAuthError = refused.OAuthError
			}
			return refusal
		}
	}
	return tokenRefusal(err)
}

// codeOfQuarantine tells apart who has to act: nothing but a new authorization
// leads on from a first code whose answer was lost.
func codeOfQuarantine(err *grants.QuarantinedError) Code {
	switch err.Reason {
	case grants.ReasonExchangeUnclear:
		return CodeAuthorizationLost
	case grants.ReasonIDTokenInvalid, grants.ReasonIDTokenUnchecked:
		return CodeIDToken
	}
	return CodeGrantQuarantined
}

// GrantRefusal is the refusal of an error of packages grants, authorize or vault,
// for what is not part of a call: the authorization of a PSU.
func GrantRefusal(err error) *Refusal { return AsRefusal(grantRefusal(err)) }

// ErrGrantsOff is the refusal of what needs grants where there is no vault.
func ErrGrantsOff() *Refusal { return refuse(CodeGrantsOff, "", nil) }

// AuthorizeBank is this ASPSP for the authorization of PSUs, with its present
// certificates. An error says why there is none.
func (a *ASPSP) AuthorizeBank() (*authorize.Bank, error) {
	bank := &authorize.Bank{ASPSP: a.Name(), Client: a.link().client, Scope: a.config.Scope,
		RedirectURI: a.config.RedirectURI, ReturnURLs: a.config.ReturnURLs}
	if err := bank.Validate(); err != nil {
		return nil, err
	}
	return bank, nil
}

// detailOf adds what the error knows, where its text is made for the app.
func detailOf(code Code, err error) string {
	switch code {
	case CodeTokenForm, CodeCallbackParameter, CodeAuthorizeParameter, CodeReturnURL, CodeAuthorizeOff:
		return err.Error()
	}
	return ""
}
