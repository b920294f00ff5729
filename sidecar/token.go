package sidecar

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/caddy-tpp/caddy-tpp/signer"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// readyToken makes sure that the exchange has what goes into Authorization.
func (ex *Exchange) readyToken(ctx context.Context) error {
	if ex.operation == operationToken || ex.authorization != "" {
		return nil
	}
	if ex.aspsp.config.Profile.Token.Grant != "client_credentials" {
		return refuse(CodeTokenMissing, "", nil)
	}
	token, err := ex.aspsp.deps.Tokens.Token(ctx, ex.link.tokenKey, ex.link.endpoint)
	if err != nil {
		return tokenRefusal(err)
	}
	ex.token = token
	return nil
}

// dropToken forgets the exchange's token after the bank refused it.
func (ex *Exchange) dropToken() {
	ex.aspsp.deps.Tokens.Drop(ex.link.tokenKey, ex.token)
}

// tokenRefusal maps the tokens package's errors to codes, so that an app never
// sends a PSU to log in because of an outage.
func tokenRefusal(err error) error {
	if refused, ok := errors.AsType[*tokens.RefusedError](err); ok {
		refusal := refuse(CodeTokenRefused, "", err)
		refusal.OAuthError = refused.OAuthError
		return refusal
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	// A connection problem has a code and a remedy of its own.
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		switch refusal.Code {
		case CodeBankTimeout, CodeBankConnectionLost, CodeBankAnswerUnreadable:
		default:
			found := *refusal
			found.Detail, found.MaybeSent = "token endpoint", false
			return &found
		}
	}
	var timeout net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return refuse(CodeTokenTimeout, "", err)
	case errors.Is(err, tokens.ErrSpec):
		return refuse(CodeTokenMisconfigured, "", err)
	case errors.Is(err, tokens.ErrMalformed), errors.Is(err, tokens.ErrRedirected):
		return refuse(CodeTokenMalformed, "", err)
	default:
		return refuse(CodeTokenUnavailable, "", err)
	}
}

// sendTokenRequest sends a request of the tokens package over the connections,
// and with the signature if the profile says so, of one link.
func (a *ASPSP) sendTokenRequest(l *link, req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	if err := l.generation.Usable(a.deps.Now()); err != nil {
		return nil, refuse(CodeCertificateUnusable, err.Error(), err)
	}
	fixed, err := a.resolveFixed()
	if err != nil {
		return nil, err
	}
	appearance := func() (*http.Request, error) {
		out := req.Clone(req.Context())
		out.GetBody = nil
		a.own(out, body)
		now := a.deps.Now()
		out.Header["Date"] = []string{now.UTC().Format(http.TimeFormat)}
		out.Header["X-Request-ID"] = []string{a.deps.NewRequestID()}
		delete(out.Header, "X-Request-Id")
		// Present and empty keeps net/http from naming itself.
		out.Header["User-Agent"] = []string{""}
		for _, field := range fixed {
			// A form stays a form, whatever the API's own requests are.
			if key := http.CanonicalHeaderKey(field.Name); key != "Content-Type" && key != "Accept" {
				delete(out.Header, key)
				out.Header[field.Name] = []string{field.Value}
			}
		}
		if !a.config.Profile.Token.Sign {
			return out, nil
		}
		return out, a.sign(l, out, &signer.Message{Body: body, Operation: operationToken})
	}
	// Package tokens repeats a fetch itself if the connection was dead.
	response, _, err := l.send(appearance, false, nil)
	return response, err
}

// own gives a request a body that net/http will send as it is and never by
// itself a second time: a request that net/http may replay would appear twice
// on the wire with one X-Request-ID, Date and signature.
func (a *ASPSP) own(req *http.Request, body []byte) {
	req.GetBody, req.Trailer, req.TransferEncoding = nil, nil, nil
	req.ContentLength = int64(len(body))
	switch {
	case len(body) > 0:
		req.Body = io.NopCloser(bytes.NewReader(body))
	case bodiless(req.Method) || a.oneShot:
		// net/http replays a request without a body: over HTTP/1.1 those of
		// idempotent methods, over HTTP/2 all that a server refused to process. An
		// empty body of unknown length looks like one that cannot be repeated; the
		// identity coding keeps it from being probed or chunked, so that the wire
		// shows neither Content-Length nor Transfer-Encoding.
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(nil)), -1
		req.TransferEncoding = []string{"identity"}
	default:
		req.Body = http.NoBody
	}
}

// bodiless reports whether net/http would replay the method without a body.
func bodiless(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	return false
}
