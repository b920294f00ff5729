package sidecar

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/signer"
)

// RoundTrip makes the attempts of an exchange: it injects, signs and sends req
// to the exchange's ASPSP and returns the bank's answer as it is. It never
// follows a redirect. After a 401 on a token of our own it repeats once, with a
// new token and a new signature. An error is a *Refusal, or the context's if
// the app went away.
//
// req is what is left of the app's request after the proxy's own processing;
// its body is ignored in favour of the exchange's.
func (ex *Exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	response, err := ex.roundTrip(req)
	ex.failed = err
	return response, err
}

func (ex *Exchange) roundTrip(req *http.Request) (*http.Response, error) {
	if now, _ := ex.aspsp.operation(req.Method, req.URL, ex.absolute); now != ex.operation {
		return nil, refuse(CodeRewrittenAfterChecks, "", nil)
	}
	if ex.fallback != "" && ex.aspsp.deps.Hooks.Fallback != nil {
		ex.aspsp.deps.Hooks.Fallback(ex.aspsp.Name(), ex.operation, ex.requestID, ex.fallback)
	}
	common := ex.outboundHeaders(req.Header)
	response, err := ex.transmit(req, common)
	if err == nil && response.StatusCode == http.StatusUnauthorized && ex.token != nil {
		response, err = ex.repeatWithNewToken(req, common, response)
	}
	if err != nil {
		return nil, err
	}
	ex.cleanAnswer(response.Header)
	ex.status = response.StatusCode
	return response, nil
}

// transmit sends one request, again only if the connection had died before.
func (ex *Exchange) transmit(req *http.Request, common http.Header) (*http.Response, error) {
	if ex.attempts > 0 {
		// Certificates may have changed since: a later attempt uses the present ones.
		if err := ex.readopt(req.Context()); err != nil {
			return nil, err
		}
	}
	response, sent, err := ex.link.send(
		func() (*http.Request, error) { return ex.attempt(req, common) },
		bodiless(req.Method),
		func() { ex.replayed("connection") },
	)
	ex.sent = ex.sent || sent
	return response, err
}

// readopt moves the exchange to the present certificates, and to their token.
func (ex *Exchange) readopt(ctx context.Context) error {
	present := ex.aspsp.link()
	if present == ex.link {
		return nil
	}
	if err := ex.adopt(present); err != nil {
		return err
	}
	return ex.readyToken(ctx)
}

// repeatWithNewToken follows a 401: the token is dropped and the request,
// whose body the exchange still owns, is sent once more. If that is a 401 too,
// it is the bank's answer.
func (ex *Exchange) repeatWithNewToken(req *http.Request, common http.Header, refused *http.Response) (*http.Response, error) {
	discard(refused.Body)
	ex.dropToken()
	if err := ex.readyToken(req.Context()); err != nil {
		return nil, err
	}
	ex.replayed("token")
	return ex.transmit(req, common)
}

// discard reads a short body to its end, so that the connection can be reused.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 64<<10)
	_ = body.Close()
}

func (ex *Exchange) replayed(cause string) {
	if ex.aspsp.deps.Hooks.Replayed != nil {
		ex.aspsp.deps.Hooks.Replayed(ex.aspsp.Name(), ex.operation, cause)
	}
}

// cleanAnswer keeps the bank from sounding like the sidecar, and tells the app
// the X-Request-ID if the bank does not.
func (ex *Exchange) cleanAnswer(h http.Header) {
	for name := range h {
		if strings.HasPrefix(name, controlPrefix) {
			delete(h, name)
		}
	}
	if h.Get("X-Request-ID") == "" {
		h.Set("X-Request-ID", ex.requestID)
	}
}

// maxDeadConnections is how many dead idle connections in a row a request
// tries before all idle ones are closed.
const maxDeadConnections = 2

// send puts a request on the wire. appearance makes it anew for every try. It
// is tried again if an idle connection turns out to be dead and either nothing
// of the request was written, or the request may be repeated (idempotent).
// sent reports whether the bank may have received it.
func (l *link) send(appearance func() (*http.Request, error), idempotent bool, again func()) (response *http.Response, sent bool, err error) {
	defer l.sweep()
	for dead := 0; ; dead++ {
		req, err := appearance()
		if err != nil {
			return nil, sent, signingRefusal(err)
		}
		watch := &wireWatch{}
		response, err := l.transport.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), watch.trace())))
		if err == nil {
			return response, true, nil
		}
		wrote := watch.wrote()
		sent = sent || wrote
		if req.Context().Err() != nil && errors.Is(err, context.Canceled) {
			return nil, sent, context.Canceled
		}
		if !watch.reused || dead > maxDeadConnections || wrote && !idempotent || isTimeout(err) {
			return nil, sent, bankError(err, watch, sent)
		}
		if dead == maxDeadConnections-1 {
			l.transport.CloseIdleConnections()
		}
		if again != nil {
			again()
		}
	}
}

// signingRefusal maps the signer's errors to codes.
func signingRefusal(err error) error {
	switch {
	case errors.Is(err, signer.ErrHeaderMissing):
		return refuse(CodeSignedHeaderMissing, err.Error(), err)
	case errors.Is(err, signer.ErrHeaderValue):
		return refuse(CodeHeaderInvalid, err.Error(), err)
	default:
		return refuse(CodeSigningFailed, "", err)
	}
}
