package sidecar

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/caddy-tpp/caddy-tpp/grants"
	"github.com/caddy-tpp/caddy-tpp/headers"
	"github.com/caddy-tpp/caddy-tpp/links"
	"github.com/caddy-tpp/caddy-tpp/psu"
	"github.com/caddy-tpp/caddy-tpp/signer"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// Exchange is one call of the app on its way to the bank and back. It belongs
// to one request and is not safe for concurrent use.
type Exchange struct {
	aspsp     *ASPSP
	absolute  bool
	operation string
	reached   links.Address // where the app reaches what is at base_url
	started   time.Time

	psu        psu.Context
	body       []byte
	bodyDigest string
	fallback   string // the app's reason, "" if not asked for
	grant      grants.ID
	code       *grants.Code // to exchange for the grant

	clientID      string // that it is made under
	requestID     string
	madeRequestID bool        // made here, so every attempt gets a new one
	authorization string      // the app's own, if allowed
	basic         string      // client_id and secret, as they go into Authorization
	withheld      http.Header // the app's, kept from the proxy
	passed        bool        // the proxy has the rest of them
	fixed         []headers.Field
	link          *link
	signer        *signer.Signer
	token         *tokens.Token // nil if the request carries none of ours

	// dry is true of a request that is only explained: nothing is asked for and
	// nothing sent.
	dry bool

	attempts int
	dropped  int
	lastDate time.Time
	sent     bool     // something of the request may have reached the bank
	status   int      // of the bank's answer, 0 while there is none
	failed   error    // of the latest RoundTrip
	refusal  *Refusal // answered to the app in the bank's place
}

// Prepare does everything that is local and can fail, before a bank is
// contacted for this request: the ASPSP's operation, control headers, PSU
// context, body, X-Request-ID and token. resolve replaces the placeholders of
// configured PSU sources. The error is always a *Refusal, except when the app
// went away (context.Canceled).
//
// The returned exchange owns the body; the caller passes it on in the context
// of the request, with [WithExchange].
func (route Route) Prepare(r *http.Request, resolve func(string) string) (*Exchange, error) {
	a := route.ASPSP
	ex := &Exchange{aspsp: a, absolute: route.Absolute, reached: a.reached(route), started: a.deps.Now()}
	if err := ex.prepare(r, resolve); err != nil {
		if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
			return nil, ex.finishCanceled(err)
		}
		return nil, ex.finishRefused(err)
	}
	return ex, nil
}

func (ex *Exchange) prepare(r *http.Request, resolve func(string) string) (err error) {
	a := ex.aspsp
	var inside bool
	ex.operation, inside = a.operation(r.Method, r.URL, ex.absolute)
	if err = ex.readRequestID(r.Header); err != nil {
		return err
	}
	if err = checkMethod(r); err != nil {
		return err
	}
	if !inside {
		return refuse(CodeOutsideBaseURL, "dot segments lead out of it", nil)
	}
	if err = ex.readControl(r.Header); err != nil {
		return err
	}
	if err = ex.readAuthorization(r.Header); err != nil {
		return err
	}
	if err = a.filter.Check(r.Header); err != nil {
		return refuse(CodeHeaderInvalid, err.Error(), err)
	}
	if ex.psu, err = a.psu.Collect(r.Header, resolve, ex.operation); err != nil {
		return psuRefusal(err)
	}
	if ex.fixed = a.fixed; !ex.dry { // an explanation shows where a secret is, not what
		if ex.fixed, err = a.resolveFixed(); err != nil {
			return err
		}
	}
	if ex.body, err = readBody(r, a.config.MaxBody); err != nil {
		return err
	}
	if err = ex.readRequestIDMember(); err != nil {
		return err
	}
	if err = ex.adopt(a.link()); err != nil {
		return err
	}
	if ex.captures() {
		return ex.readCode(r)
	}
	ex.bodyDigest = ex.link.signers.calls.Digest(ex.body)
	return ex.readyToken(r.Context())
}

// checkMethod refuses what cannot be signed: tunnels, upgrades, asterisk-form.
func checkMethod(r *http.Request) error {
	switch {
	case r.Method == http.MethodConnect || r.Method == http.MethodTrace:
		return refuse(CodeMethodRefused, r.Method, nil)
	case r.URL.Path == "*":
		return refuse(CodeMethodRefused, "asterisk-form", nil)
	case len(r.Header["Upgrade"]) > 0:
		return refuse(CodeUpgradeRefused, "", nil)
	}
	return nil
}

// readAuthorization takes the app's Authorization where that is configured.
// Where it is not, the call is refused rather than sent under another
// authorization than the app believes.
func (ex *Exchange) readAuthorization(h http.Header) error {
	values, spec := h[ex.aspsp.tokenKey], &ex.aspsp.config.Profile.Token
	if len(values) == 0 && len(h["Authorization"]) > 0 {
		// The bank takes its token elsewhere: this one would be lost.
		return refuse(CodeAuthorizationRefused, "this bank takes it in "+ex.aspsp.tokenHeader, nil)
	}
	if ex.operation == operationToken && ex.grant.Name == "" && (ex.aspsp.token == nil || !spec.FromApp && ex.fallback == "") {
		return refuse(CodeTokenEndpointClosed, "", nil)
	}
	if len(values) == 0 {
		return nil
	}
	if ex.grant.Name != "" {
		return refuse(CodeAuthorizationRefused, "and named a grant as well", nil)
	}
	if !spec.FromApp {
		return refuse(CodeAuthorizationRefused, "", nil)
	}
	if len(values) > 1 || values[0] == "" {
		return refuse(CodeHeaderInvalid, ex.aspsp.tokenHeader+" must be one value", nil)
	}
	ex.authorization = values[0]
	return nil
}

// psuRefusal maps the psu package's errors to codes. Their texts name headers
// and rules only.
func psuRefusal(err error) error {
	switch {
	case errors.Is(err, psu.ErrRequired):
		return refuse(CodePSURequired, err.Error(), err)
	case errors.Is(err, psu.ErrIncomplete):
		return refuse(CodePSUIncomplete, err.Error(), err)
	default:
		return refuse(CodePSUInvalid, err.Error(), err)
	}
}

// adopt binds the exchange to a link whose certificates can be used now.
func (ex *Exchange) adopt(l *link) error {
	if err := l.generation.Usable(ex.aspsp.deps.Now()); err != nil {
		return refuse(CodeCertificateUnusable, err.Error(), err)
	}
	ex.link, ex.signer, ex.clientID = l, l.signers.calls, l.signers.credentials.ClientID
	return nil
}

// destination returns the host part of where the request goes.
func (ex *Exchange) destination() *url.URL {
	if ex.operation == operationToken {
		return ex.aspsp.tokenAddress()
	}
	return ex.aspsp.base
}

// Operation returns the exchange's operation.
func (ex *Exchange) Operation() string { return ex.operation }

// RequestID returns the X-Request-ID of the latest attempt.
func (ex *Exchange) RequestID() string { return ex.requestID }

// ASPSP returns the bank the exchange is for.
func (ex *Exchange) ASPSP() *ASPSP { return ex.aspsp }

// exchangeKey is the context key of the exchange.
type exchangeKey struct{}

// WithExchange returns a context that carries the exchange.
func WithExchange(ctx context.Context, ex *Exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, ex)
}

// FromContext returns the exchange of a request, or nil.
func FromContext(ctx context.Context) *Exchange {
	ex, _ := ctx.Value(exchangeKey{}).(*Exchange)
	return ex
}
