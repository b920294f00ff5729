package authorize

import (
	"context"
	"errors"
	"fmt"

	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/tokens"
	"github.com/caddy-tpp/caddy-tpp/vault"
)

// Result is how a flow ended.
type Result string

// All results.
const (
	// Granted: the grant is there and can be used.
	Granted Result = "granted"
	// Denied: the PSU, or the bank for them, said no (access_denied).
	Denied Result = "denied"
	// Failed: there is no new grant, or none that can be used yet.
	Failed Result = "failed"
)

// accessDenied is the error of a PSU who said no (RFC 6749 section 4.1.2.1).
const accessDenied = "access_denied"

// Outcome is the end of a flow.
type Outcome struct {
	// ReturnTo is where the PSU's browser is to be sent (303): on the allow-list,
	// with the result in its query. It holds the grant's name. "" if the state is
	// unknown: then there is only the error to show.
	ReturnTo string
	// ASPSP is the bank's configured name.
	ASPSP string
	// Grant is [grants.ID.Fingerprint].
	Grant string
	// Result is "" if ReturnTo is.
	Result Result
	// Code is sidecar_error: the bank's OAuth error code if it answered with one,
	// else the problem code of Finish's error. "" if the PSU granted.
	Code string
}

// Format prints the outcome without the return URL, for any verb.
func (o Outcome) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "%s %s/%s %s", o.Result, o.ASPSP, o.Grant, o.Code)
}

// MarshalText hides the return URL from encoders and loggers.
func (o Outcome) MarshalText() ([]byte, error) { return fmt.Append(nil, o), nil }

// Finish takes the bank's answer: it consumes the state, exchanges a code, and
// says where the PSU goes on to. bank gives the ASPSP of a name with its present
// certificates, as the state decides it.
//
// Without an error the PSU granted, or the bank answered with an OAuth error.
// With an error and a ReturnTo, the PSU goes on with sidecar_result=failed, and
// the error is for the log: ErrCallback, ErrIssuer, ErrReconfigured, bank's own,
// or one of [grants.Store.Exchange], such as [grants.ErrQuarantined]. With an
// error and no ReturnTo it is for showing: ErrCallback (no state), ErrStateUnknown,
// or the vault's, after which the same answer may be tried again.
//
// From when the state is consumed, ctx's end breaks nothing off: the code would
// be lost.
func (f *Flow) Finish(ctx context.Context, callback Callback, bank func(aspsp string) (*Bank, error)) (Outcome, error) {
	state, err := callback.stateOf()
	if err != nil {
		return f.rejected(err)
	}
	kept, err := f.consume(ctx, state)
	if err != nil {
		return f.rejected(err)
	}
	answer, err := callback.read(kept)
	switch {
	case err != nil:
		return f.ended(kept, Failed, "", err)
	case answer.refusal == accessDenied:
		return f.ended(kept, Denied, answer.refusal, nil)
	case answer.refusal != "":
		return f.ended(kept, Failed, answer.refusal, nil)
	}
	if err := f.redeem(context.WithoutCancel(ctx), kept, answer.code, bank); err != nil {
		return f.ended(kept, Failed, "", err)
	}
	return f.ended(kept, Granted, "", nil)
}

// redeem exchanges the code at the bank that the state belongs to.
func (f *Flow) redeem(ctx context.Context, kept *record, code string, bank func(string) (*Bank, error)) error {
	present, err := bank(kept.ASPSP)
	if err != nil {
		return err
	}
	if present == nil || present.ASPSP != kept.ASPSP || present.Client == nil || present.Client.Endpoint == nil {
		return fmt.Errorf("%w: it is no longer configured", ErrReconfigured)
	}
	clientID, err := clientIDOf(ctx, present.Client)
	if err != nil {
		return err
	}
	if serverOf(present.Client) != kept.Server || clientID != kept.ClientID {
		return fmt.Errorf("%w: the code belongs to another token endpoint or client_id", ErrReconfigured)
	}
	_, err = f.exchange(ctx, grants.ID{ASPSP: kept.ASPSP, Name: kept.Grant}, present.Client, grants.Code{
		Code: code, RedirectURI: kept.RedirectURI, Verifier: kept.Verifier, Scope: kept.Scope, Nonce: kept.Nonce,
	})
	return err
}

// ended makes the outcome of a flow whose state was consumed.
func (f *Flow) ended(kept *record, result Result, code string, err error) (Outcome, error) {
	if err != nil {
		code = oauthCode(f.code(err))
	}
	outcome := Outcome{
		ReturnTo: returnTo(kept.ReturnURL, kept.Grant, result, code),
		ASPSP:    kept.ASPSP,
		Grant:    grants.ID{ASPSP: kept.ASPSP, Name: kept.Grant}.Fingerprint(),
		Result:   result,
		Code:     code,
	}
	f.onEvent(Event{Kind: EventEnded, ASPSP: outcome.ASPSP, Grant: outcome.Grant, Result: result, Code: code, Err: err})
	return outcome, err
}

// rejected is the end of an answer that no flow is known for.
func (f *Flow) rejected(err error) (Outcome, error) {
	f.onEvent(Event{Kind: EventRejected, Err: err})
	return Outcome{}, err
}

// codeOf names an error where nobody else does.
func codeOf(err error) string {
	for _, known := range []struct {
		err  error
		code string
	}{
		{ErrCallback, "callback-invalid"},
		{ErrIssuer, "issuer-mismatch"},
		{ErrReconfigured, "aspsp-reconfigured"},
		{grants.ErrQuarantined, "grant-quarantined"},
		{vault.ErrUnavailable, "vault-unavailable"},
		{tokens.ErrUnavailable, "token-endpoint-unavailable"},
		{tokens.ErrMalformed, "token-answer-malformed"},
	} {
		if errors.Is(err, known.err) {
			return known.code
		}
	}
	if _, refused := errors.AsType[*tokens.RefusedError](err); refused {
		return "token-refused"
	}
	return "exchange-failed"
}
