package tokens

import (
	"context"
	"crypto"
	"net/http"
	"time"
)

// defaultTimeout is used when Endpoint.Timeout is zero.
const defaultTimeout = 10 * time.Second

// Endpoint is all that speaking to one ASPSP's authorization server needs. It
// must not be changed once it is in use.
type Endpoint struct {
	// URL is the token endpoint: absolute and https, or "" to ask Discovery.
	URL string
	// Spec is the ASPSP's token section, already validated.
	Spec Spec
	// Do sends a request over mTLS with the QWAC that [Key.Thumbprint] names,
	// and signs it if Spec.Sign says so; [PurposeOf] its context tells what the
	// request is for. It must send it once, and not follow redirects, as
	// [net/http.RoundTripper] does not. It gets a context of the call's own,
	// which carries the timeout and nothing of any caller.
	//
	// An error that knows whether anything reached the bank has a method
	// NotSent() bool; without one, only a failure to look up, to dial or to trust
	// the bank counts as not sent.
	Do func(*http.Request) (*http.Response, error)
	// Timeout bounds each whole call, from what has to be fetched first (metadata,
	// an application token) to the last byte of the answer. Default 10s.
	Timeout time.Duration
	// Now is the clock of everything but the [Cache], which has its own.
	// Default [time.Now].
	Now func() time.Time

	// Secret gives the client_secret, for client_secret_basic and
	// client_secret_post. It is called for every request that needs it, so that
	// a secret that was replaced needs no restart.
	Secret func() (string, error)
	// Key signs assertions (private_key_jwt) and request objects: the QSEAL's or
	// another key. RSA of 2048 bits or more, or ECDSA.
	Key crypto.Signer

	// JWT makes the JWTs of grant "jwt".
	JWT *Maker
	// Inbox is where the tokens of grant "delivered" come in.
	Inbox *Inbox

	// Application gives the token of the TPP itself that goes along as Bearer
	// where Spec.ApplicationToken says so; usually out of a [Cache].
	Application func(context.Context) (*Token, error)
	// ApplicationRefused is told of an application token that the bank answered
	// 401 to, so that it is not used again. May be nil.
	ApplicationRefused func(*Token)

	// Discovery is the server's metadata, asked for what is not configured here.
	// nil if there is none. It is meant to be shared by all Endpoints of an ASPSP.
	Discovery *Discovery
	// Keys are the keys that id_tokens are signed with, shared likewise. With
	// nil they are fetched for each id_token.
	Keys *KeySet

	// PushedURL, RevocationURL, AuthorizationURL and KeysURL are what is
	// configured for the other endpoints, as absolute URLs; Issuer is the
	// server's identifier. "" means that Discovery is asked.
	PushedURL, RevocationURL, AuthorizationURL, KeysURL, Issuer string
}

func (ep *Endpoint) timeout() time.Duration {
	if ep.Timeout > 0 {
		return ep.Timeout
	}
	return defaultTimeout
}

// fetchTimeout bounds a whole fetch.
func (ep *Endpoint) fetchTimeout() time.Duration {
	if ep.Spec.Grant == GrantDelivered {
		return ep.timeout() + ep.Spec.Delivered.wait()
	}
	return ep.timeout()
}

func (ep *Endpoint) now() time.Time {
	if ep.Now != nil {
		return ep.Now()
	}
	return time.Now()
}

// Purpose is what a request to an authorization server is for.
type Purpose string

// All purposes. Requests are form posts with client authentication unless it
// says otherwise; the last two are GETs without.
const (
	// PurposeToken asks for tokens of a PSU's authorization: code or refresh.
	PurposeToken Purpose = "token"
	// PurposeApplication asks for a token of the TPP itself (client_credentials).
	PurposeApplication Purpose = "application"
	// PurposeDelivery asks for a token that is delivered elsewhere. It is a POST
	// without a body.
	PurposeDelivery Purpose = "delivery"
	// PurposeRevoke revokes a token (RFC 7009).
	PurposeRevoke Purpose = "revoke"
	// PurposePush pushes an authorization request (RFC 9126).
	PurposePush Purpose = "push"
	// PurposeMetadata gets the server's metadata (RFC 8414).
	PurposeMetadata Purpose = "metadata"
	// PurposeKeys gets the server's keys (RFC 7517).
	PurposeKeys Purpose = "keys"
)

// errand is what a request's context says of it.
type errand struct {
	purpose  Purpose
	clientID string
}

type errandKey struct{}

// PurposeOf tells what a request is for, by the context it is sent with; "" if
// it is none of this package's.
func PurposeOf(ctx context.Context) Purpose {
	e, _ := ctx.Value(errandKey{}).(errand)
	return e.purpose
}

// ClientIDOf is the client_id that a request is made under, for those who sign
// it: with [Spec.ClientIDFromAnswer] it is another one than the configured.
func ClientIDOf(ctx context.Context) string {
	e, _ := ctx.Value(errandKey{}).(errand)
	return e.clientID
}

// errandContext starts a call: the caller's context without its values, which
// may be hooks into the caller's own affairs, bounded by the endpoint's timeout.
func (ep *Endpoint) errandContext(ctx context.Context, purpose Purpose, clientID string) (context.Context, context.CancelFunc) {
	ctx = context.WithValue(valueless{ctx}, errandKey{}, errand{purpose, clientID})
	return context.WithTimeout(ctx, ep.timeout())
}

// valueless is a context that ends with another and holds nothing.
type valueless struct{ context.Context }

func (valueless) Value(any) any { return nil }
