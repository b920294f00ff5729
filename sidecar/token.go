package sidecar

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// readyToken makes sure that the exchange has what goes into Authorization.
func (ex *Exchange) readyToken(ctx context.Context) error {
	if ex.operation == operationToken || ex.authorization != "" {
		return nil
	}
	var err error
	spec := &ex.aspsp.config.Profile.Token
	switch {
	case ex.dry && ex.standInCredentials(spec):
		return nil
	case ex.grant.Name != "":
		err = ex.grantToken(ctx)
	case spec.Grant == tokens.GrantBasic:
		err = ex.basicCredentials()
	case !spec.Fetches() && spec.Optional:
		return nil
	case !spec.Fetches():
		return refuse(CodeTokenMissing, "", nil)
	default:
		err = ex.ownToken(ctx)
	}
	if err != nil || !spec.ClientIDFromAnswer {
		return err
	}
	return ex.rename(ctx)
}

// ownToken makes sure that the exchange has a token of the TPP itself.
func (ex *Exchange) ownToken(ctx context.Context) error {
	token, err := ex.link.own.Token(ctx, ex.link.endpoint)
	if err != nil {
		return tokenRefusal(err)
	}
	ex.token = token
	return nil
}

// rename lets the exchange sign under the client_id that came with the
// application token.
func (ex *Exchange) rename(ctx context.Context) error {
	application := ex.token
	if ex.grant.Name != "" {
		var err error
		application, err = ex.link.own.Token(ctx, ex.link.endpoint)
		if err != nil {
			return tokenRefusal(err)
		}
	}
	named, err := ex.link.signers.under(application.ClientID())
	if err != nil {
		return refuse(CodeSigningFailed, "", err)
	}
	ex.signer, ex.clientID = named, application.ClientID()
	return nil
}

// dropToken forgets the exchange's token after the bank refused it.
func (ex *Exchange) dropToken() {
	if ex.grant.Name != "" {
		ex.aspsp.deps.Grants.Drop(ex.grant, ex.token)
		return
	}
	ex.link.own.Drop(ex.token)
}

// tokenRefusal maps the tokens package's errors to codes, so that an app never
// sends a PSU to log in because of an outage.
func tokenRefusal(err error) error {
	if refused, ok := errors.AsType[*tokens.RefusedError](err); ok {
		code := CodeTokenRefused
		if tokens.ClientRefused(err) {
			code = CodeClientRefused
		}
		refusal := refuse(code, "", err)
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
			found.MaybeSent = false
			if found.Code != CodeSecretUnreadable {
				found.Detail = "token endpoint"
			}
			return &found
		}
	}
	var timeout net.Error
	switch {
	case errors.Is(err, tokens.ErrUndelivered):
		return refuse(CodeTokenUndelivered, "", err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return refuse(CodeTokenTimeout, "", err)
	case errors.Is(err, tokens.ErrSpec), errors.Is(err, tokens.ErrMetadata):
		return refuse(CodeTokenMisconfigured, "", err)
	case errors.Is(err, tokens.ErrMalformed), errors.Is(err, tokens.ErrRedirected):
		return refuse(CodeTokenMalformed, "", err)
	default:
		return refuse(CodeTokenUnavailable, "", err)
	}
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
